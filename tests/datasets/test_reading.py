"""Any known folder is told by what lies in it; see the tests of each layout for what is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_wnet.datasets.annotated import Selection
from napari_wnet.datasets.reading import LAYOUTS, layout_of, read_steps
from napari_wnet.errors import ImageError, TrainingError
from napari_wnet.reports import drain

LABELS = np.zeros((22, 24), np.uint8)
LABELS[2:8, 2:8], LABELS[12:18, 12:20] = 1, 2
RGB = np.random.default_rng(0).integers(0, 255, (22, 24, 3), np.uint8)


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def make(kind: str, root: Path) -> str:
    """Make a copy of one image in each layout and return the name it is read under."""
    if kind == "plain":
        save(root / "images" / "pot_rgb.png", RGB)
        save(root / "labels" / "pot_label.png", LABELS)
        save(root / "foreground" / "pot_rgb.png", (LABELS > 1).astype(np.uint8) * 255)
        return "pot"
    if kind == "cvppp":
        save(root / "A2" / "plant001_rgb.png", RGB)
        save(root / "A2" / "plant001_label.png", LABELS)
        return "A2_plant001"
    if kind == "bbbc006":
        for name in ("mcf-z-stacks-1_a01_s1_w1x.tif", "mcf-z-stacks-1_a01_s2_w1x.tif"):
            save(root / name, RGB[..., 0].astype(np.uint16))
            save(root / f"{name[:21]}.png", LABELS)
        return "1_a01_s1"
    save(root / "stage1_train" / "ab12" / "images" / "ab12.png", np.dstack([RGB[..., 0] // 8] * 3))
    for number in (1, 2):
        save(root / "stage1_train" / "ab12" / "masks" / f"{number}.png", (number == LABELS).astype(np.uint8) * 255)
    return "ab12"


@pytest.mark.parametrize("kind", LAYOUTS)
def test_each_layout_is_told_and_read(kind: str, tmp_path: Path) -> None:
    name = make(kind, tmp_path)
    assert layout_of(tmp_path) == kind
    image = next(image for image in drain(read_steps(tmp_path)).images if image.name == name)
    np.testing.assert_array_equal(image.labels, LABELS)
    assert image.sample().labels.max() == 2
    if kind == "plain":
        np.testing.assert_array_equal(image.foreground, LABELS > 1)


def test_an_unknown_layout_is_told_with_all_that_was_looked_for(tmp_path: Path) -> None:
    save(tmp_path / "pictures" / "a.png", RGB)
    with pytest.raises(TrainingError, match=r"Found: pictures\.") as told:
        layout_of(tmp_path)
    assert all(layout.looked_for in str(told.value) for layout in LAYOUTS.values())
    with pytest.raises(TrainingError, match="Found: nothing"):
        layout_of(tmp_path / "nowhere")


def test_where_no_image_can_be_used_the_first_reason_is_told(tmp_path: Path) -> None:
    make("plain", tmp_path)
    save(tmp_path / "labels" / "pot_label.png", LABELS[:5])
    with pytest.raises(
        TrainingError, match=r"None of the 1 images can be used\. The first: pot: the image has 22 x 24"
    ):
        drain(read_steps(tmp_path))


def test_images_without_labels_are_no_samples(tmp_path: Path) -> None:
    make("plain", tmp_path)
    save(tmp_path / "unlabelled" / "images" / "other.png", RGB)
    data = drain(read_steps(tmp_path, Selection(labelled=None)))
    assert [image.name for image in data.images] == ["other", "pot"]
    assert [sample.name for sample in data.samples()] == ["pot"]
    with pytest.raises(ImageError, match="other has no labels"):
        data.images[0].sample()
