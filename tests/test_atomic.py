from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_wnet.atomic import atomic_folder, atomic_path, write_text
from napari_wnet.errors import OutputError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "result.txt"
    with atomic_path(path) as partial:
        partial.write_text("half")
        assert not path.exists()
        assert partial.parent == path.parent
        partial.write_text("whole")
    assert path.read_text() == "whole"
    assert names(path.parent) == ["result.txt"]


def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(path, overwrite=True) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert names(tmp_path) == ["result.txt"]


def test_existing_output_is_replaced_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    write_text(path, "first")
    with pytest.raises(OutputError, match="--overwrite"):
        write_text(path, "second")
    assert path.read_text() == "first"
    write_text(path, "second", overwrite=True)
    assert path.read_text() == "second"


def test_output_that_appeared_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    with pytest.raises(OutputError, match="--overwrite"), atomic_path(path) as partial:
        partial.write_text("mine")
        path.write_text("theirs")
    assert path.read_text() == "theirs"
    assert names(tmp_path) == ["result.txt"]


def test_results_are_readable_by_others_as_the_person_set_it(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    write_text(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == plain.stat().st_mode


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder"):
        write_text(tmp_path, "text", overwrite=True)


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match=r"not a folder.*--out"):
        write_text(tmp_path / "out" / "result.txt", "text")


def test_a_name_too_long_for_the_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too long"):
        write_text(tmp_path / ("x" * 300), "text")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), r"disk is full.*free"),
        (OSError("1000000 requested and 0 written"), "disk is full"),  # what numpy raises
        (OSError(errno.EROFS, "Read-only file system"), r"no permission.*--out"),
        (OSError(errno.EIO, "Input/output error"), r"Input/output error.*--out"),
    ],
)
def test_a_write_that_fails_says_what_to_do(tmp_path: Path, error: OSError, words: str) -> None:
    with pytest.raises(OutputError, match=words), atomic_path(tmp_path / "result.txt"):
        raise error
    assert names(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs the device that is always full")
def test_numpy_on_a_full_disk_is_recognised(tmp_path: Path) -> None:
    full = Path("/dev/full")
    with pytest.raises(OutputError, match="disk is full"), atomic_path(tmp_path / "x.bin"), full.open("wb") as file:
        np.ones(100_000).tofile(file)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions work otherwise there")
def test_a_folder_without_permission_is_refused(locked_folder: Path) -> None:
    with pytest.raises(OutputError, match="no permission"):
        write_text(locked_folder / "result.txt", "text")


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_a_limit_on_file_sizes_stops_the_write_and_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import resource, sys\n"
        "from napari_wnet.errors import OutputError\n"
        "from napari_wnet.atomic import write_text\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    write_text(sys.argv[1], 'x' * 5000)\n"
        "except OutputError as error:\n    print(error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "result.txt")], capture_output=True, text=True, check=True
    )
    assert "larger than this disk or account allows" in run.stdout
    assert names(tmp_path) == []


# Folders


def test_a_folder_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.zarr"
    with atomic_folder(path) as partial:
        (partial / "0").mkdir()
        (partial / "0" / "chunk").write_text("whole")
        assert not path.exists()
        assert partial.name.startswith(".")
    assert (path / "0" / "chunk").read_text() == "whole"
    assert names(path.parent) == ["result.zarr"]


def test_an_interrupted_folder_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "result.zarr"
    write_text(path / "chunk", "old")
    with pytest.raises(KeyboardInterrupt), atomic_folder(path, overwrite=True) as partial:
        (partial / "chunk").write_text("half")
        raise KeyboardInterrupt
    assert (path / "chunk").read_text() == "old"
    assert names(tmp_path) == ["result.zarr"]


def test_a_folder_is_replaced_as_a_whole_and_only_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "result.zarr"
    write_text(path / "old", "old")
    with pytest.raises(OutputError, match="--overwrite"), atomic_folder(path):
        raise AssertionError("the block must not run")
    with atomic_folder(path, overwrite=True) as partial:
        (partial / "new").write_text("new")
    assert names(path) == ["new"]
    assert names(tmp_path) == ["result.zarr"]
    write_text(tmp_path / "file", "x")
    with pytest.raises(OutputError, match="name of a folder"), atomic_folder(tmp_path / "file", overwrite=True):
        raise AssertionError("the block must not run")


def test_a_folder_that_cannot_take_its_place_brings_the_old_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.zarr"
    write_text(path / "chunk", "old")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if (self / "new").exists():
            raise PermissionError(errno.EACCES, "no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OutputError, match="no permission"), atomic_folder(path, overwrite=True) as partial:
        (partial / "new").write_text("new")
    assert (path / "chunk").read_text() == "old"
    assert names(tmp_path) == ["result.zarr"]
