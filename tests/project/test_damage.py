"""Whatever happens to a project folder, by accident or by intent, costs no more than what was hit, and is said."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_wnet.errors import ProjectError
from napari_wnet.io.tiff import write_tiff
from napari_wnet.project import ImageState, LabelsState, ProjectFolder, ProjectState, load_project, save_project
from napari_wnet.project.arrays import FILE_NAME
from napari_wnet.project.record import MAX_BYTES
from project_stand_ins import a_state, arrays, names, same

POSIX = pytest.mark.skipif(os.name != "posix", reason="links as POSIX has them")


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what project.json says."""
    path = folder / "project.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A saved project whose first labels have a cleared area, and whose second labels have none."""
    save_project(tmp_path, two_layers())
    return tmp_path


def two_layers() -> ProjectState:
    one, two = a_state(1).images[0].labels[0], a_state(2).images[0].labels[0]
    second = LabelsState(name="second", labels=two.labels)
    return ProjectState(images=(ImageState(name="image", labels=(one, second)),), settings={"a": 1})


def labels_file(folder: Path, number: int) -> Path:
    info = json.loads((folder / "project.json").read_text())
    return folder / info["images"][0]["labels"][number]["labels"]["file"]


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "last byte": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "no TIFF": lambda path: path.write_bytes(b"text" * 100),
    "overwritten": lambda path: path.write_bytes(path.read_bytes()[:200] + bytes(path.stat().st_size - 200)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_array_costs_its_layer_only(folder, damage):
    path = labels_file(folder, 0)
    DAMAGES[damage](path)
    found = load_project(folder)
    assert len(found.problems) == 1
    assert "'labels 1' of 'image'" in found.problems[0]
    assert [labels.name for labels in found.images[0].labels] == ["second"]
    np.testing.assert_array_equal(found.images[0].labels[0].labels, two_layers().images[0].labels[1].labels)


def test_a_damaged_cleared_area_does_not_cost_the_labels(folder):
    (path,) = folder.glob("cleared-*.tif")
    path.unlink()
    found = load_project(folder)
    assert len(found.problems) == 1
    assert found.images[0].labels[0].cleared is None
    np.testing.assert_array_equal(found.images[0].labels[0].labels, two_layers().images[0].labels[0].labels)


def test_what_could_not_be_read_is_not_removed_by_the_next_save(folder):
    path = labels_file(folder, 0)
    half = path.read_bytes()[:-100]
    path.write_bytes(half)
    for loads_first in (True, False):
        with ProjectFolder(folder) as project:
            state = project.load() if loads_first else load_project(folder)
            project.save(state)
            project.save(ProjectState())
    assert path.with_name(f"unread-{path.name}").read_bytes() == half
    assert load_project(folder).problems == ()


def test_a_damaged_file_is_written_again_when_its_labels_are_there(folder):
    path = labels_file(folder, 0)
    path.write_bytes(path.read_bytes()[:-100])
    assert save_project(folder, two_layers()) == (path.name,)
    assert same(load_project(folder), two_layers())


def test_labels_changed_by_another_program_are_used_and_said(folder):
    path = labels_file(folder, 0)
    other = two_layers().images[0].labels[0].labels.astype(np.uint16)[::-1]
    write_tiff(path, other, "YX")
    found = load_project(folder)
    assert "another program" in found.problems[0]
    np.testing.assert_array_equal(found.images[0].labels[0].labels, other)


def test_files_of_other_programs_and_projects_are_left_alone(folder):
    other = [
        "notes.txt",
        "labels.tif",
        "labels-00000000-" + "0" * 32 + ".tif",  # of a project whose project.json is gone
        ".0123456789abcdef.partial",  # someone may be writing it
        ".download.partial",
    ]
    for name in other:
        (folder / name).write_text("mine")
    os.utime(folder / ".download.partial", (0, 0))
    save_project(folder, ProjectState())
    assert names(folder) == sorted([*other, "project.json"])


def test_what_a_killed_save_left_is_removed(folder):
    project = FILE_NAME.fullmatch(labels_file(folder, 0).name)["project"]
    left = folder / f"labels-{project}-{'0' * 32}.tif"
    unfinished = folder / ".0123456789abcdef.partial"
    for path in (left, unfinished):
        path.touch()
    os.utime(unfinished, (0, 0))
    save_project(folder, two_layers())
    assert not left.exists()
    assert not unfinished.exists()
    assert same(load_project(folder), two_layers())


def unusable() -> dict[str, tuple[Callable[[Path], object], str]]:
    def text(value: bytes) -> Callable[[Path], object]:
        return lambda folder: (folder / "project.json").write_bytes(value)

    def change(**values: Any) -> Callable[[Path], object]:
        return lambda folder: edit(folder, lambda info: info.update(values))

    def large(folder: Path) -> None:
        with (folder / "project.json").open("wb") as file:
            file.truncate(MAX_BYTES + 1)

    return {
        "empty": (text(b""), "not valid JSON"),
        "truncated": (lambda f: text((f / "project.json").read_bytes()[:-20])(f), "not valid JSON"),
        "not UTF-8": (text(b'{"a": "\xff"}'), "not valid JSON"),
        "deep": (text(b"[" * 100_000), "not valid JSON"),
        "long number": (text(b"1" * 100_000), "not valid JSON"),
        "NaN": (change(settings={"a": float("nan")}), "not valid JSON"),
        "a list": (text(b"[]"), "no project"),
        "another program's": (change(format="other"), "no project"),
        "no version": (change(format_version="1"), "no project"),
        "newer": (change(format_version=2), "newer napari-wnet.*upgrade"),
        "bad id": (change(project="../../ab"), "project is missing or wrong"),
        "no images": (change(images=None), "images is missing or wrong"),
        "no settings": (change(settings=[]), "settings is missing or wrong"),
        "too large": (large, "too large"),
    }


@pytest.mark.parametrize("what", unusable())
def test_an_unusable_record_is_refused_and_its_folder_never_changed(folder, what):
    damage, words = unusable()[what]
    damage(folder)
    before = {path: path.stat().st_size for path in arrays(folder)}
    with pytest.raises(ProjectError, match=words):
        load_project(folder)
    with ProjectFolder(folder) as project, pytest.raises(ProjectError, match=words):
        project.save(a_state(2))
    with pytest.raises(ProjectError, match="another folder"):
        save_project(folder, a_state(2))
    assert {path: path.stat().st_size for path in arrays(folder)} == before


def test_a_project_whose_record_is_gone_keeps_its_arrays(folder):
    (folder / "project.json").unlink()
    before = set(arrays(folder))
    assert load_project(folder).images == ()
    for number in (1, 2):
        save_project(folder, a_state(number))
    assert before < set(arrays(folder))


# --- hostile records ---

SECRET = "labels-00000000-" + "0" * 32 + ".tif"
HOSTILE: dict[str, dict[str, Any]] = {
    "upward": {"file": "../" + SECRET},
    "absolute": {"file": "/" + SECRET},
    "backward": {"file": "..\\" + SECRET},
    "a line end": {"file": SECRET + "\n"},
    "another file": {"file": "project.json"},
    "a number": {"file": 3},
    "negative": {"shape": [-40, -30]},
    "huge": {"shape": [2**31 - 1, 2**31 - 1]},
    "beyond": {"shape": [2**70, 1]},
    "many axes": {"shape": [1] * 100 + [40, 30]},
    "no axes": {"shape": []},
    "fractions": {"shape": [40.0, 30]},
    "true": {"shape": [True, True]},
    "another shape": {"shape": [20, 30]},
    "another type": {"dtype": "uint32"},
    "objects": {"dtype": "O"},
    "no hash": {"sha256": None},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_array_is_left_out(folder, what):
    edit(folder, lambda info: info["images"][0]["labels"][1]["labels"].update(HOSTILE[what]))
    found = load_project(folder)
    assert len(found.problems) == 1
    assert [labels.name for labels in found.images[0].labels] == ["labels 1"]
    assert "file" not in HOSTILE[what] or "project.json is damaged" in found.problems[0]  # and nothing was opened
    with ProjectFolder(folder) as project:  # and the project can be saved on
        project.save(ProjectState(images=found.images))


@pytest.mark.parametrize(
    "change",
    [
        {"name": 3},
        {"done": [[[0], [1]]]},
        {"done": [[[], [-1]]]},
        {"done": [[[], [2**40]]]},
        {"done": 3},
        {"locked": [1]},
        {"seeds": [[1, 2, 3]]},
        {"seeds": [[1, "2"]]},
        {"seeds": [[1e308, 10**400]]},
        {"seeds": 1},
        {"corner": [1]},
        {"corner": [1, 2, 3]},
        {"corner": [1, -2]},
        {"corner": "12"},
        {"cleared": {}},
        {"labels": None},
    ],
)
def test_a_hostile_layer_is_left_out(folder, change):
    edit(folder, lambda info: info["images"][0]["labels"][0].update(change))
    found = load_project(folder)
    assert "project.json is damaged at labels 1" in found.problems[0]
    assert [labels.name for labels in found.images[0].labels] == ["second"]


def test_a_layer_of_an_earlier_version_lies_over_the_whole_of_its_image(folder):
    edit(folder, lambda info: info["images"][0]["labels"][0].pop("corner"))
    found = load_project(folder)
    assert not found.problems
    assert [labels.corner for labels in found.images[0].labels] == [None, None]
    np.testing.assert_array_equal(found.images[0].labels[0].labels, two_layers().images[0].labels[0].labels)


@pytest.mark.parametrize("image", [None, 3, [], {}, {"name": "x"}])
def test_a_hostile_image_is_left_out(folder, image):
    edit(folder, lambda info: info["images"].insert(0, image))
    found = load_project(folder)
    assert "project.json is damaged at image 1" in found.problems[0]
    assert [image.name for image in found.images] == ["image"]


@POSIX
def test_a_link_out_of_the_folder_is_not_followed(folder, tmp_path_factory):
    path = labels_file(folder, 0)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secret.tif"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert "missing" in load_project(folder).problems[0]
    save_project(folder, two_layers())
    assert not path.is_symlink()
    assert elsewhere.exists()


def test_a_file_that_claims_more_pixels_than_it_holds_is_refused(folder):
    path = labels_file(folder, 1)
    shape = [60_000, 60_000]
    tifffile.imwrite(path, np.zeros((40, 30), np.uint16), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as file:
        for name, value in (("ImageLength", shape[0]), ("ImageWidth", shape[1])):
            file.pages.first.tags[name].overwrite(value)
    edit(folder, lambda info: info["images"][0]["labels"][1]["labels"].update(shape=shape))
    (problem,) = load_project(folder).problems
    assert "too short for its pixels" in problem


@pytest.mark.parametrize("how", ["tiles", "LZW"])
def test_a_file_packed_otherwise_is_refused(folder, how):
    labels = two_layers().images[0].labels[0].labels.astype(np.uint16)
    if how == "tiles":  # which can be much larger than the image
        tifffile.imwrite(labels_file(folder, 1), labels, compression="zlib", tile=(2048, 2048))
    else:
        Image.fromarray(labels).save(labels_file(folder, 1), format="TIFF", compression="tiff_lzw")
    (problem,) = load_project(folder).problems
    assert "not the file that was written" in problem


def test_labels_beyond_what_fits_are_refused(folder):
    path = labels_file(folder, 1)
    tifffile.imwrite(path, np.full((40, 30), 2**32 - 1, np.uint32))
    edit(folder, lambda info: info["images"][0]["labels"][1]["labels"].update(dtype="uint32"))
    assert "renumber" in load_project(folder).problems[0]
