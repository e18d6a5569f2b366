"""Results are there whole, with their sidecar, or not at all: whenever the process is killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from napari_wnet.batch.outputs import EARLIER, WORK, left_of_earlier, output_paths, own_outputs, staged, tidy
from napari_wnet.errors import OutputError

STEM = "plate 1/ä"
KINDS = ("labels", "overlay")
CHILD = """
import json, os, sys
from pathlib import Path
from napari_wnet.batch import outputs
from napari_wnet.io.sidecar import FORMAT, FORMAT_VERSION

out, stem, word, overwrite, moves = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "1", int(sys.argv[5])
replace, count = Path.replace, 0

def counted(self, target):
    global count
    if count == moves:
        os._exit(9)
    count += 1
    return replace(self, target)

targets = outputs.output_paths(out, stem, ("labels", "overlay"))
with outputs.staged(out, stem, targets, overwrite=overwrite) as places:
    for kind, path in places.items():
        if kind != "sidecar":
            path.write_text(word)
    files = {kind: path.name for kind, path in targets.items() if kind != "sidecar"}
    info = {"format": FORMAT, "format_version": FORMAT_VERSION, "result": {"files": files}, "word": word}
    places["sidecar"].write_text(json.dumps(info))
    Path.replace = counted
    if moves < 0:
        os._exit(9)
"""


def run(out: Path, word: str, *, overwrite: bool = False, moves: int) -> int:
    """Write results in a process that dies after some moves (-1: before they are decided on)."""
    arguments = [str(out), STEM, word, str(int(overwrite)), str(moves)]
    return subprocess.run([sys.executable, "-c", CHILD, *arguments], check=False).returncode


def words(out: Path) -> set[str]:
    return {
        path.read_text() for path in output_paths(out, STEM, KINDS).values() if path.suffix != ".json" and path.exists()
    }


@pytest.mark.parametrize("moves", range(-1, 5))
def test_a_kill_at_any_move_leaves_all_or_nothing_after_tidying(tmp_path, moves):
    assert run(tmp_path, "new", moves=moves) == (0 if moves == 4 else 9)
    tidy(tmp_path)
    there = [path.exists() for path in output_paths(tmp_path, STEM, KINDS).values()]
    assert all(there) if moves >= 0 else not any(there)
    assert not list((tmp_path / WORK).glob("*"))


@pytest.mark.parametrize("moves", range(-1, 4))
def test_a_kill_while_results_are_replaced_leaves_the_old_or_the_new(tmp_path, moves):
    run(tmp_path, "old", moves=9)
    run(tmp_path, "new", overwrite=True, moves=moves)
    tidy(tmp_path)
    assert words(tmp_path) == ({"old"} if moves < 0 else {"new"})


def test_what_the_user_put_there_meanwhile_is_not_replaced(tmp_path):
    run(tmp_path, "new", moves=0)
    (tmp_path / "plate 1").mkdir(exist_ok=True)
    mine = output_paths(tmp_path, STEM, KINDS)["overlay"]
    mine.write_text("mine")
    tidy(tmp_path)
    assert mine.read_text() == "mine"
    assert words(tmp_path) == {"mine"}


def test_nothing_is_replaced_unasked(tmp_path):
    targets = output_paths(tmp_path, "a", KINDS)
    targets["overlay"].write_text("mine")
    with pytest.raises(OutputError, match="exists already"), staged(tmp_path, "a", targets, overwrite=False):
        pass
    assert targets["overlay"].read_text() == "mine"


def test_what_appears_while_results_are_written_is_not_replaced(tmp_path):
    targets = output_paths(tmp_path, "a", KINDS)
    with pytest.raises(OutputError, match="exists already"), staged(tmp_path, "a", targets, overwrite=False) as places:
        for place in places.values():
            place.write_text("new")
        targets["labels"].write_text("mine")
    assert targets["labels"].read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [targets["labels"]]


def test_an_error_while_writing_leaves_nothing(tmp_path):
    targets = output_paths(tmp_path, "a", KINDS)
    with pytest.raises(OutputError, match="no"), staged(tmp_path, "a", targets, overwrite=False) as places:
        places["labels"].write_text("half")
        raise OutputError("no")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("stem", ["../../outside", "/tmp/outside"])
def test_what_lies_in_the_work_folder_cannot_write_outside(tmp_path, stem):
    stage = tmp_path / "out" / WORK / "0"
    stage.mkdir(parents=True)
    (stage / "stem").write_text(stem)
    (stage / "decided").write_text("overwrite")
    (stage / "outside_labels.tif").write_text("bad")
    (stage / "outside.json").write_text(
        '{"format": "napari-wnet result", "format_version": 1, "result": {"files": {"labels": "outside_labels.tif"}}}'
    )
    tidy(tmp_path / "out")
    assert not list(tmp_path.glob("outside*"))
    assert not Path("/tmp/outside_labels.tif").exists()
    assert not stage.exists()


def test_a_damaged_work_folder_is_cleared(tmp_path):
    stage = tmp_path / WORK / "0"
    stage.mkdir(parents=True)
    (stage / "stem").write_bytes(b"\xff\x00")
    (stage / "decided").write_bytes(b"\xff\xfe")
    tidy(tmp_path)
    assert not stage.exists()


def test_own_outputs_are_those_that_sidecars_name(tmp_path):
    run(tmp_path, "new", moves=9)
    assert own_outputs(tmp_path / "plate 1") == {"ä.json", "ä_labels.tif", "ä_overlay.png", "ä.csv"}


@pytest.mark.parametrize("kind", ["labels", "table", "overlay", "zarr", "sidecar"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_result_is_never_replaced_nor_is_that_offered(tmp_path, kind, overwrite):
    run(tmp_path, "new", moves=9)
    targets = output_paths(tmp_path / "plate 1", "b", (*KINDS, "zarr"))
    mine = targets[kind]
    if kind == "zarr":
        mine.mkdir()
        mine /= "zarr.json"
    mine.write_text('{"labels": "b_labels.tif"}')
    with (
        pytest.raises(OutputError, match=r"not known to be a result.*choose another folder.*or move it") as refused,
        staged(tmp_path / "plate 1", "b", targets, overwrite=overwrite),
    ):
        pass
    assert "--overwrite" not in str(refused.value)
    assert mine.read_text() == '{"labels": "b_labels.tif"}'


def test_a_file_beside_results_that_do_not_name_it_is_not_replaced(tmp_path):
    run(tmp_path, "old", moves=9)
    targets = output_paths(tmp_path, STEM, (*KINDS, "pca"))
    targets["pca"].write_text("mine")
    with pytest.raises(OutputError, match=r"_pca\.png exists already"), staged(tmp_path, STEM, targets, overwrite=True):
        pass
    assert words(tmp_path) == {"old"}
    assert targets["pca"].read_text() == "mine"


def test_results_of_another_image_are_not_replaced(tmp_path):
    run(tmp_path, "old", moves=9)
    (tmp_path / "plate 1" / "ä.json").rename(tmp_path / "plate 1" / "b.json")
    targets = output_paths(tmp_path, STEM, KINDS)
    with pytest.raises(OutputError, match="not known"), staged(tmp_path, STEM, targets, overwrite=True):
        pass
    assert words(tmp_path) == {"old"}


@pytest.mark.parametrize("moves", range(1, 4))
def test_what_the_user_put_there_after_a_kill_is_not_replaced_by_results_that_replace_others(tmp_path, moves):
    run(tmp_path, "new", overwrite=True, moves=moves)
    targets = output_paths(tmp_path, STEM, KINDS)
    assert targets["labels"].read_text() == "new"
    targets["sidecar"].write_text("mine")
    tidy(tmp_path)
    assert targets["sidecar"].read_text() == "mine"


@pytest.mark.parametrize("moves", range(-1, 5))
@pytest.mark.parametrize("earlier", [False, True])
def test_whatever_a_kill_left_can_be_replaced(tmp_path, moves, earlier):
    if earlier:
        run(tmp_path, "old", moves=9)
    run(tmp_path, "new", overwrite=earlier, moves=moves)
    tidy(tmp_path)
    assert run(tmp_path, "newer", overwrite=True, moves=9) == 0
    assert words(tmp_path) == {"newer"}


def test_what_earlier_results_leave_is_known(tmp_path):
    run(tmp_path, "old", moves=9)
    targets = output_paths(tmp_path, STEM, ())
    assert left_of_earlier(targets) == ["ä_overlay.png"]
    info = json.loads(targets["sidecar"].read_text())
    info["result"] = {"files": {"labels": "ä_labels.tif", "table": "ä.csv"}, EARLIER: ["ä_overlay.png", "gone.png"]}
    targets["sidecar"].write_text(json.dumps(info))
    assert "ä_overlay.png" in own_outputs(tmp_path / "plate 1")
    assert left_of_earlier(targets) == ["ä_overlay.png"]
    assert left_of_earlier(output_paths(tmp_path, STEM, KINDS)) == []
    assert run(tmp_path, "new", overwrite=True, moves=9) == 0
    assert words(tmp_path) == {"new"}
