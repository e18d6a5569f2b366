"""An image of a batch and its result, read to be shown."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tifffile

from napari_wnet import cli
from napari_wnet.batch.inputs import Item
from napari_wnet.io.images import read_labels
from napari_wnet.reports import drain
from napari_wnet.ui.opening import opening_steps


@pytest.fixture
def made(tmp_path, nuclei_image):
    """Return a folder with an image and its result."""
    (tmp_path / "made").mkdir()
    tifffile.imwrite(tmp_path / "made" / "a.tif", nuclei_image[0, :96, :96])
    out = tmp_path / "made" / "out"
    assert cli.main(["segment", str(tmp_path / "made" / "a.tif"), "--out", str(out), "--device", "cpu"]) == 0
    return tmp_path / "made"


def opened(folder):
    return drain(opening_steps(Item(path=folder / "a.tif", stem="a"), folder / "out", None))


@pytest.mark.parametrize("move", [shutil.copytree, shutil.move])
def test_labels_are_shown_after_images_and_results_were_moved_or_copied(tmp_path, made, move):
    labels = read_labels(made / "out" / "a_labels.tif")
    move(made, tmp_path / "elsewhere")
    found = opened(tmp_path / "elsewhere")
    np.testing.assert_array_equal(found.labels, labels)
    assert found.sidecar == tmp_path / "elsewhere" / "out" / "a.json"


def test_labels_of_another_image_of_the_name_are_not_shown(tmp_path, made, nuclei_image):
    shutil.copytree(made, tmp_path / "elsewhere")
    tifffile.imwrite(tmp_path / "elsewhere" / "a.tif", nuclei_image[0, 96:192, :96])
    assert opened(tmp_path / "elsewhere").labels is None
