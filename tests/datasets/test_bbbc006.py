from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_wnet.cli import main
from napari_wnet.datasets import bbbc006
from napari_wnet.datasets.annotated import DataSet, Selection
from napari_wnet.errors import ImageError
from napari_wnet.reports import drain

NUCLEI = np.zeros((20, 28), np.uint8)
NUCLEI[2:8, 2:8], NUCLEI[2:8, 8:14], NUCLEI[12:18, 20:26] = 4, 9, 251
SITES = [f"{row}{column:02d}_s{site}" for row in "ab" for column in range(1, 4) for site in (1, 2)]


def add_site(root: Path, site: str, labels: np.ndarray | None = NUCLEI, plane: int = 16) -> None:
    """Add one site in the exact layout of the two archives: both channels, and the labels."""
    images, truth = root / f"BBBC006_v1_images_z_{plane:02d}", root / "BBBC006_v1_labels"
    images.mkdir(parents=True, exist_ok=True)
    truth.mkdir(exist_ok=True)
    for channel in (1, 2):
        pixels = np.full((20, 28), 1000 * channel + plane, np.uint16) + NUCLEI
        name = f"mcf-z-stacks-03212011_{site}_w{channel}6b5ef8a0-{site}{channel}.tif"
        tifffile.imwrite(images / name, pixels)
    if labels is not None:
        Image.fromarray(labels).save(truth / f"mcf-z-stacks-03212011_{site}.png")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "BBBC006"
    for site in SITES:
        add_site(root, site)
        add_site(root, site, plane=0)  # out of focus
    return root


def read(source: Path, selection: Selection | None = None, seed: int = 0) -> DataSet:
    return drain(bbbc006.read_steps(source, selection, seed=seed))


def test_the_plane_in_focus_of_the_nuclei_is_read(source: Path) -> None:
    data = read(source)
    image = data.images[0]
    assert image.name.startswith("03212011_")
    np.testing.assert_array_equal(image.image, (1016 + NUCLEI.astype(np.uint16))[None])
    assert image.image.dtype == np.uint16
    np.testing.assert_array_equal(image.labels, NUCLEI)


def test_halves_are_disjoint_whole_and_made_by_the_seed_alone(source: Path) -> None:
    halves = {
        subset: {image.name for image in read(source, Selection(subsets=(subset,))).images}
        for subset in ("train", "test")
    }
    assert len(halves["train"]) == len(halves["test"]) == len(SITES) // 2
    assert halves["train"] | halves["test"] == {f"03212011_{site}" for site in SITES}
    assert read(source).subsets == read(source).subsets
    assert read(source, seed=1).subsets != read(source).subsets


def test_images_with_fewer_than_two_nuclei_belong_to_neither_half(source: Path) -> None:
    add_site(source, "p23_s1", np.where(NUCLEI == 4, NUCLEI, 0))
    add_site(source, "p23_s2", NUCLEI * 0)
    add_site(source, "p24_s1", None)
    speck = np.where(NUCLEI == 4, NUCLEI, 0)
    speck[:, 27] = 9  # 20 pixels
    add_site(source, "p24_s2", speck)
    data = read(source)
    assert len(data.images) == len(SITES)
    told = "\n".join(data.problems)
    reasons = {"p23_s1": "it has 1", "p23_s2": "it has 0", "p24_s1": "it has no", "p24_s2": "it has 1"}
    for site, words in reasons.items():
        assert f"{site}: left out, since {words}" in told
    assert "12 images are used, not 754" in told


def test_a_mask_without_numbers_and_another_size_are_told(source: Path) -> None:
    add_site(source, "p22_s1", np.where(NUCLEI, 255, 0).astype(np.uint8))
    add_site(source, "p22_s2", NUCLEI[:10])
    data = read(source)
    told = "\n".join(data.problems)
    assert len(data.images) == len(SITES)
    assert "p22_s1: left out, since it has 1 nuclei" in told
    assert "p22_s2: the image is (20, 28), its labels are (10, 28)" in told


def test_conversion_keeps_all_16_bits(source: Path, tmp_path: Path) -> None:
    assert main(["convert", "bbbc006", str(source), str(tmp_path / "out")]) == 0
    name = f"03212011_{SITES[0]}.png"
    with Image.open(tmp_path / "out" / "images" / name) as image, Image.open(tmp_path / "out" / "labels" / name) as own:
        np.testing.assert_array_equal(np.asarray(image), 1016 + NUCLEI.astype(int))
        np.testing.assert_array_equal(np.asarray(own), np.searchsorted([0, 4, 9, 251], NUCLEI))
    assert len(list((tmp_path / "out" / "images").iterdir())) == len(SITES)


def test_another_layout_other_planes_and_two_copies_are_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"looked for BBBC006_v1_images_z_16/.*found 0 such images and 0 labels"):
        read(tmp_path / "nowhere")
    other = tmp_path / "other"
    for plane in (3, 20):
        add_site(other, "a01_s1", plane=plane)
    with pytest.raises(ImageError, match=r"planes 03, 20 of BBBC006, all out of focus: unpack BBBC006_v1_images_z_16"):
        read(other)
    add_site(source / "copy", SITES[0])
    with pytest.raises(ImageError, match="13 images of 12 sites"):
        read(source)
