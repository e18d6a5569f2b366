"""Batches on a real scheduler with real worker processes, one of which is killed."""

from __future__ import annotations

import functools
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_wnet import scheduler as scheduling
from napari_wnet.batch.distributed import MODEL, segment_item
from napari_wnet.batch.inputs import find_inputs
from napari_wnet.batch.job import BatchJob, FileResult, FileStarted
from napari_wnet.batch.outputs import WORK
from napari_wnet.batch.run import batch_steps
from napari_wnet.errors import NoRoomError, SchedulerError
from napari_wnet.network.registry import load_model
from napari_wnet.reports import drain
from napari_wnet.scheduler import Workers, check_scheduler, local_versions, workers

pytest.importorskip("distributed")
COUNT = 24
UNGUARDED = """
import sys
from napari_wnet.errors import SchedulerError
from napari_wnet.scheduler import workers

try:
    with workers("processes", 1):
        pass
except SchedulerError as error:
    sys.exit(str(error))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """A scheduler and workers in processes of their own."""

    def __init__(self, n_workers: int, folder: Path) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.folder = folder
        port = self.address.rpartition(":")[2]
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        self.workers = [self._start("worker", self.address, *options) for _ in range(n_workers)]

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=quiet, stderr=quiet)

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(2, tmp_path)
    yield made
    made.close()


@pytest.fixture
def images(tmp_path, nuclei_image) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(COUNT):
        y, x = 60 * (number // 8), 80 * (number % 8)
        tifffile.imwrite(folder / f"{number}.tif", nuclei_image[0, y : y + 128, x : x + 128])
    (folder / "broken.tif").write_bytes(b"II*\0 no")
    return folder


@pytest.fixture
def job(tmp_path) -> BatchJob:
    model = load_model("nuclei")
    return BatchJob(model=model, params=model.header.params, out=tmp_path / "out", device="cpu")


def labels(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: tifffile.imread(path) for path in sorted(folder.glob("*_labels.tif"))}


def same(one: Path, other: Path) -> None:
    first, second = labels(one), labels(other)
    assert sorted(first) == sorted(second)
    for name, own in first.items():
        np.testing.assert_array_equal(own, second[name])


def test_a_killed_workers_files_are_done_by_the_other(cluster, job, images, tmp_path):
    items = find_inputs([str(images)], job.out).items
    results = []
    for report in batch_steps(job, items, scheduler=cluster.address):
        if isinstance(report, FileResult):
            results.append(report)
            if len(results) == COUNT // 3:
                cluster.workers[0].send_signal(signal.SIGKILL)
    assert Counter(result.path.name for result in results) == Counter(item.path.name for item in items)
    assert [result.path.name for result in results if result.state == "failed"] == ["broken.tif"]
    alone = replace(job, out=tmp_path / "alone")
    drain(batch_steps(alone, items))
    same(job.out, alone.out)
    assert sorted(path.name for path in job.out.iterdir()) == sorted(path.name for path in alone.out.iterdir())


def test_a_batch_that_is_closed_waits_for_no_file_and_leaves_no_worker_at_one(tmp_path, job, images, nuclei_image):
    cluster = Cluster(1, tmp_path)
    try:
        slow, quick = images / "0.tif", find_inputs([str(images / "1.tif")], job.out).items
        tifffile.imwrite(slow, np.tile(nuclei_image[0], (2, 1)))
        endless = replace(job, params=job.params.replace(tiles__size=64))
        steps = batch_steps(endless, find_inputs([str(slow)], job.out).items, scheduler=cluster.address)
        while not isinstance(next(steps), FileStarted):
            pass
        with workers(cluster.address) as others:
            while 1 not in others.client.run(lambda dask_worker: dask_worker.state.executing_count).values():
                assert next(steps) is None
        steps.close()
        assert not job.out.exists()
        assert [result.state for result in drain(batch_steps(job, quick, scheduler=cluster.address))] == ["done"]
        assert list(labels(job.out)) == ["1_labels.tif"]  # the worker was free for it
    finally:
        cluster.close()


def test_what_is_closed_cancels_what_workers_have_not_begun(tmp_path):
    def work(name):
        (tmp_path / name).touch()
        while not (tmp_path / "go").exists():
            time.sleep(0.01)
        return name

    with workers("processes", 1) as pool:
        told = pool.outcomes(work, ["a", "b"])
        assert [next(told), next(told)] == [("a", None), ("b", None)]
        while not (tmp_path / "a").exists():
            assert next(told) is None
        told.close()
        (tmp_path / "go").touch()
        assert list(pool(abs, [-3])) == [3]
        assert not (tmp_path / "b").exists()


def test_ctrl_c_ends_the_command_and_its_processes_without_a_word_of_theirs(tmp_path, nuclei_image):
    tifffile.imwrite(tmp_path / "slow.tif", np.tile(nuclei_image[0], (2, 1)))
    out = tmp_path / "out"
    words = ["segment", str(tmp_path / "slow.tif"), "--out", str(out), "--tile-size", "64", "--device", "cpu"]
    command = [sys.executable, "-m", "napari_wnet.cli", *words, "--scheduler", "processes"]
    heeded = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # what a shell began with '&' ignores it
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heeded)
    while not list(out.glob(f"{WORK}/*{MODEL}")):  # the workers are there then
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, said = process.communicate()
    assert (process.returncode, said) == (130, "napari-wnet: stopped\n")
    assert not out.exists()


def test_a_script_that_lacks_its_guard_is_told_so(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "needs 'if __name__ == \"__main__\":'" in done.stderr


def test_a_lost_scheduler_is_told_and_nothing_finished_is_lost(cluster, job, images):
    items = find_inputs([str(images)], job.out).items
    with pytest.raises(SchedulerError, match=r"is gone.*goes on from there"):
        for report in batch_steps(job, items, scheduler=cluster.address):
            if isinstance(report, FileResult):
                cluster.scheduler.kill()
    finished = len(list(job.out.glob("*.json")))
    assert finished >= 1
    cluster.close()
    results = drain(batch_steps(job, items))
    assert sum(result.state == "skipped" for result in results) >= finished
    assert len(labels(job.out)) == COUNT


def test_each_file_is_told_as_it_is_handed_over_and_as_it_ends(cluster, job, images):
    reports = list(batch_steps(job, find_inputs([str(images)], job.out).items, scheduler=cluster.address))
    started = [report.path for report in reports if isinstance(report, FileStarted)]
    ended = [report.path for report in reports if isinstance(report, FileResult)]
    assert sorted(started) == sorted(ended) == sorted(images.iterdir())
    for path in started:
        first, last = (i for i, report in enumerate(reports) if getattr(report, "path", None) == path)
        assert isinstance(reports[first], FileStarted)
        assert isinstance(reports[last], FileResult)


def test_no_scheduler_at_an_address(monkeypatch, job, images):
    monkeypatch.setattr(scheduling, "CONNECT_S", 1)
    with pytest.raises(SchedulerError, match="No scheduler with a worker answers"):
        drain(batch_steps(job, find_inputs([str(images)], job.out).items, scheduler=f"tcp://127.0.0.1:{free_port()}"))
    assert not job.out.exists()


@pytest.mark.parametrize("name", ["thread", "127.0.0.1:8786", "tcp://host", "http://host:1", ""])
def test_what_is_no_scheduler_is_told_before_anything_begins(job, images, name):
    with pytest.raises(SchedulerError, match="choose threads, processes, or an address"):
        drain(batch_steps(job, find_inputs([str(images)], job.out).items, scheduler=name))
    assert not job.out.exists()


def test_what_can_be_one_is_taken():
    for name in ("threads", "processes", "tcp://10.0.0.5:8786", "tls://node-1.cluster:80"):
        assert check_scheduler(name) == name


class Stub:
    """A client whose workers answer as they are told to."""

    def __init__(self, answer) -> None:
        self.answer = answer

    def run(self, function, *arguments):
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"tcp://w": self.answer}


def test_workers_of_another_version_are_refused():
    with pytest.raises(SchedulerError, match=r"has napari-wnet 0\.0\.1, here it is"):
        Workers(Stub(local_versions() | {"napari-wnet": "0.0.1"}))
    with pytest.raises(SchedulerError, match="install the same version"):
        Workers(Stub(ModuleNotFoundError("napari_wnet")))


def test_other_versions_of_what_computes_are_noted():
    notes = Workers(Stub(local_versions() | {"torch": "1.0"})).notes
    assert len(notes) == 1
    assert "torch 1.0 (here" in notes[0]
    assert Workers(Stub(local_versions())).notes == ()


def test_workers_on_another_disk_are_told(tmp_path):
    pool = Workers(Stub(local_versions()))
    pool.client.answer = False
    with pytest.raises(SchedulerError, match="do not see"):
        pool.check_sees(tmp_path / "model")


def test_a_full_disk_on_a_worker_stops_all(job, images, monkeypatch):
    class Pool:
        notes = ()

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def check_sees(self, path):
            assert path.is_file()

        def outcomes(self, function, items):
            assert function is segment_item
            for item in items:
                yield item, None
                yield item, NoRoomError("the disk is full")

    monkeypatch.setattr("napari_wnet.batch.distributed.workers", lambda _: Pool())
    with pytest.raises(NoRoomError):
        drain(batch_steps(job, find_inputs([str(images)], job.out).items, scheduler="processes"))


def test_processes_of_this_machine_give_the_same_labels_and_go_with_the_run(job, images, tmp_path):
    items = find_inputs([str(images)], job.out).items[:3]
    drain(batch_steps(job, items, scheduler="processes"))
    alone = replace(job, out=tmp_path / "alone")
    drain(batch_steps(alone, items))
    same(job.out, alone.out)
    with workers("processes", 1) as pool:
        assert pool.n_threads == 1
        assert list(pool(abs, [-3])) == [3]
        with pytest.raises(SchedulerError, match=r"TypeError: .*please report it"):
            list(pool(abs, ["a"]))
