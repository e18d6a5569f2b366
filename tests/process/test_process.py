"""A process of its own does what a generator here would do, and whatever happens to it, nothing of it is left."""

from __future__ import annotations

import contextlib
import gc
import inspect
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import process_stand_ins as work
from napari_wnet import errors
from napari_wnet.errors import DeviceError, DownloadError, WNetError
from napari_wnet.process import in_process, outcome
from napari_wnet.process.frames import decode, encode, read_parts, write_parts
from napari_wnet.reports import Progress, drain

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals")


def followed(steps: Generator[Any, None, Any], *, stop: bool = False) -> tuple[list[Any], Any]:
    """Return the reports without the heartbeats, and the result, asking the work to stop first if so wished."""
    reports = []
    try:
        reports.append(steps.throw(KeyboardInterrupt()) if stop else next(steps))
        while True:
            reports.append(next(steps))
    except StopIteration as end:
        return [report for report in reports if report is not None], end.value


def first(steps: Generator[Any, None, Any]) -> Any:
    """Return the first report that is no heartbeat."""
    return next(report for report in iter(lambda: next(steps), ...) if report is not None)


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that is dead and not yet collected by its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def until(condition: Callable[[], bool]) -> None:
    """Wait for what is to happen; that it takes a minute is a failure."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def open_files() -> set[tuple[str, str]]:
    """Return the numbers of this process's open files, with what is behind them: pipes have names of their own."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that which lists them
            found.add((path.name, str(path.readlink())))
    return found


@pytest.fixture(autouse=True)
def nothing_is_left() -> Any:
    """No thread, no open file and no zombie is left by any test here."""
    if sys.platform != "linux":
        yield
        return
    gc.collect()
    threads, files = set(threading.enumerate()), open_files()
    yield
    # What other tests left running or open may come to its end meanwhile: only what is new counts.
    assert set(threading.enumerate()) <= threads
    assert open_files() <= files
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert [pid for pid in children if not alive(int(pid))] == []


def test_reports_and_result_are_those_of_the_generator():
    assert followed(in_process(work.counting, 3)) == (
        [Progress(done=i, total=3, what="counting") for i in range(3)],
        "done",
    )
    assert drain(in_process(work.counting, 0)) == "done"


def test_more_reports_than_are_read_ahead_arrive_in_order():
    reports, result = followed(in_process(work.counting, 2000))
    assert [report.done for report in reports] == list(range(2000))
    assert result == "done"


def test_large_results_arrive_after_the_last_report():
    np.testing.assert_array_equal(drain(in_process(work.large_result, 3_000_000)), np.arange(3_000_000))


def test_arrays_arrive_whole_writable_and_apart_from_those_here():
    array = np.random.default_rng(0).random((3, 700, 500))
    before = array.copy()
    result = drain(in_process(work.doubled, array))
    np.testing.assert_array_equal(result, before * 2)
    np.testing.assert_array_equal(array, before)
    result += 1


def test_arrays_are_not_copied_to_be_sent():
    array = np.arange(1000.0)
    parts = encode({"a": array, "view": array[::2]})
    assert any(np.shares_memory(np.frombuffer(part, np.uint8), array) for part in parts)
    assert len(parts[0]) < array.nbytes


@pytest.mark.parametrize("value", [None, [1, "a"], np.zeros((0, 3)), np.asfortranarray(np.eye(5)), np.array("text")])
def test_frames_bring_back_what_was_put_in(value, tmp_path):
    path = tmp_path / "frame"
    with path.open("wb") as file:
        write_parts(file, encode(value))
    with path.open("rb") as file:
        np.testing.assert_equal(decode(read_parts(file)), value)
        with pytest.raises(EOFError):
            read_parts(file)
    path.write_bytes(path.read_bytes()[:-1])
    with path.open("rb") as file, pytest.raises(EOFError):
        read_parts(file)


@POSIX
def test_it_is_another_process_with_its_own_settings(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    found = drain(in_process(work.facts, "OMP_NUM_THREADS", "PATH", threads=3, niceness=4))
    assert found["pid"] != os.getpid()
    assert found["nice"] == min(os.nice(0) + 4, 19)
    assert found["environment"] == {"OMP_NUM_THREADS": "3", "PATH": os.environ["PATH"]}
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert found["main"] is None
    assert not {"torch", "napari", "qtpy", "pytest"} & set(found["modules"])


def test_torch_there_uses_as_many_threads_as_said():
    assert drain(in_process(work.torch_threads, threads=1)) == 1


def test_what_the_work_prints_does_not_disturb_the_reports():
    code = (
        "from napari_wnet.process import in_process\nimport process_stand_ins as work\n"
        "steps = in_process(work.printing)\n"
        "print([report for report in steps if report])\n"
    )
    done = python(code)
    assert done.stdout.splitlines() == ["['report']"]
    assert "printed by the work" in done.stderr
    assert "written by the work" in done.stderr


SCRIPT = """
import sys
sys.path[:] = {path!r}
from napari_wnet.process import in_process
from napari_wnet.reports import drain
import process_stand_ins as work
print(drain(in_process(work.counting, 2)))
"""


def python(code: str, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    code = SCRIPT.format(path=sys.path).partition("from")[0] + code
    arguments = arguments or ("-c", code)
    return subprocess.run(
        [sys.executable, *arguments], input=given, capture_output=True, text=True, check=True, timeout=120
    )


def test_it_starts_from_a_script_without_a_guard_that_is_run_once(tmp_path):
    script = tmp_path / "script"
    script.write_text(SCRIPT.format(path=sys.path))
    assert python("", str(script)).stdout == "done\n"


def test_it_starts_from_a_command_and_from_a_prompt():
    code = SCRIPT.format(path=sys.path)
    assert python("", "-c", code).stdout == "done\n"
    assert python("", "-i", "-q", given=code).stdout == "done\n"


def test_what_cannot_be_sent_is_refused_before_anything_starts():
    for function in (lambda: work.counting(1), threading.Lock().acquire):
        with pytest.raises(TypeError, match="importable module"):
            next(in_process(function))
    with pytest.raises(TypeError, match="can be pickled"):
        next(in_process(work.counting, threading.Lock()))


def test_a_function_of_the_main_module_is_refused():
    code = (
        "from napari_wnet.process import in_process\ndef steps():\n    yield 1\n"
        "try:\n    next(in_process(steps))\nexcept TypeError as error:\n    print(error)\n"
    )
    assert "steps is in the main module" in python(code).stdout


def test_nothing_starts_before_it_is_driven(monkeypatch):
    started = []
    monkeypatch.setattr(subprocess, "Popen", lambda *words, **options: started.append(words))
    in_process(work.counting, 1).close()
    assert not started


def test_stop_lets_the_work_end_with_what_it_has():
    steps = in_process(work.stoppable)
    assert first(steps) == 1
    reports, result = followed(steps, stop=True)
    assert reports[-1] == "tidying up"
    assert result == "best so far"


def test_stop_before_the_first_report_waits_for_it(tmp_path):
    steps = in_process(work.stoppable_once_there, str(tmp_path / "go"))
    assert next(steps) is None
    assert steps.throw(KeyboardInterrupt()) is None
    (tmp_path / "go").touch()
    assert followed(steps) == (["began", "tidying up"], "best so far")


def test_stop_that_the_work_does_not_know_comes_back():
    steps = in_process(work.not_stoppable)
    first(steps)
    with pytest.raises(KeyboardInterrupt):
        followed(steps, stop=True)


def test_a_second_stop_ends_busy_work(tmp_path):
    steps = in_process(work.waiting_for, str(tmp_path / "never"))
    assert next(steps) is None
    assert steps.throw(KeyboardInterrupt()) is None
    with pytest.raises(KeyboardInterrupt):
        steps.throw(KeyboardInterrupt())
    with pytest.raises(StopIteration):
        next(steps)


def test_another_exception_thrown_in_ends_the_work(tmp_path):
    steps = in_process(work.careful, str(tmp_path / "closed"))
    first(steps)
    with pytest.raises(ZeroDivisionError):
        steps.throw(ZeroDivisionError())
    assert (tmp_path / "closed").exists()


def test_the_driver_is_not_kept_waiting_by_busy_work(tmp_path):
    path = tmp_path / "file"
    steps = in_process(work.waiting_for, str(path))
    assert [next(steps) for _ in range(3)] == [None, None, None]
    path.touch()
    assert followed(steps) == (["it is there"], "done")


@LINUX
def test_close_ends_the_work_between_two_reports(tmp_path):
    steps = in_process(work.careful, str(tmp_path / "closed"))
    pid = first(steps)
    steps.close()
    assert (tmp_path / "closed").exists()
    assert not alive(pid)


@LINUX
def test_close_ends_busy_work_that_can_still_tidy_up(tmp_path):
    steps = in_process(work.careful_and_busy, str(tmp_path / "closed"))
    pid = first(steps)
    steps.close()
    assert (tmp_path / "closed").exists()
    assert not alive(pid)


@LINUX
def test_close_ends_stubborn_work():
    steps = in_process(work.stubborn)
    pid = first(steps)
    steps.close()
    assert not alive(pid)


@LINUX
def test_close_ends_what_the_work_has_started():
    steps = in_process(work.with_a_child_of_its_own)
    pid = first(steps)
    steps.close()
    until(lambda: not alive(pid))
    assert list(steps) == []


def test_close_while_arguments_are_on_their_way():
    steps = in_process(work.doubled, np.zeros(30_000_000))
    next(steps)
    steps.close()
    assert list(steps) == []  # over, and the fixture sees that no process is left


def test_a_generator_that_is_dropped_ends_its_work(tmp_path):
    steps = in_process(work.careful, str(tmp_path / "closed"))
    first(steps)
    del steps
    assert (tmp_path / "closed").exists()


def kinds() -> list[type[WNetError]]:
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_error_of_the_project_is_known(kind):
    assert outcome.ERRORS[kind.__name__] is kind


@pytest.mark.parametrize("kind", [errors.ImageError, errors.DivergedError])
def test_a_project_error_arrives_as_it_is(kind):
    with pytest.raises(kind, match=r"^Why\. And what to do\.$") as caught:
        drain(in_process(work.raising, kind.__name__, "Why. And what to do."))
    assert type(caught.value) is kind


def test_an_error_that_is_not_listed_arrives_as_the_nearest_that_is():
    with pytest.raises(DownloadError, match="Not listed") as caught:
        drain(in_process(work.raising_special))
    assert type(caught.value) is DownloadError


def test_a_refusal_before_the_first_report_arrives_too():
    with pytest.raises(errors.ImageError, match="no pixels"):
        drain(in_process(work.refusing))


def test_an_unexpected_error_is_explained_and_logged_with_its_place(caplog):
    with caplog.at_level(logging.ERROR), pytest.raises(WNetError, match=r"ZeroDivisionError: odd.*cpu"):
        drain(in_process(work.raising_builtin, ZeroDivisionError))
    assert "in raising_builtin" in caplog.text


@pytest.mark.parametrize(
    "function", [work.unsendable_report, work.unsendable_result, work.unreadable_result], ids=lambda f: f.__name__
)
def test_what_cannot_come_back_is_said(function, caplog):
    with pytest.raises(WNetError, match="unexpected"):
        drain(in_process(function))


def test_lack_of_memory_names_the_remedy():
    with pytest.raises(DeviceError, match=r"not enough memory.*smaller crops"):
        drain(in_process(work.raising_builtin, MemoryError))


@POSIX
@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (signal.SIGKILL if os.name == "posix" else 9, DeviceError, "memory ran out.*smaller crops"),
        (signal.SIGBUS if os.name == "posix" else 9, WNetError, "SIGBUS.*'cpu'"),
    ],
)
def test_a_killed_child_is_explained(number, kind, words):
    with pytest.raises(kind, match=words):
        drain(in_process(work.killed, number))


def test_a_child_that_leaves_is_explained():
    with pytest.raises(WNetError, match="exit code 3"):
        drain(in_process(work.leaving, 3))


def test_a_system_that_starts_no_process_is_explained(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(WNetError, match="No process could be started"):
        next(in_process(work.counting, 1))


PARENT = """
from napari_wnet.process import in_process
import process_stand_ins as work
steps = in_process(work.{name}, *sys.argv[1:])
while True:
    report = next(steps)
    if report is not None:
        print(report, flush=True)
"""


@LINUX
@pytest.mark.parametrize("name", ["careful", "careful_and_busy", "stubborn"])
def test_the_child_ends_when_its_parent_is_killed(name, tmp_path):
    code = SCRIPT.format(path=sys.path).partition("from")[0] + PARENT.format(name=name)
    arguments = [] if name == "stubborn" else [str(tmp_path / "closed")]
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    until(lambda: not alive(pid))
    assert name != "careful" or (tmp_path / "closed").exists()


@POSIX
def test_ctrl_c_while_waiting_is_stop(tmp_path):
    code = (
        "import os, signal\nfrom napari_wnet.process import in_process\nimport process_stand_ins as work\n"
        "steps, reports = in_process(work.stoppable_slowly), []\n"
        "while reports[-1:] != ['began']:\n    reports += filter(None, [next(steps)])\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background job begins without it
        "before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.05)\n"
        "try:\n    while True:\n        reports += filter(None, [next(steps)])\n"
        "except StopIteration as end:\n    print(reports, end.value)\n"
    )
    said = python(code).stdout
    assert re.fullmatch(r"\['began', ('next', )*'tidying up'\] best so far\n", said), said


def test_training_in_a_process_can_be_stopped_and_keeps_its_best():
    from napari_wnet.network.dataset import Sample
    from napari_wnet.network.training import TrainingRun
    from napari_wnet.params import WNetConfig
    from napari_wnet.reports import EpochReport
    from napari_wnet.train_params import AugmentParams, TrainParams
    from scenes import disks_picture

    samples = [Sample.checked(f"s{seed}", *disks_picture(seed)) for seed in range(2)]
    params = TrainParams(steps=100_000, batch_size=1, crop_size=32, validate_every=2, augment=AugmentParams(elastic=0))
    config = WNetConfig(widths=(4, 8), stem=2, embedding_dim=4, concat_channels=4)
    run = TrainingRun(samples=samples[:1], validation=samples[1:], config=config, params=params, device="cpu")
    steps = in_process(work.training, run, threads=1)
    assert isinstance(first(steps), EpochReport)
    _, trained = followed(steps, stop=True)
    assert 0 < trained.step <= trained.steps_done < params.steps
    assert trained.scores
    assert trained.network.config == config
