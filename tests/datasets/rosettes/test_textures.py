"""The textures that are shipped: where they come from, that they repeat without a seam, that they are neutral."""

from __future__ import annotations

import runpy
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from napari_wnet.datasets.rosettes.textures import ZOOMS, blades, cut, noise, rough, soil

ROOT = Path(__file__).parents[3]
FOLDER = files("napari_wnet") / "datasets" / "rosettes" / "textures"


def test_each_texture_is_named_with_its_source_and_all_are_small():
    # Of the package as installed: where tests run on a wheel, what it lacks is missed here.
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    pictures = [entry for entry in FOLDER.iterdir() if entry.name.endswith(".png")]
    assert {entry.name for entry in pictures} == {"soil.png", "blades.png"}
    assert all(f"`{entry.name}`" in readme for entry in pictures)
    assert sum(len(entry.read_bytes()) for entry in pictures) < 400_000
    assert "Apache License" in (FOLDER / "LICENSE-textures.txt").read_text(encoding="utf-8")


def test_no_texture_is_cut_out_of_the_plant_kept_for_validation():
    script = runpy.run_path(str(ROOT / "scripts" / "rosette_textures.py"))
    assert all(name.startswith("is1_") for name in (script["BARE"], *script["GROWN"]))
    for entry in FOLDER.iterdir():
        assert b"zdr1_" not in entry.read_bytes()


def test_the_script_refuses_the_plant_kept_for_validation(tmp_path):
    (tmp_path / "zdr1_a.png").write_bytes(b"")
    read = runpy.run_path(str(ROOT / "scripts" / "rosette_textures.py"))["read"]
    with pytest.raises(SystemExit, match="zdr1_a"):
        read(tmp_path, "*.png")


@pytest.mark.parametrize("level", [0, 3, 7])
def test_noise_is_standard_and_of_its_grain(level):
    field = noise(level)
    assert abs(field.mean()) < 1e-4
    assert abs(field.std() - 1) < 1e-4
    # Pixels a grain apart are unlike, neighbours within a coarse grain are alike.
    assert np.abs((field * np.roll(field, 2**level, axis=0)).mean()) < 0.6
    if level > 2:
        assert (field * np.roll(field, 1, axis=1)).mean() > 0.8


@pytest.mark.parametrize("zoom", range(len(ZOOMS)))
def test_soil_is_neutral_and_repeats_without_a_seam(zoom):
    sheet = soil(zoom)
    np.testing.assert_allclose(sheet.mean(axis=(0, 1)), 1, atol=0.05)
    np.testing.assert_array_equal(sheet[0], sheet[-1])
    np.testing.assert_array_equal(sheet[:, 0], sheet[:, -1])


def test_blades_neither_brighten_nor_darken():
    assert len(blades()) == 8
    for piece in blades():
        assert abs(piece.mean()) < 1e-3
        assert 0.005 < piece.std() < 0.3


def test_cuts_are_larger_than_the_texture_if_need_be_and_of_every_turn(rng):
    texture = np.arange(12, dtype=np.float32).reshape(3, 4)
    cuts = [cut(texture, (5, 9), rng) for _ in range(60)]
    assert {piece.shape for piece in cuts} == {(5, 9)}
    assert {float(value) for value in np.diff(cuts[0], axis=1).ravel()} != set()
    steps = {float(abs(piece[0, 1] - piece[0, 0])) for piece in cuts}
    assert steps & {1.0, 3.0} and steps & {4.0, 8.0}


def test_rough_noise_keeps_its_strength(rng):
    for levels in ((0,), (1, 2, 3), (0, 2, 4, 6)):
        assert 0.6 < rough((300, 300), rng, levels).std() < 1.4
