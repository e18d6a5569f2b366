"""Which mask goes with which image, and that masks are never taken for images."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_wnet import cli, segment_folder
from napari_wnet.batch.inputs import Item, find_inputs
from napari_wnet.batch.masks import check_masks, mask_path
from napari_wnet.errors import ImageError, ParamsError

SIDE = 96


@pytest.fixture
def masks(tmp_path):
    folder = tmp_path / "masks"
    for name in ("plate 1/a.tif", "plate 1/a.png", "plate 1/b.png", "b.tif", "a.npy", "notes.txt"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


@pytest.mark.parametrize(
    ("image", "stem", "mask"),
    [
        ("images/plate 1/a.tif", "plate 1/a.tif", "plate 1/a.tif"),
        ("images/plate 1/a.png", "plate 1/a.png", "plate 1/a.png"),
        ("images/plate 1/b.tif", "plate 1/b", "plate 1/b.png"),
        ("images/plate 2/b.tif", "plate 2/b", "b.tif"),
        ("images/a.ome.tif", "a", "a.npy"),
    ],
)
def test_a_mask_has_the_name_of_its_image_and_lies_like_it(masks, tmp_path, image, stem, mask):
    assert mask_path(masks, Item(path=tmp_path / image, stem=stem)) == masks / mask


def test_one_file_is_the_mask_of_all_and_none_is_none(masks, tmp_path):
    item = Item(path=tmp_path / "x.tif", stem="x")
    assert mask_path(masks / "b.tif", item) == masks / "b.tif"
    assert mask_path(None, item) is None


def test_an_image_is_not_its_own_mask(masks):
    item = Item(path=masks / "b.tif", stem="b")
    with pytest.raises(ParamsError, match=r"no foreground mask named b\.\*"):
        mask_path(masks, item)


@pytest.mark.parametrize("one", [True, False])
def test_masks_within_the_images_are_no_images(tmp_path, one):
    (tmp_path / "masks").mkdir()
    for name in ("a.tif", "masks/a.tif"):
        (tmp_path / name).touch()
    foreground = tmp_path / "masks" / "a.tif" if one else tmp_path / "masks"
    found = find_inputs([str(tmp_path)], tmp_path / "out", recursive=True, foreground=foreground)
    assert [item.path for item in found.items] == [tmp_path / "a.tif"]


def test_masks_that_are_nowhere_are_told_once_before_anything_begins(tmp_path, nuclei_image, capsys):
    tifffile.imwrite(tmp_path / "a.tif", nuclei_image[0, :SIDE, :SIDE])
    with pytest.raises(ImageError, match="no foreground masks at"):
        check_masks(tmp_path / "nowhere")
    words = ["segment", str(tmp_path / "a.tif"), "--out", str(tmp_path / "out"), "--foreground", str(tmp_path / "no")]
    assert cli.main(words) == 1
    assert "no foreground masks at" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_of_masks_is_used_and_what_lacks_one_fails_alone(tmp_path, nuclei_image):
    folder, masks = tmp_path / "images", tmp_path / "images" / "masks"
    masks.mkdir(parents=True)
    for number, name in enumerate(("a.tif", "b.tif")):
        tifffile.imwrite(folder / name, nuclei_image[0, :SIDE, number * SIDE : (number + 1) * SIDE])
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, : SIDE // 2] = 255
    tifffile.imwrite(masks / "a.tif", mask)
    results = segment_folder(folder, tmp_path / "out", foreground=str(masks), recursive=True, device="cpu")
    assert {result.path.name: result.state for result in results} == {"a.tif": "done", "b.tif": "failed"}
    labels = tifffile.imread(tmp_path / "out" / "a_labels.tif")
    assert labels[:, : SIDE // 2].any()
    assert not labels[:, SIDE // 2 :].any()
