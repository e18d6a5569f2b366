from __future__ import annotations

import numpy as np
import pytest
from pycocotools.coco import COCO

from napari_wnet.io.coco import write_coco, write_coco_set
from napari_wnet.io.export_context import ExportContext
from odd_labels import ODD

# pycocotools 2.0.11 has not followed numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def decoded(coco: COCO, image_id: int) -> np.ndarray:
    """Return the labels that pycocotools makes of an image's annotations, which must not overlap."""
    image = coco.loadImgs(image_id)[0]
    labels = np.zeros((image["height"], image["width"]), int)
    for annotation in coco.loadAnns(coco.getAnnIds(imgIds=[image_id])):
        mask = coco.annToMask(annotation).astype(bool)
        assert not labels[mask].any()
        labels[mask] = annotation["label"]
        rows, columns = np.nonzero(mask)
        left, top, width, height = annotation["bbox"]
        assert (left, top) == (columns.min(), rows.min())
        assert (left + width, top + height) == (columns.max() + 1, rows.max() + 1)
        assert annotation["area"] == mask.sum()
    return labels


@pytest.mark.parametrize("name", ODD)
def test_masks_decoded_by_pycocotools_are_the_same_pixels(tmp_path, name):
    labels = ODD[name]
    write_coco(tmp_path / "a.json", labels, ExportContext(name="a.png", category="leaf"))
    coco = COCO(tmp_path / "a.json")
    np.testing.assert_array_equal(decoded(coco, 1), labels)
    assert coco.loadImgs(1)[0]["file_name"] == "a.png"
    assert coco.loadCats(coco.getCatIds())[0]["name"] == "leaf"


def test_only_objects_with_holes_are_run_lengths(tmp_path):
    labels = np.concatenate([ODD["hole"], ODD["touching"] * 2])
    write_coco(tmp_path / "a.json", labels)
    kinds = {item["label"]: type(item["segmentation"]) for item in COCO(tmp_path / "a.json").anns.values()}
    assert kinds == {1: dict, 2: list, 4: list, 6: list, 8: list}


def test_a_set_of_images_goes_into_one_file_with_numbers_of_its_own(tmp_path):
    stack = np.stack([ODD["touching"], ODD["touching"][::-1]])
    items = [(ODD["noise"], ExportContext(name="a.tif")), (stack, ExportContext(name="b.tif", lead="T"))]
    write_coco_set(tmp_path / "a.json", iter(items))
    coco = COCO(tmp_path / "a.json")
    assert [(image["file_name"], image.get("plane")) for image in coco.loadImgs([1, 2, 3])] == [
        ("a.tif", None), ("b.tif", {"t": 0}), ("b.tif", {"t": 1}),
    ]  # fmt: skip
    for number, labels in enumerate((ODD["noise"], *stack), start=1):
        np.testing.assert_array_equal(decoded(coco, number), labels)
