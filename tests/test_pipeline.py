"""The whole pipeline with the bundled model, on the bundled image and on whatever else people have."""

from __future__ import annotations

import numpy as np
import pytest

import napari_wnet
from napari_wnet import SegmentParams, load_model, segment
from napari_wnet.core.clustering import cluster
from napari_wnet.core.metrics import evaluate_image
from napari_wnet.errors import DeviceError, ImageError, ParamsError
from napari_wnet.network.rescaling import rescaling
from napari_wnet.params import NormalizeParams
from napari_wnet.pipeline import as_image, predict_steps, segment_steps
from napari_wnet.reports import Progress, drain


@pytest.fixture(scope="module")
def model():
    return load_model("nuclei")


@pytest.fixture(scope="module")
def result(model, nuclei_image):
    return segment(nuclei_image[0], model, device="cpu")


def test_the_bundled_model_finds_the_bundled_nuclei(result, nuclei_labels):
    scores = evaluate_image(nuclei_labels, result.labels)
    assert scores.symmetric_best_dice > 0.8
    assert abs(scores.count_difference) <= 12


def test_the_result_says_how_it_was_made(result, model):
    assert result.params == model.header.params
    assert result.model == "nuclei"
    assert result.model_sha256 == model.sha256
    assert result.labels.dtype == np.int32
    assert result.n_objects == len(np.unique(result.labels)) - 1


def test_the_result_can_be_clustered_again_without_the_network(result):
    assert np.array_equal(cluster(result.maps, result.params.clustering), result.labels)
    strict = result.params.clustering.replace(min_area=10**6)
    assert not cluster(result.maps, strict).any()


@pytest.mark.parametrize("size", [128, 192, 320])
def test_labels_do_not_depend_on_the_size_of_tiles(result, model, nuclei_image, size):
    params = model.header.params.replace(tiles__size=size)
    tiled = segment(nuclei_image[0], model, params, device="cpu")
    # The maps are equal to rounding; a pixel on a threshold may still fall to either side.
    assert np.mean(tiled.labels != result.labels) < 1e-4
    assert np.abs(tiled.maps.distance - result.maps.distance).max() < 2e-3
    assert tiled.n_objects == result.n_objects


@pytest.mark.parametrize("dtype", [np.int32, np.uint64, np.float64, np.uint16, np.float32])
def test_number_types_do_not_matter(result, model, nuclei_image, dtype):
    again = segment(nuclei_image[0].astype(dtype), model, device="cpu")
    assert evaluate_image(result.labels, again.labels).symmetric_best_dice > 0.99


def test_brightness_and_contrast_do_not_matter(result, model, nuclei_image):
    again = segment(nuclei_image[0] * 3.5 + 1000, model, device="cpu")
    assert evaluate_image(result.labels, again.labels).symmetric_best_dice > 0.99


def test_colour_is_turned_into_grey_and_says_so(result, model, nuclei_image):
    colour = np.repeat(nuclei_image[0][..., None], 4, axis=-1)
    again = segment(colour, model, device="cpu")
    assert any("luminance" in note for note in again.notes)
    assert evaluate_image(result.labels, again.labels).symmetric_best_dice > 0.99


@pytest.mark.parametrize(
    "image",
    [np.zeros((64, 64), np.uint8), np.full((1, 50, 40), 3.5), np.eye(64, dtype=bool)],
    ids=["zero", "constant", "mask"],
)
def test_nothing_to_find_is_an_empty_result_with_a_note(model, image):
    empty = segment(image, model, device="cpu")
    assert empty.labels.shape == image.shape[-2:]
    assert empty.n_objects == 0
    assert "nothing to find" in empty.notes[-1]


def test_no_object_found_says_what_to_try(model, nuclei_image):
    params = model.header.params.replace(clustering__seed_threshold=1.0)
    empty = segment(nuclei_image[0, :64, :64], model, params, device="cpu")
    assert empty.n_objects == 0
    assert "lower seed threshold" in empty.notes[-1]


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((0, 5)), "no pixels"),
        (np.ones((1, 1)), "2 x 2"),
        (np.ones((1, 90)), "2 x 2"),
        (np.full((9, 9), np.nan), "NaN"),
        (np.array([[1, 2], [3, np.inf]]), "infinite"),
        (np.array([["a", "b"]] * 2, dtype=object), "numbers"),
        (np.ones((5, 30, 30)), "one by one"),
        (np.ones((2, 2, 30, 30)), "one by one"),
    ],
)
def test_what_is_no_image_is_refused_with_a_remedy(model, image, says):
    with pytest.raises(ImageError, match=says):
        segment(image, model, device="cpu")


def test_a_foreground_mask_bounds_the_objects(model, nuclei_image, result):
    mask = np.zeros(nuclei_image.shape[1:], bool)
    mask[:, :300] = True
    mask &= result.labels > 0
    cut = segment(nuclei_image[0], model, device="cpu", foreground=mask)
    assert cut.n_objects > 10
    assert not cut.labels[~mask].any()


def test_a_foreground_mask_of_another_shape_is_refused(model, nuclei_image):
    with pytest.raises(ImageError, match="must agree"):
        segment(nuclei_image[0], model, device="cpu", foreground=np.ones((5, 5), bool))


def test_the_object_diameter_rescales(model, nuclei_image, result):
    doubled = np.kron(nuclei_image[0], np.ones((2, 2), np.uint8))[:600, :600]
    params = model.header.params.replace(normalize__diameter=2 * model.header.diameter)
    large = segment(doubled, model, params, device="cpu")
    assert large.labels.shape == doubled.shape
    scores = evaluate_image(result.labels[:300, :300], large.labels[::2, ::2])
    assert scores.symmetric_best_dice > 0.8


def test_rescaling_needs_a_model_that_knows_its_diameter():
    assert rescaling(20.0, NormalizeParams()) == 1.0
    assert rescaling(20.0, NormalizeParams(diameter=40)) == 0.5
    with pytest.raises(ParamsError, match="set the object diameter to 0"):
        rescaling(0.0, NormalizeParams(diameter=40))


def test_objects_that_would_have_to_be_enlarged_without_end_are_refused():
    assert rescaling(16.0, NormalizeParams(diameter=1)) == 16.0
    for diameter in (0.99, 0.01, 1e-9):
        with pytest.raises(ParamsError, match="give an object diameter of 1 px or more"):
            rescaling(16.0, NormalizeParams(diameter=diameter))


def test_progress_counts_every_tile(model, nuclei_image):
    params = model.header.params.replace(tiles__size=256)
    steps = segment_steps(nuclei_image, model, params, device="cpu")
    reports = []
    while True:
        try:
            reports.append(next(steps))
        except StopIteration:
            break
    assert [report.done for report in reports] == list(range(10))
    assert all(isinstance(report, Progress) and report.total == 9 for report in reports)


def test_closing_the_generator_cancels(model, nuclei_image):
    params = model.header.params.replace(tiles__size=256)
    steps = predict_steps(nuclei_image, model, params, device="cpu")
    assert next(steps).done == 0
    assert next(steps).done == 1
    steps.close()
    with pytest.raises(StopIteration):
        next(steps)


def test_an_unknown_device_lists_the_choices(model, nuclei_image):
    with pytest.raises(DeviceError, match="cpu"):
        segment(nuclei_image[0], model, device="gpu7")


def test_predict_refuses_the_wrong_number_of_channels(model, nuclei_image):
    with pytest.raises(ImageError, match=r"reads 1 channel"):
        drain(predict_steps(np.repeat(nuclei_image, 2, axis=0), model, SegmentParams(), device="cpu"))


def test_channels_first_and_last_are_told_apart():
    first, note = as_image(np.zeros((3, 20, 30)), 3)
    assert first.shape == (3, 20, 30)
    assert note is None
    last, _ = as_image(np.zeros((20, 30, 3)), 3)
    assert last.shape == (3, 20, 30)
    grey, note = as_image(np.zeros((20, 30)), 3)
    assert grey.shape == (3, 20, 30)
    assert "copied" in str(note)


def test_the_public_function_loads_a_model_by_name(nuclei_image):
    assert napari_wnet.segment(nuclei_image[0, :128, :128], "nuclei", device="cpu").n_objects > 3
