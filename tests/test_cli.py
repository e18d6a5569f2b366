"""The command line as a person uses it: what is written, what is said, and the exit status."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from skimage.io import imread

import napari_wnet
from napari_wnet import cli
from napari_wnet.core.metrics import evaluate_image
from napari_wnet.network.registry import load_model
from napari_wnet.sample_data import sample_path


@pytest.fixture
def images(tmp_path, nuclei_image):
    """Return a folder with a TIFF, a PNG with a space in its name, a stack, a broken file and a stray one."""
    folder = tmp_path / "images"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", nuclei_image[0, :160, :160])
    np.save(folder / "second plate ä.npy", nuclei_image[0, 160:320, :160])
    stack = nuclei_image[0, :128, :384].reshape(128, 3, 128).swapaxes(0, 1)
    tifffile.imwrite(folder / "stack.tif", stack.copy(), imagej=True, metadata={"axes": "ZYX"})
    (folder / "broken.png").write_text("no picture")
    (folder / "notes.txt").write_text("stray")
    return folder


def segment(*arguments):
    return cli.main(["segment", "--device", "cpu", *map(str, arguments)])


def test_segment_writes_labels_table_and_sidecar(tmp_path, images, capsys):
    out = tmp_path / "out"
    assert segment(images / "a.tif", "--out", out) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.csv", "a.json", "a_labels.tif"]
    labels = tifffile.imread(out / "a_labels.tif")
    assert labels.dtype == np.uint16
    assert labels.shape == (160, 160)
    with (out / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["label"]) for row in rows] == list(range(1, labels.max() + 1))
    assert sum(int(row["area_px"]) for row in rows) == np.count_nonzero(labels)
    info = json.loads((out / "a.json").read_text())
    assert info["model"]["sha256"] == load_model("nuclei").sha256
    assert info["params"] == load_model("nuclei").header.params.to_dict()
    assert info["result"]["objects"] == labels.max()
    assert "1 of 1 images" in capsys.readouterr().out


def test_everything_that_can_be_saved_is(tmp_path, images):
    out = tmp_path / "out"
    assert segment(images / "a.tif", "--out", out, "--save", "labels,distmap,embedding,pca,overlay") == 0
    assert tifffile.imread(out / "a_distmap.tif").shape == (160, 160)
    embedding = tifffile.imread(out / "a_embedding.tif")
    assert embedding.shape == (8, 160, 160)
    assert np.allclose(np.linalg.norm(embedding, axis=0), 1, atol=2e-3)
    assert imread(out / "a_pca.png").shape == imread(out / "a_overlay.png").shape == (160, 160, 3)


def test_a_folder_goes_on_past_bad_files_and_exits_1(tmp_path, images, capsys):
    assert segment(images, "--out", tmp_path / "out") == 1
    captured = capsys.readouterr()
    assert "3 of 4 images" in captured.out
    assert "broken.png" in captured.err
    assert f"1 image failed, see {tmp_path / 'out' / 'failed.csv'}" in captured.err
    assert "notes.txt: not an image, skipped" in captured.err
    assert (tmp_path / "out" / "second plate ä_labels.tif").exists()
    assert tifffile.imread(tmp_path / "out" / "stack_labels.tif").shape == (3, 128, 128)


def test_a_stack_names_the_plane_of_each_object(tmp_path, images):
    assert segment(images / "stack.tif", "--axes", "ZYX", "--out", tmp_path, "--save", "distmap,embedding,pca") == 0
    with (tmp_path / "stack.csv").open(newline="") as file:
        planes = {row["z"] for row in csv.DictReader(file)}
    assert planes == {"0", "1", "2"}
    assert tifffile.imread(tmp_path / "stack_embedding.tif").shape == (3, 8, 128, 128)


def test_patterns_and_a_second_run(tmp_path, images, capsys):
    out = tmp_path / "out"
    pattern = str(images / "*.tif")
    assert segment(pattern, "--out", out) == 0
    written = {path: path.stat().st_mtime_ns for path in out.iterdir() if path.name != "report.html"}
    assert segment(pattern, "--out", out) == 0
    assert "2 images finished before, skipped" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert segment(pattern, "--out", out, "--angle", "30") == 1
    assert "other parameters" in capsys.readouterr().err
    assert segment(pattern, "--out", out, "--angle", "30", "--overwrite") == 0


def test_results_beside_the_images_are_not_segmented_again(tmp_path, images, capsys):
    (images / "broken.png").unlink()
    assert segment(images, "--out", images) == 0
    capsys.readouterr()
    assert segment(images, "--out", images, "--overwrite") == 0
    assert "3 of 3 images" in capsys.readouterr().out


def test_two_images_of_one_name_do_not_overwrite_each_other(tmp_path, images, nuclei_image):
    np.save(images / "a.npy", nuclei_image[0, :96, :96])
    assert segment(images / "a.npy", images / "a.tif", "--out", tmp_path / "out") == 0
    assert tifffile.imread(tmp_path / "out" / "a.npy_labels.tif").shape == (96, 96)
    assert tifffile.imread(tmp_path / "out" / "a.tif_labels.tif").shape == (160, 160)


def test_parameters_reach_the_result(tmp_path, images):
    out = tmp_path / "out"
    assert segment(images / "a.tif", "--out", out, "--min-area", "100000", "--no-fill", "--angle", "30") == 0
    assert not tifffile.imread(out / "a_labels.tif").any()
    clustering = json.loads((out / "a.json").read_text())["params"]["clustering"]
    assert (clustering["min_area"], clustering["fill"], clustering["angle"]) == (100000, False, 30.0)


@pytest.mark.parametrize("as_folder", [True, False])
def test_a_foreground_file_or_folder(tmp_path, images, as_folder):
    masks = tmp_path / "masks"
    masks.mkdir()
    mask = np.zeros((160, 160), np.uint8)
    mask[:, :80] = 255
    tifffile.imwrite(masks / "a.tif", mask)
    out = tmp_path / "out"
    assert segment(images / "a.tif", "--out", out, "--foreground", masks if as_folder else masks / "a.tif") == 0
    labels = tifffile.imread(out / "a_labels.tif")
    assert labels[:, :80].any()
    assert not labels[:, 80:].any()


@pytest.mark.parametrize(
    "mistake",
    [
        (["--angle", "200"], 2, "between 1.0 and 90.0"),
        (["--model", "nucleus"], 1, "nuclei"),
        (["--device", "gpu7"], 1, "choose one of"),
        (["--channels", "0,1"], 1, "channel"),
        (["--axes", "TCYX"], 1, "--axes"),
        (["--foreground", "nowhere.tif"], 1, "nowhere.tif"),
    ],
)
def test_mistakes_are_told_with_a_remedy(tmp_path, images, capsys, mistake):
    arguments, status, says = mistake
    assert segment(images / "a.tif", "--out", tmp_path / "out", *arguments) == status
    captured = capsys.readouterr()
    assert says in captured.err
    assert "Traceback" not in captured.err
    assert "failed.csv" not in captured.err  # there is no list of one
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [[], ["segment"], ["segment", "x.tif"], ["nonsense"], ["segment", "x", "--out", "o", "--save", "labels,foo"]],
)
def test_wrong_use_exits_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_no_such_input(tmp_path, capsys):
    assert segment(tmp_path / "none*.tif", "--out", tmp_path / "out") == 1
    assert "names no file" in capsys.readouterr().err


def test_a_place_that_cannot_be_written(tmp_path, images, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert segment(images / "a.tif", "--out", blocked) == 1
    assert "choose another" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"PK\x03\x04 a zip", b"\x80\x02 a pickle", b"", b"\xff" * 40])
def test_a_file_that_is_no_model(tmp_path, images, capsys, content):
    model = tmp_path / "model.safetensors"
    model.write_bytes(content)
    assert segment(images / "a.tif", "--out", tmp_path / "out", "--model", model) == 1
    assert "model" in capsys.readouterr().err


def test_the_demo_does_the_main_job(tmp_path, capsys, nuclei_labels):
    assert cli.main(["demo", "--out", str(tmp_path), "--device", "cpu"]) == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "nuclei.csv",
        "nuclei.json",
        "nuclei_distmap.tif",
        "nuclei_labels.tif",
        "nuclei_overlay.png",
        "nuclei_pca.png",
    ]
    labels = tifffile.imread(tmp_path / "nuclei_labels.tif")
    assert evaluate_image(nuclei_labels, labels.astype(np.int32)).symmetric_best_dice > 0.8
    said = capsys.readouterr().out
    assert f"{labels.max()} objects" in said
    assert str(tmp_path / "nuclei_overlay.png") in said


def test_an_own_model_that_the_package_hides_is_told_in_the_list(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NAPARI_WNET_USER_MODELS", str(tmp_path))
    (tmp_path / "leaf.safetensors").write_bytes(b"")
    assert cli.main(["models", "list"]) == 0
    assert "napari-wnet models rename leaf my-leaf" in capsys.readouterr().err
    assert cli.main(["models", "rename", "leaf", "my-leaf"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["my-leaf.safetensors"]
    capsys.readouterr()
    assert cli.main(["models", "list"]) == 0
    assert capsys.readouterr().err == ""


def test_models_can_be_listed_described_and_fetched(capsys):
    assert cli.main(["models", "list"]) == 0
    assert "nuclei" in capsys.readouterr().out
    assert cli.main(["models", "info", "nuclei"]) == 0
    said = capsys.readouterr().out
    assert load_model("nuclei").sha256 in said
    assert cli.main(["models", "info", "nuclei", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["config"]["embedding_dim"] == 8
    assert cli.main(["models", "fetch"]) == 0
    assert "nuclei: " in capsys.readouterr().out
    assert cli.main(["models", "fetch", "nothing"]) == 1
    assert "nuclei" in capsys.readouterr().err


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """A model file that somebody has sent; the person has no own models yet."""
    monkeypatch.setenv("NAPARI_WNET_USER_MODELS", str(tmp_path / "own"))
    return str(shutil.copy(load_model("nuclei").path, tmp_path / "theirs.safetensors"))


def test_a_model_is_added_used_renamed_and_removed(shared, tmp_path, capsys):
    sha256 = load_model("nuclei").sha256
    assert cli.main(["models", "add", shared, "--sha256", sha256]) == 0
    assert f"SHA-256 {sha256}" in capsys.readouterr().out
    assert cli.main(["models", "rename", "theirs", "pollen"]) == 0
    assert cli.main(["models", "list"]) == 0
    listed = capsys.readouterr().out
    assert "pollen" in listed
    assert "theirs" not in listed.replace(str(tmp_path), "")
    assert cli.main(["models", "path", "pollen"]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == tmp_path / "own" / "pollen.safetensors"
    assert cli.main(["models", "info", "pollen"]) == 0
    told = capsys.readouterr().out
    assert f"{path.stat().st_size} bytes" in told
    assert sha256 in told
    assert cli.main(["models", "remove", "pollen", "--yes"]) == 0
    assert not path.exists()
    assert cli.main(["models", "path", "pollen"]) == 1
    assert "There is no model 'pollen'" in capsys.readouterr().err


def test_a_model_of_another_hash_is_not_added(shared, tmp_path, capsys):
    assert cli.main(["models", "add", shared, "--name", "pollen", "--sha256", "0" * 64]) == 1
    complaint = capsys.readouterr().err
    assert "0" * 64 in complaint
    assert load_model("nuclei").sha256 in complaint
    assert list((tmp_path / "own").iterdir()) == []


def test_a_models_path_is_that_of_a_checked_file(shared, tmp_path, capsys):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "bad.safetensors").write_bytes(b"rubbish")
    assert cli.main(["models", "path", "bad"]) == 1
    assert "damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "removed"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_removing_asks_on_a_terminal(shared, tmp_path, capsys, monkeypatch, answer, removed):
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    assert cli.main(["models", "add", shared]) == 0
    assert cli.main(["models", "remove", "theirs"]) == int(not removed)
    assert f"Delete {tmp_path / 'own' / 'theirs.safetensors'}? [y/N]" in capsys.readouterr().err
    assert (tmp_path / "own" / "theirs.safetensors").exists() is not removed


def test_removing_needs_a_yes_where_nobody_can_be_asked(shared, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert cli.main(["models", "add", shared]) == 0
    assert cli.main(["models", "remove", "theirs"]) == 2
    assert "give --yes" in capsys.readouterr().err
    assert (tmp_path / "own" / "theirs.safetensors").exists()


def test_the_packages_models_cannot_be_removed_or_renamed(shared, capsys):
    for words in (["remove", "nuclei", "--yes"], ["rename", "nuclei", "mine"]):
        assert cli.main(["models", *words]) == 1
        assert "'nuclei' comes with napari-wnet" in capsys.readouterr().err


def test_evaluate_prints_and_writes_scores(tmp_path, capsys, nuclei_labels):
    for folder in ("true", "predicted"):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "a.tif", nuclei_labels.astype(np.uint16))
    arguments = ["evaluate", "--labels", tmp_path / "true", "--predictions", tmp_path / "predicted"]
    table = tmp_path / "scores.csv"
    assert cli.main([*map(str, arguments), "--csv", str(table)]) == 0
    assert "symmetric_best_dice            1.0000" in capsys.readouterr().out
    with table.open(newline="") as file:
        assert float(next(csv.DictReader(file))["average_precision_0.9"]) == 1.0
    tifffile.imwrite(tmp_path / "predicted" / "b.tif", nuclei_labels.astype(np.uint16))
    assert cli.main(list(map(str, arguments))) == 1
    assert "b.tif" in capsys.readouterr().err
    (tmp_path / "true" / "a.tif").unlink()
    assert cli.main(list(map(str, arguments))) == 1
    assert "No image with labels" in capsys.readouterr().err


def test_the_installed_command_runs_and_tells_its_version():
    said = subprocess.run(
        [sys.executable, "-m", "napari_wnet.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == f"napari-wnet {napari_wnet.__version__}"


def test_help_and_mistakes_answer_without_loading_torch():
    code = (
        "import sys\nfrom napari_wnet import cli\n"
        "try: cli.main(['segment', '--help'])\nexcept SystemExit: pass\n"
        "sys.stderr.write(str('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "False"
    assert "--seed-threshold" in done.stdout


def test_the_sample_of_the_demo_is_there():
    assert sample_path("nuclei").is_file()


def test_pages_that_are_missing_are_noticed_on_the_command_line_too(tmp_path, capsys):
    whole = tmp_path / "whole.tif"
    with tifffile.TiffWriter(whole) as file:
        for page in range(3):
            file.write(np.full((64, 64), page, np.uint8), contiguous=False, metadata=None)
    cut = tmp_path / "cut.tif"
    cut.write_bytes(whole.read_bytes()[: int(0.6 * whole.stat().st_size)])
    assert cli.main(["segment", str(cut), "--axes", "ZYX", "--out", str(tmp_path / "out")]) == 1
    assert "truncated" in capsys.readouterr().err


def test_track_gives_objects_numbers_that_last(tmp_path, capsys):
    pytest.importorskip("laptrack")
    stack = np.zeros((3, 30, 30), np.uint16)
    for frame in range(3):
        stack[frame, 5 + frame : 12 + frame, 5:12] = 4 + frame
    tifffile.imwrite(tmp_path / "a_labels.tif", stack, imagej=True, metadata={"axes": "TYX"})
    (tmp_path / "b_labels.tif").write_bytes(b"no")
    assert cli.main(["track", str(tmp_path), "--out", str(tmp_path / "out"), "--gap", "0"]) == 1
    captured = capsys.readouterr()
    assert "1 track" in captured.out
    assert "b_labels.tif" in captured.err
    tracked = tifffile.imread(tmp_path / "out" / "a_labels_tracked.tif")
    assert (tracked == (stack > 0)).all()
    with (tmp_path / "out" / "a_labels_tracks.csv").open(newline="") as file:
        assert [row["track"] for row in csv.DictReader(file)] == ["1", "1", "1"]


def test_track_lets_no_file_take_the_place_of_another_s_results(tmp_path, capsys):
    pytest.importorskip("laptrack")
    paths = []
    for number, folder in enumerate(("one", "two")):
        stack = np.zeros((2, 30, 30), np.uint16)
        stack[:, 5 + 10 * number : 12 + 10 * number, 5:12] = 1
        (tmp_path / folder).mkdir()
        paths.append(str(tmp_path / folder / "a_labels.tif"))
        tifffile.imwrite(paths[-1], stack, imagej=True, metadata={"axes": "TYX"})
    assert cli.main(["track", *paths, "--out", str(tmp_path / "out"), "--overwrite"]) == 1
    captured = capsys.readouterr()
    assert f"{paths[0]}: 1 track" in captured.out
    assert f"{paths[1]}: Its results would have the names of those of {paths[0]}; use another --out." in captured.err
    assert (tifffile.imread(tmp_path / "out" / "a_labels_tracked.tif") == tifffile.imread(paths[0])).all()


@pytest.mark.parametrize("count", ["-1", "0", "two"])
@pytest.mark.parametrize("command", [["segment", "a.tif", "--out", "o"], ["train"], ["train-outline"], ["reproduce"]])
def test_fewer_threads_than_one_are_refused_in_words(command, count, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main([*command, "--threads", count])
    assert f"'{count}' is no number of threads; give 1 or more, or leave it out" in capsys.readouterr().err


def test_evaluate_tells_the_subsets_of_the_leaf_challenge(tmp_path, capsys, nuclei_labels):
    for folder in ("true", "predicted"):
        (tmp_path / folder).mkdir()
    for name, lost in (("A1_plant001", 0), ("A2_plant001", 0), ("A3_plant001", 60)):
        tifffile.imwrite(tmp_path / "true" / f"{name}.tif", nuclei_labels.astype(np.uint16))
        found = np.where(nuclei_labels <= lost, 0, nuclei_labels)
        tifffile.imwrite(tmp_path / "predicted" / f"{name}_labels.tif", found.astype(np.uint16))
    (tmp_path / "predicted" / "A1_plant001.csv").write_text("what segment writes beside labels")
    tifffile.imwrite(tmp_path / "predicted" / "A1_plant001_distmap.tif", np.zeros((4, 4), np.float32))
    arguments = ["evaluate", "--labels", tmp_path / "true", "--predictions", tmp_path / "predicted"]
    table = tmp_path / "groups.csv"
    assert cli.main([*map(str, arguments), "--groups", str(table)]) == 0
    said = capsys.readouterr().out.splitlines()
    foreground = f"{evaluate_image(nuclei_labels, found).foreground_dice:.4f}"
    assert any(
        line.split() == ["A3", "1", "image", f"{59 / 119:.4f}", "60.0000", "-60.0000", foreground] for line in said
    )
    assert any(line.split()[:4] == ["A1-3", "3", "subsets", f"{(2 + 59 / 119) / 3:.4f}"] for line in said)
    with table.open(newline="") as file:
        rows = {row["group"]: row for row in csv.DictReader(file)}
    assert float(rows["all images"]["abs_count_difference"]) == 20
    assert float(rows["A3"]["count_difference"]) == -60
    (tmp_path / "true" / "A1_plant001.tif").rename(tmp_path / "true" / "a.tif")
    (tmp_path / "predicted" / "A1_plant001_labels.tif").rename(tmp_path / "predicted" / "a_labels.tif")
    for path in [*tmp_path.glob("*/A2*"), *tmp_path.glob("*/A3*")]:
        path.unlink()
    assert cli.main([*map(str, arguments), "--groups", str(tmp_path / "none.csv")]) == 1
    assert "leave out --groups" in capsys.readouterr().err
