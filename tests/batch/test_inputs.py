"""Which files are found, and what their results are called."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from napari_wnet.batch.inputs import find_inputs
from napari_wnet.errors import ImageError
from napari_wnet.io.sidecar import FORMAT, FORMAT_VERSION


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def stems(*named, out="out", **options) -> dict[str, str]:
    found = find_inputs(map(str, named), Path(out), **options)
    return {item.stem: item.path.name for item in found.items}


def test_a_folder_is_read_with_its_folders_only_if_asked(tmp_path):
    touch(tmp_path, "a.tif", "plate 1/b.ome.tif", "plate 1/ä/c.PNG", ".hidden.tif", ".cache/d.tif", "notes.txt")
    assert stems(tmp_path) == {"a": "a.tif"}
    everything = find_inputs([str(tmp_path)], tmp_path / "out", recursive=True)
    assert [item.stem for item in everything.items] == ["a", "plate 1/b", "plate 1/ä/c"]
    assert everything.problems == (f"{tmp_path / 'notes.txt'}: not an image, skipped",)


def test_patterns_choose_by_name_or_by_place(tmp_path):
    touch(tmp_path, "p1/a.tif", "p1/a.png", "p2/b.tif", "notes.txt")
    assert stems(tmp_path, recursive=True, patterns=["*.tif"]) == {"p1/a": "a.tif", "p2/b": "b.tif"}
    assert stems(tmp_path, recursive=True, patterns=["p2/*"]) == {"p2/b": "b.tif"}
    assert find_inputs([str(tmp_path)], tmp_path / "out", recursive=True, patterns=["*.tif"]).problems == ()


def test_files_that_differ_in_their_ending_only_keep_it(tmp_path):
    touch(tmp_path, "a.tif", "a.png", "A.npy", "b.tif")
    assert stems(tmp_path) == {"a.tif": "a.tif", "a.png": "a.png", "A.npy": "A.npy", "b": "b.tif"}


def test_one_name_in_two_folders_gives_two_stems(tmp_path):
    touch(tmp_path, "x/a.tif", "y/a.tif")
    assert stems(tmp_path / "x" / "a.tif", tmp_path / "y" / "a.tif") == {"a.tif": "a.tif", "a.tif-2": "a.tif"}


def test_what_is_named_twice_is_taken_once(tmp_path):
    touch(tmp_path, "a.tif", "b.tif")
    assert stems(tmp_path, tmp_path / "a.tif", tmp_path / "*.tif") == {"a": "a.tif", "b": "b.tif"}


def test_patterns_behind_folders_keep_what_tells_the_files_apart(tmp_path):
    touch(tmp_path, "x/a.tif", "y/a.tif")
    assert stems(tmp_path / "*" / "*.tif") == {"x/a": "a.tif", "y/a": "a.tif"}


def test_results_are_never_segmented_wherever_they_lie(tmp_path):
    touch(tmp_path, "a.tif", "old/a_labels.tif", "old/a_overlay.png", "old/mine_labels.tif", "out/new.tif")
    info = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "result": {"files": {"l": "a_labels.tif", "o": "a_overlay.png"}},
    }
    (tmp_path / "old" / "a.json").write_text(json.dumps(info))
    (tmp_path / "old" / "other.json").write_text("[1, 2]")
    (tmp_path / "old" / "broken.json").write_text("{")
    found = stems(tmp_path, out=tmp_path / "out", recursive=True)
    assert found == {"a": "a.tif", "old/mine_labels": "mine_labels.tif"}


def test_a_link_that_leads_back_up_is_not_followed(tmp_path):
    touch(tmp_path, "p/a.tif")
    (tmp_path / "p" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert stems(tmp_path, recursive=True) == {"p/a": "a.tif"}


@pytest.mark.parametrize("name", ["", "none", "*.tif"])
def test_nothing_to_read_is_told(tmp_path, name):
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(ImageError, match=r"no image to segment|names no file"):
        find_inputs([str(tmp_path / name)], tmp_path / "out")


@pytest.fixture
def locked(tmp_path, monkeypatch) -> Path:
    """Return a folder that may not be entered, in one with an image; whoever runs this may be allowed everything."""
    folder = tmp_path / "locked"
    touch(tmp_path, "a.tif", "locked/b.tif")

    def guarded(plain, within):
        def call(path=".", *arguments, **options):
            if str(path).startswith(f"{folder}/") if within else str(path) == str(folder):
                raise PermissionError(13, "Permission denied")
            return plain(path, *arguments, **options)

        return call

    monkeypatch.setattr(os, "stat", guarded(os.stat, within=True))
    monkeypatch.setattr(os, "listdir", guarded(os.listdir, within=False))
    return folder


def test_a_folder_that_may_not_be_looked_into_is_named(locked):
    with pytest.raises(ImageError, match=r"locked cannot be looked into \(Permission denied\)"):
        find_inputs([str(locked)], locked / "out")


def test_a_locked_folder_among_others_is_listed_and_stops_nothing(locked):
    found = find_inputs([str(locked.parent)], Path("out"), recursive=True)
    assert [item.stem for item in found.items] == ["a"]
    assert found.problems == (f"{locked} cannot be looked into (Permission denied); check its permissions.",)
