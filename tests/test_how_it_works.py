"""The pictures of docs/how-it-works.md can be made, stay small, and show what the page says of them."""

from __future__ import annotations

import importlib
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib import rc_context
from PIL import Image
from scipy import ndimage
from skimage.measure import profile_line

from napari_wnet.reports import drain
from napari_wnet.reproduce import STUDIES, Budget, ReproduceJob, job
from napari_wnet.reproduce.run import reproduce_steps

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "how-it-works.md"
LARGEST_FILE = 250_000


@pytest.fixture(scope="module")
def pictures():
    """Return a way to import what the script consists of; images are segmented once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "scripts")
        yield importlib.import_module
    for name in [name for name in sys.modules if name == "how_it_works" or name.partition(".")[0] == "pictures"]:
        del sys.modules[name]


def shown() -> list[str]:
    return re.findall(r"\(images/(how-[\w-]+)\.png\)", PAGE.read_text(encoding="utf-8"))


def test_every_picture_of_the_page_is_drawn_and_small(pictures, tmp_path):
    script = pictures("how_it_works")
    of_runs = pictures("pictures.runs").DRAWN
    assert sorted([*script.FIGURES, *of_runs]) == sorted(shown())
    written = script.write(tmp_path)
    assert [path.stem for path in written] == list(script.FIGURES)
    for path in written:
        assert path.stat().st_size < LARGEST_FILE, path.name
        with Image.open(path) as picture, Image.open(ROOT / "docs" / "images" / path.name) as published:
            assert picture.size == published.size
            assert len(picture.convert("RGB").getcolors(2**24)) > 100


def test_a_picture_is_the_same_each_time(pictures, tmp_path):
    parts, growth = pictures("pictures.parts"), pictures("pictures.growth")
    for name in ("first", "again"):
        parts.scene.cache_clear()
        parts.save(growth.growth(), tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "again").read_bytes()


def test_published_pictures_are_small():
    for name in shown():
        assert (ROOT / "docs" / "images" / f"{name}.png").stat().st_size < LARGEST_FILE


def test_the_angles_are_those_that_the_page_tells(pictures):
    parts, angles = pictures("pictures.parts"), pictures("pictures.angles")
    made = parts.leaves()
    directions = parts.directions_of(made)
    between = parts.degrees(directions @ directions.T)
    pairs = angles.neighbours(made.labels, angles.NEAR_PX) - 1
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    told = re.search(
        r"are (\d+)° to (\d+)° apart; the closest, .*?, (\d+)°.*Leaves 2 and 14 do not touch, and are (\d+)°", text
    )
    middle = np.percentile(between[tuple(pairs[pairs[:, 0] < pairs[:, 1]].T)], (25, 75, 0))
    assert [int(number) for number in told.groups()] == pytest.approx([*middle, between[1, 13]], abs=1)
    assert not (pairs == (1, 13)).all(axis=1).any()


def test_the_midvein_is_a_stronger_edge_than_a_boundary_and_the_distance_highest_there(pictures):
    parts, midvein = pictures("pictures.parts"), pictures("pictures.midvein")
    made = parts.leaves()
    gradient = midvein.gradient_of(midvein.grey_of(made))
    ends = midvein.across(made)
    edge, distance = (
        profile_line(values, *ends, linewidth=midvein.PROFILE_WIDTH_PX) for values in (gradient, made.distance)
    )
    vein = int(distance.argmax())
    border = np.logical_and(*(ndimage.binary_dilation(made.labels == leaf) for leaf in (2, 4)))
    assert edge[vein - 5 : vein + 6].max() > np.percentile(gradient[border], 75)
    assert len(edge) / 3 < vein < 2 * len(edge) / 3


def test_runs_that_are_there_are_compared(pictures, monkeypatch, tmp_path):
    monkeypatch.setattr(job, "SMALL_WIDTHS", (4, 8))
    short = job.SMALL_TRAINING.replace(steps=2, crop_size=32, batch_size=1, warmup_steps=0)
    monkeypatch.setattr(job, "SMALL_TRAINING", short)
    runs = pictures("pictures.runs")
    every = (*STUDIES["table1"].variants, *STUDIES["fig6b"].variants)
    variants = tuple(variant for variant in every if variant.key in ("none", "dfeat-32", "lambda-10"))
    for count in (1, 2, 3):
        study = replace(STUDIES["table1"], variants=variants[:count])
        drain(
            reproduce_steps(
                ReproduceJob(
                    study=study, data="synthetic", out=tmp_path, budget=Budget(n_seeds=1, n_images=2), device="cpu"
                )
            )
        )
        if count == 1:
            with pytest.raises(SystemExit, match="no two finished runs"):
                runs.run_figures(tmp_path)
        if count == 2:
            assert list(runs.run_figures(tmp_path)) == ["how-networks"]
    drawn = runs.run_figures(tmp_path)
    assert list(drawn) == ["how-networks", "how-lambda"]
    assert [axes.get_title() for axes in drawn["how-lambda"].axes][:3] == ["image", "lambda 4", "lambda 10"]
    titles = [axes.get_title() for axes in drawn["how-networks"].axes]
    assert titles[:3] == ["image", "U-Net", "W-Net"]
    assert all(title.endswith("(has not learnt)") for title in titles[4:])
    with rc_context(pictures("pictures.parts").STYLE):
        pictures("pictures.parts").save(drawn["how-networks"], tmp_path / "how-networks.png")
    assert (tmp_path / "how-networks.png").stat().st_size < LARGEST_FILE


def test_labels_take_the_numbers_of_the_true_objects_that_they_cover(pictures):
    runs = pictures("pictures.runs")
    truth = np.array([[1, 1, 1, 2, 2, 0]], np.int32)
    labels = np.array([[3, 1, 1, 2, 2, 4]], np.int32)
    assert runs.numbered_as(truth, labels).tolist() == [[3, 1, 1, 2, 2, 4]]
    swapped = np.array([[1, 1, 1, 3, 3, 0]], np.int32)
    assert runs.numbered_as(truth[:, ::-1], swapped[:, ::-1]).tolist() == truth[:, ::-1].tolist()
