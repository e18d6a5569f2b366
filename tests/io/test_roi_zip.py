from __future__ import annotations

import numpy as np
import pytest
import roifile
from skimage.draw import polygon2mask

from napari_wnet.errors import OutputError
from napari_wnet.io.export_context import ExportContext
from napari_wnet.io.roi_zip import write_rois
from odd_labels import LARGE, ODD


def read(path) -> list[roifile.ImagejRoi]:
    found = roifile.roiread(path)
    return found if isinstance(found, list) else [found]


def drawn_mask(roi: roifile.ImagejRoi, shape: tuple[int, int]) -> np.ndarray:
    """Fill a region by the even-odd rule, as ImageJ does, a pixel being inside where its centre is."""
    mask = np.zeros(shape, bool)
    for ring in roi.coordinates(multi=True):
        mask ^= polygon2mask(shape, ring[:, ::-1] - 0.5)
    return mask


@pytest.mark.parametrize("name", [name for name in ODD if name != "nothing"])
def test_regions_read_by_roifile_fill_back_to_the_same_pixels(tmp_path, name):
    labels = ODD[name]
    write_rois(tmp_path / "a.zip", labels)
    rois = read(tmp_path / "a.zip")
    filled = np.zeros_like(labels)
    for roi in rois:
        mask = drawn_mask(roi, labels.shape)
        filled[mask] = int(roi.name)
        rows, columns = np.nonzero(mask)
        assert (roi.top, roi.left, roi.bottom, roi.right) == (
            rows.min(), columns.min(), rows.max() + 1, columns.max() + 1,
        )  # fmt: skip
        assert (roi.position, roi.z_position, roi.t_position) == (0, 0, 0)
    np.testing.assert_array_equal(filled, labels)
    assert len(rois) == len(np.unique(labels[labels > 0]))


def test_plain_objects_are_what_imagejs_wand_draws_and_others_are_composite(tmp_path):
    write_rois(tmp_path / "a.zip", ODD["touching"])
    assert {roi.roitype for roi in read(tmp_path / "a.zip")} == {roifile.ROI_TYPE.TRACED}
    write_rois(tmp_path / "b.zip", ODD["hole"])
    assert [roi.composite for roi in read(tmp_path / "b.zip")] == [True]


@pytest.mark.parametrize("lead", ["T", "Z", "", "P"])
def test_regions_of_a_stack_lie_on_their_planes(tmp_path, lead):
    stack = np.stack([ODD["touching"], np.zeros_like(ODD["touching"]), ODD["touching"] * LARGE])
    write_rois(tmp_path / "a.zip", stack, ExportContext(lead=lead))
    rois = read(tmp_path / "a.zip")
    assert [roi.position for roi in rois] == [1] * 4 + [3] * 4
    for roi in rois:
        mask = drawn_mask(roi, stack.shape[1:])
        assert (stack[roi.position - 1][mask] == int(roi.name.rpartition("-")[2])).all()
    assert len({roi.name for roi in rois}) == 8


def test_regions_of_a_series_of_stacks_have_a_frame_and_a_slice(tmp_path):
    stack = np.zeros((2, 3, 4, 5), int)
    stack[1, 2, 0, 0] = 9
    write_rois(tmp_path / "a.zip", stack, ExportContext(lead="TZ"))
    (roi,) = read(tmp_path / "a.zip")
    assert (roi.position, roi.c_position, roi.z_position, roi.t_position) == (0, 0, 3, 2)


def test_regions_far_out_keep_their_place(tmp_path):
    labels = np.zeros((1, 70_000), np.uint8)
    labels[0, 40_000:40_010] = 1
    labels[0, 65_000:65_010] = 2
    write_rois(tmp_path / "a.zip", labels)
    for roi, start in zip(read(tmp_path / "a.zip"), (40_000, 65_000), strict=True):
        ((left, top), (right, bottom)) = roi.coordinates().min(axis=0), roi.coordinates().max(axis=0)
        assert (left, top, right, bottom) == (start, 0, start + 10, 1)


def test_the_same_labels_give_the_same_file_and_none_is_replaced_unasked(tmp_path):
    for name in ("a.zip", "b.zip"):
        write_rois(tmp_path / name, ODD["hole"])
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with pytest.raises(OutputError, match="--overwrite"):
        write_rois(tmp_path / "a.zip", ODD["hole"])
    write_rois(tmp_path / "a.zip", ODD["nothing"], ExportContext(overwrite=True))
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.zip", "b.zip"]
