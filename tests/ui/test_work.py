"""The dock's work without the dock: generators that turn a request into results."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_wnet.errors import ImageError, ModelError
from napari_wnet.params import ClusteringParams, SegmentParams
from napari_wnet.reports import Progress, drain
from napari_wnet.ui.cache import MapsCache
from napari_wnet.ui.foreground import read_foreground
from napari_wnet.ui.layers import read_source, stacked_features
from napari_wnet.ui.requests import PlaneLabels, Request, Snapshot, Tuning, checksum
from napari_wnet.ui.work import Models, catalog_steps, recluster_steps, run_steps
from ui_stand_ins import blobs, save_random_model

PARAMS = SegmentParams(clustering=ClusteringParams(min_area=10))


def request(data, model, **changes):
    rgb = changes.pop("rgb", False)
    source = read_source(Image(data, name="cells", rgb=rgb), channel_axis=changes.pop("axis", None))
    values = {"source": source, "indices": list(source.indices()), "params": PARAMS, **changes}
    return Request(model=str(model), device="cpu", **values)


def run(data, model, cache=None, **changes):
    return drain(run_steps(request(data, model, **changes), Models(), MapsCache() if cache is None else cache))


def tuning(result, data, **clustering):
    return Tuning(
        source=read_source(Image(data)),
        foreground=None,
        params=PARAMS.replace(clustering=PARAMS.clustering.replace(**clustering)),
        in_channels=1,
        keys=result.keys,
        tables=result.tables,
        previous=None,
    )


def test_a_plane_becomes_maps_labels_and_measurements(oracle, model_file):
    image = blobs(4)
    result = run(image, model_file)
    assert result.labels.max() == 4
    assert ((result.labels > 0) == (image > 0)).all()
    assert result.distance.shape == image.shape
    assert result.picture.shape == (*image.shape, 3)
    assert result.tables[()]["label"].tolist() == [1, 2, 3, 4]
    assert sorted(result.tables[()]["mean_intensity"]) == [100, 110, 120, 130]
    assert result.model_name == "grey"
    assert result.notes == ()


def test_progress_counts_the_tiles_of_all_planes(oracle, model_file):
    reports = [report for report in run_steps(request(np.stack([blobs()] * 2), model_file), Models(), MapsCache())]
    assert all(isinstance(report, Progress) for report in reports)
    tiles = [report for report in reports if "tile" in report.what]
    assert [(report.done, report.total) for report in tiles] == [(0, 6), (1, 6), (2, 6)]
    stack = np.stack([blobs(2), blobs(3)])
    tiles = [report for report in run_steps(request(stack, model_file), Models(), MapsCache()) if "tile" in report.what]
    assert [report.done for report in tiles] == [0, 1, 2, 3, 4, 5]
    assert tiles[4].what == "plane 2 of 2, tile 2 of 3"


def test_a_stack_is_segmented_plane_by_plane(oracle, model_file):
    stack = np.stack([[blobs(2), blobs(3)], [blobs(4), blobs(1)]])
    result = run(stack, model_file)
    assert result.labels.shape == stack.shape
    assert [int(result.labels[index].max()) for index in np.ndindex(2, 2)] == [2, 3, 4, 1]
    assert len(stacked_features(result.tables)["plane_0"]) == 10


def test_the_planes_of_a_stack_have_the_same_colours_from_the_first_with_something_in_it(oracle, model_file):
    one, both = blobs(1), blobs(2)
    result = run(np.stack([both * 0, both, one]), model_file)
    alone = run(both, model_file).picture
    assert not result.picture[0].any()
    np.testing.assert_array_equal(result.picture[1], alone)
    same = one > 0
    np.testing.assert_array_equal(result.picture[2][same], alone[same])
    assert (run(one, model_file).picture[same] != alone[same]).any()  # by itself it has other colours


def test_only_the_planes_asked_for(oracle, model_file):
    result = run(np.stack([blobs(2), blobs(3)]), model_file, indices=[(1,)])
    assert result.labels.shape == (2, 64, 96)
    assert not result.labels[0].any()
    assert result.labels[1].max() == 3
    assert len(oracle.calls) == 1


def test_maps_at_hand_are_used_whatever_the_clustering(oracle, model_file):
    cache = MapsCache()
    run(blobs(), model_file, cache)
    run(blobs(), model_file, cache, params=PARAMS.replace(clustering__angle=10, tiles__size=64))
    assert len(oracle.calls) == 1
    run(blobs(), model_file, cache, params=PARAMS.replace(normalize__invert=True))
    run(blobs(3), model_file, cache)
    assert len(oracle.calls) == 3


def test_another_model_file_of_the_same_name_is_noticed(oracle, tmp_path):
    path, cache, models = tmp_path / "own.safetensors", MapsCache(), Models()
    save_random_model(path)
    first = drain(run_steps(request(blobs(), path), models, cache))
    path.unlink()
    save_random_model(path, embedding_dim=4)
    second = drain(run_steps(request(blobs(), path), models, cache))
    assert first.sha256 != second.sha256
    assert len(oracle.calls) == 2


def test_an_own_model_that_was_removed_or_is_another_now_is_noticed(oracle, tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_WNET_USER_MODELS", str(tmp_path))
    path, cache, models = tmp_path / "mine.safetensors", MapsCache(), Models()
    save_random_model(path)
    first = drain(run_steps(request(blobs(), "mine"), models, cache))
    path.unlink()
    with pytest.raises(ModelError, match="no model 'mine'"):
        drain(run_steps(request(blobs(), "mine"), models, cache))
    save_random_model(path, embedding_dim=4)
    second = drain(run_steps(request(blobs(), "mine"), models, cache))
    assert first.sha256 != second.sha256


def test_colour_on_a_grey_model_is_said(oracle, model_file):
    image = np.stack([blobs()] * 3, axis=-1)
    result = run(image, model_file, rgb=True)
    assert result.labels.max() == 4
    assert "luminance" in result.notes[0]


@pytest.mark.parametrize("dtype", [bool, np.int32, np.uint64, np.float64])
def test_every_number_type_is_accepted(oracle, model_file, dtype):
    image = blobs().astype(bool) if dtype is bool else blobs().astype(dtype)
    assert run(image, model_file).labels.max() == 4


@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_image_gives_nothing_and_says_so(model_file, value):
    result = run(np.full((32, 40), value, np.uint8), model_file)
    assert not result.labels.any()
    assert any("one value everywhere" in note for note in result.notes)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.full((8, 8), np.nan), "NaN"),
        (np.zeros((1, 1)), "2 x 2"),
        (np.zeros((1, 9)), "2 x 2"),
        (np.zeros((4, 8, 8)), "NaN"),
    ],
)
def test_unusable_images_are_refused_in_words(oracle, model_file, data, message):
    if data.ndim == 3:
        data = np.full(data.shape, np.inf)
    with pytest.raises(ImageError, match=message):
        run(data, model_file)
    assert oracle.calls == []


def test_one_bad_plane_does_not_stop_the_others(oracle, model_file):
    stack = np.stack([blobs(2), blobs(3)]).astype(float)
    stack[0, 0, 0] = np.nan
    result = run(stack, model_file)
    assert result.indices == ((1,),)
    assert not result.labels[0].any()
    assert result.labels[1].max() == 3
    assert any("Plane 0" in note and "NaN" in note for note in result.notes)


def test_a_wrong_channel_count_says_what_to_choose(oracle, model_file):
    with pytest.raises(ImageError, match="1 channel"):
        run(np.stack([blobs()] * 2), model_file, axis=0)


def test_the_users_foreground_cuts(oracle, model_file):
    image, mask = blobs(), np.zeros((64, 96), int)
    mask[:, :40] = 1
    layer = Image(image)
    foreground = read_foreground(Labels(mask), layer, read_source(layer))
    result = run(image, model_file, foreground=foreground)
    assert result.labels.any()
    assert not result.labels[:, 40:].any()


def test_an_unknown_model_is_refused(oracle):
    with pytest.raises(ModelError, match="nonsense"):
        run(blobs(), "nonsense")


def test_reclustering_equals_running_again_without_the_network(oracle, model_file):
    cache, stack = MapsCache(), np.stack([blobs(2), blobs(4)])
    result = run(stack, model_file, cache)
    n_calls = len(oracle.calls)
    reports = []
    steps = recluster_steps(tuning(result, stack, min_area=150), cache)
    while True:
        try:
            reports.append(next(steps))
        except StopIteration as stop:
            end = stop.value
            break
    assert len(oracle.calls) == n_calls
    again = run(stack, model_file, params=PARAMS.replace(clustering__min_area=150))
    assert all(isinstance(report, PlaneLabels) for report in reports)
    for report in reports:
        assert (report.labels == again.labels[report.index]).all()
    assert {key: value.tolist() for key, value in end.features.items()} == {
        key: value.tolist() for key, value in stacked_features(again.tables).items()
    }
    assert end.n_missing == 0


def test_planes_without_maps_are_counted(oracle, model_file):
    cache, stack = MapsCache(limit=1), np.stack([blobs(2), blobs(4)])
    result = run(stack, model_file, cache)
    steps = recluster_steps(tuning(result, stack), cache)
    assert next(steps).index == (1,)
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value.n_missing == 1


def test_an_edit_in_place_is_noticed():
    labels = np.zeros((2, 4, 4), np.int32)
    snapshot = Snapshot(array=labels, checksums={(0,): checksum(labels[0])})
    assert snapshot.if_edited() is None
    labels[1, 0, 0] = 1
    assert snapshot.if_edited() is None
    labels[0, 0, 0] = 1
    assert snapshot.if_edited() is labels


def test_the_real_network_gives_what_segment_gives(model_file):
    from napari_wnet import segment

    image = blobs().astype(np.float32)
    result = run(image, model_file)
    alone = segment(image, model_file, PARAMS, device="cpu")
    assert (result.labels == alone.labels).all()
    assert (result.distance == alone.maps.distance).all()


def test_the_catalog_lists_devices():
    catalog = drain(catalog_steps())
    assert catalog.devices[:2] == ("auto", "cpu")
