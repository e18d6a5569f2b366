"""A project folder comes back as it was saved, and whatever interrupts a save costs no more than that save."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from napari_wnet.errors import ImageError, OutputError, ProjectError
from napari_wnet.project import (
    ImageState,
    LabelsState,
    ProjectFolder,
    ProjectState,
    load_project,
    pixels_sha256,
    save_project,
)
from project_stand_ins import a_state, arrays, names, same

POSIX = pytest.mark.skipif(os.name != "posix", reason="kills, permissions and links as POSIX has them")


PLANES = st.tuples(st.integers(0, 1), st.integers(0, 2))
TICKS = st.dictionaries(PLANES, st.frozensets(st.integers(1, 2**31 - 1), max_size=3), max_size=3)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
SETTINGS = st.dictionaries(st.text(), JSON, max_size=3)
SHAPE = (2, 3, 5, 4)
LABELS = st.builds(
    LabelsState,
    name=st.text(),
    labels=st_numpy.arrays(np.int32, SHAPE, elements=st.integers(0, 2**31 - 1) | st.integers(0, 3)),
    done=TICKS,
    locked=TICKS,
    cleared=st.none() | st_numpy.arrays(bool, SHAPE),
    seeds=st.none()
    | st_numpy.arrays(np.float64, st.tuples(st.integers(0, 4), st.just(4)), elements=st.floats(-1e9, 1e9)),
    corner=st.none() | st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1)),
)
IMAGES = st.builds(
    ImageState,
    name=st.text(),
    path=st.text(),
    shape=st.tuples(st.integers(0, 10), st.integers(0, 10)),
    sha256=st.text(max_size=64),
    settings=SETTINGS,
    labels=st.lists(LABELS, max_size=2).map(tuple),
)
STATES = st.builds(ProjectState, images=st.lists(IMAGES, max_size=2).map(tuple), settings=SETTINGS)


@given(states=st.lists(STATES, min_size=1, max_size=3))
def test_what_is_saved_last_comes_back(states, tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    with ProjectFolder(folder) as project:
        for state in states:
            project.save(state)
    found = load_project(folder)
    assert same(found, states[-1])
    assert found.problems == ()
    referenced = {path.name for path in arrays(folder)}
    assert len(referenced) <= 2 * sum(len(image.labels) for image in states[-1].images)
    assert names(folder) == sorted([*referenced, "project.json"])


def test_a_folder_with_nothing_in_it_is_an_empty_project(tmp_path):
    assert same(load_project(tmp_path / "not there"), ProjectState())


def test_files_are_for_any_program(tmp_path):
    from napari_wnet.io.images import read_labels

    state = a_state(1)
    save_project(tmp_path, state)
    (path,) = tmp_path.glob("labels-*.tif")
    np.testing.assert_array_equal(read_labels(path), state.images[0].labels[0].labels)


def test_what_has_not_changed_is_not_written_again(tmp_path):
    state = a_state(1)
    labels = state.images[0].labels[0]
    with ProjectFolder(tmp_path) as project:
        assert len(project.save(state)) == 2
        before = {path: path.stat() for path in arrays(tmp_path)}
        assert project.save(state) == ()
        assert {path: path.stat() for path in arrays(tmp_path)} == before
        ticked = LabelsState(**{**vars(labels), "done": {(): frozenset({3})}})
        changed = ProjectState(images=(ImageState(name="image", labels=(ticked,)),))
        assert project.save(changed) == ()
        assert load_project(tmp_path).images[0].labels[0].done == {(): frozenset({3})}
        other = LabelsState(**{**vars(labels), "labels": labels.labels + 1})
        assert len(project.save(ProjectState(images=(ImageState(name="image", labels=(other,)),)))) == 1
    assert len(arrays(tmp_path)) == 2


def test_labels_that_are_edited_while_they_are_saved_fit_their_hash(tmp_path, monkeypatch):
    from napari_wnet.project import arrays as module

    state = a_state(1)
    labels = state.images[0].labels[0].labels
    original = module.write_tiff

    def write(path, array, axes):
        labels[0] += 1  # someone paints
        original(path, array, axes)

    monkeypatch.setattr(module, "write_tiff", write)
    save_project(tmp_path, state)
    assert load_project(tmp_path).problems == ()


@pytest.mark.parametrize(
    "change",
    [
        {"labels": np.zeros((3, 0), np.int32)},
        {"labels": np.zeros(3, np.int32)},
        {"labels": np.full((2, 2), -1)},
        {"labels": np.ones((2, 2))},
        {"labels": np.full((2, 2), 2**31)},
        {"cleared": np.zeros((2, 2), bool)},
        {"cleared": np.zeros((40, 30), np.uint8)},
        {"seeds": np.zeros((3, 3))},
        {"seeds": np.full((3, 2), np.nan)},
    ],
)
def test_what_is_no_labels_layer_is_refused(change):
    with pytest.raises(ImageError):
        LabelsState(**{**vars(a_state(1).images[0].labels[0]), **change})


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, np.zeros(2)])
def test_settings_that_json_cannot_hold_are_refused_and_nothing_is_lost(tmp_path, value):
    save_project(tmp_path, a_state(1))
    before = names(tmp_path)
    with pytest.raises(OutputError, match="settings cannot be kept"):
        save_project(tmp_path, ProjectState(images=a_state(2).images, settings={"a": value}))
    assert names(tmp_path) == before
    assert same(load_project(tmp_path), a_state(1))


def test_the_hash_of_an_image_knows_its_shape_and_type_but_not_its_layout(rng):
    image = rng.integers(0, 200, (3, 6, 8), np.uint16)
    known = pixels_sha256(image)
    assert pixels_sha256(np.asfortranarray(image)) == known
    assert pixels_sha256(image.astype(">u2")) == known
    different = [image.astype(np.int32), image.reshape(3, 8, 6), image[:2], image + np.uint16(1)]
    assert known not in [pixels_sha256(other) for other in different]


# --- kills ---


class Killed(BaseException):
    """What the test's own kill raises: like a real one, nothing in the program handles it."""


class Clock:
    """Counts the steps that a program takes on the disk and kills it before one of them: no later step is taken.

    Where the step before was to open a file for writing, half of what was written is lost.
    """

    STEPS = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.truncate"})

    def __init__(self) -> None:
        self.folder: str | None = None
        self.count = self.last = 0
        self.writing: Path | None = None
        sys.addaudithook(self.hook)

    def hook(self, event: str, values: tuple[Any, ...]) -> None:
        if self.folder is None or event not in self.STEPS or not str(values[0]).startswith(self.folder):
            return
        self.count += 1
        if self.count > self.last:
            raise Killed
        writes = event == "open" and values[2] & (os.O_WRONLY | os.O_RDWR)
        self.writing = Path(values[0]) if writes else None

    def run(self, folder: Path, last: int, function: Callable[[], object]) -> bool:
        """Call a function that is killed after so many steps, and tell whether it came to its end."""
        self.folder, self.count, self.last, self.writing = str(folder), 0, last, None
        with contextlib.suppress(Killed):
            function()
        self.folder = None
        if self.count > last and self.writing is not None and self.writing.exists():
            os.truncate(self.writing, self.writing.stat().st_size // 2)
        return self.count <= last  # a kill while tidying up counts too, though nobody hears of it


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()  # a hook can never be removed, so there is one


@pytest.mark.parametrize("first", [None, a_state(1)], ids=["empty folder", "after a save"])
def test_a_kill_before_any_step_leaves_the_old_state_or_the_new_one(tmp_path, clock, first):
    new, seen = a_state(2), []
    for last in range(200):
        folder = tmp_path / str(last)
        if first is not None:
            save_project(folder, first)
        ended = clock.run(folder, last, lambda folder=folder: save_project(folder, new))
        found = load_project(folder)
        assert found.problems == ()
        is_new, is_old = same(found, new), same(found, first or ProjectState())
        assert is_new or is_old
        seen.append(is_new)
        save_project(folder, new)  # the next save works, and tidies up
        assert same(load_project(folder), new)
        if first is not None:
            assert len(arrays(folder)) == 2
        if ended:
            break
    assert ended
    assert seen == sorted(seen)
    assert not seen[0]
    assert len(seen) > 10


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_at_any_step_leaves_the_old_state_and_no_new_files(tmp_path, monkeypatch, error):
    save_project(tmp_path, a_state(1))
    before = names(tmp_path)
    replace, steps_left = Path.replace, [0]

    def failing(self: Path, target: Path) -> Path:
        steps_left[0] -= 1
        if steps_left[0] < 0:
            raise error
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    for steps in range(3):
        steps_left[0] = steps
        with pytest.raises((OutputError, KeyboardInterrupt)):
            save_project(tmp_path, a_state(2))
        assert names(tmp_path) == before
        assert same(load_project(tmp_path), a_state(1))


def test_an_interruption_after_all_is_in_place_leaves_the_new_state(tmp_path, monkeypatch):
    save_project(tmp_path, a_state(1))
    replace = Path.replace

    def interrupted(self: Path, target: Path) -> None:
        replace(self, target)
        if target.name == "project.json":
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_project(tmp_path, a_state(2))
    assert same(load_project(tmp_path), a_state(2))


SAVING = """
import sys
sys.path[:] = {path!r}
from napari_wnet.project import ProjectFolder
from project_stand_ins import a_state
states = [a_state(1, side=300), a_state(2, side=300)]
with ProjectFolder(sys.argv[1]) as project:
    number = 0
    while True:
        project.save(states[number % 2])
        number += 1
        print(number, flush=True)
"""


@pytest.fixture
def saving() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    """Start a process that saves two states in turn for ever."""
    started = []

    def start(folder: Path) -> subprocess.Popen[str]:
        code = SAVING.format(path=sys.path)
        process = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@POSIX
def test_a_process_killed_while_saving_leaves_one_of_its_states(tmp_path, saving):
    states = [a_state(1, side=300), a_state(2, side=300)]
    moments = random.Random(0)
    for _ in range(5):
        process = saving(tmp_path)
        time.sleep(moments.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        found = load_project(tmp_path)
        assert found.problems == ()
        assert any(same(found, state) for state in states)
    save_project(tmp_path, states[0])  # the lock is free, and what was left behind goes
    assert len(arrays(tmp_path)) == 2


# --- two windows ---


def test_a_second_window_is_refused_while_the_first_is_open(tmp_path):
    with ProjectFolder(tmp_path) as first:
        with pytest.raises(ProjectError, match=rf"another window \(process {os.getpid()} on"):
            ProjectFolder(tmp_path)
        with pytest.raises(ProjectError, match="another window"):
            save_project(tmp_path, ProjectState())
        first.save(a_state(1))
    with ProjectFolder(tmp_path) as second:
        assert same(second.load(), a_state(1))


@POSIX
def test_the_lock_of_another_process_holds_until_it_is_killed(tmp_path, saving):
    process = saving(tmp_path)
    with pytest.raises(ProjectError, match=f"process {process.pid} on"):
        ProjectFolder(tmp_path)
    process.kill()
    process.wait()
    ProjectFolder(tmp_path).close()


def test_a_lock_file_that_nobody_holds_is_taken_over(tmp_path):
    (tmp_path / "project.lock").write_text(f"{os.getppid()} here\n")
    with ProjectFolder(tmp_path) as project:
        project.save(a_state(1))
        assert same(project.load(), a_state(1))


def test_a_folder_that_was_closed_saves_nothing(tmp_path):
    project = ProjectFolder(tmp_path)
    project.close()
    project.close()
    with pytest.raises(ProjectError, match="closed"):
        project.save(a_state(1))
    assert names(tmp_path) == []


@POSIX
def test_a_disk_without_locks_is_used_all_the_same(tmp_path, monkeypatch):
    import fcntl

    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    save_project(tmp_path, a_state(1))
    assert same(load_project(tmp_path), a_state(1))


# --- folders that cannot be used ---


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written to"):
        save_project(tmp_path / "file", ProjectState())


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system that nobody can write to")
def test_a_folder_that_cannot_be_written_to_is_named():
    with pytest.raises(OutputError, match=r"cannot be written to.*choose"):
        save_project("/proc/self/project", ProjectState())


@POSIX
def test_a_full_disk_loses_nothing(tmp_path):
    code = (
        "import resource, signal, sys\n"
        f"sys.path[:] = {sys.path!r}\n"
        "from napari_wnet.errors import OutputError\nfrom napari_wnet.project import save_project\n"
        "from project_stand_ins import a_state\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "try:\n    save_project(sys.argv[1], a_state(2, side=300))\n"
        "except OutputError as error:\n    print(error)\n"
    )
    save_project(tmp_path, a_state(1))
    before = names(tmp_path)
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "larger than this disk or account allows" in run.stdout
    assert names(tmp_path) == before
    assert same(load_project(tmp_path), a_state(1))
