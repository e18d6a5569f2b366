"""A slide's labels are those of the whole plane: shapes and numbers, whatever the blocks."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import scenes
from napari_wnet.core.clustering import cluster
from napari_wnet.core.maps import Maps
from napari_wnet.network.registry import load_model
from napari_wnet.network.wnet import WNet
from napari_wnet.params import SegmentParams, WNetConfig
from napari_wnet.pipeline import segment
from napari_wnet.slide import job
from napari_wnet.slide.run import segment_zarr
from slide_scenes import (
    PARAMS,
    cell_maps,
    clusters,
    give_maps,
    has_giants,
    labels_in,
    labels_of,
    scene,
    tiny_model,
    watch_plan,
)

METHODS = ("combined", "angular", "watershed")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return a model with a foreground head and one without."""
    configs = [WNetConfig(widths=(4, 8), stem=1, foreground_head=head) for head in (False, True)]
    return [tiny_model(tmp_path_factory.mktemp("model"), WNet(config).eval()) for config in configs]


@pytest.fixture(autouse=True)
def small_reach(monkeypatch):
    """Let windows be as small as blocks make them, so that small planes have components that fit into none."""
    monkeypatch.setattr(job, "REACH_PX", 0)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=scene(),
    method=st.sampled_from(METHODS),
    fill=st.booleans(),
    sigma=st.sampled_from([0.0, 1.0, 2.0]),
    block=st.sampled_from([64, 128]),
)
def test_labels_are_those_of_the_whole_plane(tmp_path, models, drawn, method, fill, sigma, block):
    params = PARAMS.replace(clustering__method=method, clustering__fill=fill, clustering__seed_sigma=sigma)
    maps = cell_maps(drawn)
    wanted = cluster(maps, params.clustering)
    with pytest.MonkeyPatch.context() as patch:
        image, plans = give_maps(patch, maps), watch_plan(patch)
        found = labels_of(image, tmp_path, models[maps.foreground is not None], params, block=block)
    if not has_giants(plans[0]):
        np.testing.assert_array_equal(found, wanted)
    else:  # what is too large for any window is put together of pieces
        assert abs(int(found.max()) - int(wanted.max())) <= 0.02 * wanted.max() + 1
        assert np.mean((found > 0) != (wanted > 0)) < 0.02


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=scene(),
    method=st.sampled_from(METHODS),
    fill=st.booleans(),
    use=st.sampled_from(["objects", "region"]),
    block=st.sampled_from([64, 128]),
)
def test_a_foreground_gives_the_labels_of_the_whole_plane_with_it(tmp_path, models, drawn, method, fill, use, block):
    params = PARAMS.replace(
        clustering__method=method, clustering__fill=fill, clustering__foreground_use=use, clustering__seed_threshold=0.4
    )
    maps = cell_maps(drawn)
    mask = clusters(drawn["size"], 25, 0.1, drawn["seed"] + 1) % 5 > 0
    mask[::17] = mask[:, ::23] = False
    wanted = cluster(maps, params.clustering, mask)
    with pytest.MonkeyPatch.context() as patch:
        image, plans = give_maps(patch, maps), watch_plan(patch)
        model = models[maps.foreground is not None]
        found = labels_of(image, tmp_path, model, params, block=block, foreground=mask)
    assume(not has_giants(plans[0]))
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("method", METHODS)
def test_foreground_far_from_any_object_goes_to_the_same_object_however_small_the_blocks(
    tmp_path, models, monkeypatch, method
):
    monkeypatch.setattr(job, "REACH_PX", 256)
    labels = clusters(260, 20, 0.0, seed=4)
    labels[labels % 9 > 0] = 0
    maps = objects(labels)
    params = PARAMS.replace(clustering__method=method)
    everywhere = np.ones(labels.shape, bool)
    wanted = cluster(maps, params.clustering, everywhere)
    assert wanted.max() > 5
    assert wanted.all()
    image = give_maps(monkeypatch, maps)
    found = labels_of(image, tmp_path, models[1], params, block=64, foreground=everywhere)
    np.testing.assert_array_equal(found, wanted)


def test_a_hole_is_not_filled_beyond_the_foreground(tmp_path, models, monkeypatch):
    rows, columns = np.mgrid[:192, :192]
    away = np.hypot(rows - 90, columns - 100)
    labels = ((away < 26) & (away > 14)).astype(np.int32)
    maps = objects(labels)
    mask = np.hypot(rows - 90, columns - 100) > 9
    wanted = cluster(maps, PARAMS.clustering, mask)
    assert wanted[90, 112] > 0
    assert wanted[90, 100] == 0
    image = give_maps(monkeypatch, maps)
    params = PARAMS.replace(clustering__foreground_use="region")
    wanted = cluster(maps, params.clustering, mask)
    np.testing.assert_array_equal(labels_of(image, tmp_path, models[1], params, block=64, foreground=mask), wanted)


def objects(maps_labels, n_dimensions=8, noise=0.1):
    return scenes.maps_of(maps_labels, noise, dimensions=n_dimensions)


def test_objects_on_seams_and_corners_come_out_whole(tmp_path, models, monkeypatch):
    labels = np.zeros((256, 256), np.int32)
    rows, columns = np.mgrid[:256, :256]
    for number, (y, x) in enumerate([(64, 64), (128, 30), (128, 128), (30, 192), (191, 192)], start=1):
        labels[np.hypot(rows - y, columns - x) < 14] = number
    image = give_maps(monkeypatch, objects(labels))
    for block in (64, 128):
        found = labels_of(image, tmp_path, models[1], block=block)
        np.testing.assert_array_equal(found > 0, labels > 0)
        assert sorted(np.unique(found).tolist()) == list(range(6))
        assert len(np.unique(np.stack([found, labels]).reshape(2, -1), axis=1).T) == 6


@pytest.mark.parametrize("method", METHODS)
def test_an_object_larger_than_block_and_halo_comes_out_whole(tmp_path, models, monkeypatch, method):
    labels = np.zeros((400, 400), np.int32)
    rows, columns = np.mgrid[:400, :400]
    labels[np.hypot(rows - 200, columns - 200) < 170] = 1
    labels[(rows < 24) & (columns < 24)] = 2
    labels[380:, 380:] = 3
    image = give_maps(monkeypatch, objects(labels, noise=0.0))
    params = PARAMS.replace(clustering__method=method)
    plans = watch_plan(monkeypatch)
    found = labels_of(image, tmp_path, models[1], params, block=64)
    assert plans[0].giant_blocks()
    np.testing.assert_array_equal(found > 0, labels > 0)
    assert len(np.unique(found[labels == 1])) == 1
    assert found.max() == 3


@pytest.mark.parametrize("method", ["combined", "angular"])
def test_large_objects_that_touch_stay_apart_across_many_blocks(tmp_path, models, monkeypatch, method):
    rows, columns = np.mgrid[:320, :320]
    labels = (1 + (columns >= 160) + 2 * (rows >= 160)).astype(np.int32)
    labels[np.hypot(rows - 159.5, columns - 159.5) > 150] = 0
    maps = objects(labels)
    image = give_maps(monkeypatch, maps)
    params = PARAMS.replace(clustering__method=method)
    found = labels_of(image, tmp_path, models[1], params, block=128)
    assert found.max() == 4
    agreeing = sum((found[labels == number] == number).sum() for number in range(1, 5))
    assert agreeing > 0.98 * np.count_nonzero(labels)


def test_a_hole_with_an_object_in_it_stays_open_and_one_without_is_filled(tmp_path, models, monkeypatch):
    rows, columns = np.mgrid[:192, :192]
    labels = np.zeros((192, 192), np.int32)
    for number, (y, x) in enumerate([(64, 70), (128, 128)], start=1):
        away = np.hypot(rows - y, columns - x)
        labels[(away < 26) & (away > 14)] = number
    labels[np.hypot(rows - 64, columns - 70) < 8] = 3
    maps = objects(labels)
    image = give_maps(monkeypatch, maps)
    wanted = cluster(maps, PARAMS.clustering)
    assert wanted[128, 128] > 0
    assert wanted[64, 80] == 0
    for block in (64, 128):
        np.testing.assert_array_equal(labels_of(image, tmp_path, models[1], block=block), wanted)


def test_more_than_65535_objects_have_numbers_of_their_own(tmp_path, models, monkeypatch):
    side = 1040
    rows, columns = np.mgrid[:side, :side]
    inside = (rows % 4 < 3) & (columns % 4 < 3)
    number = rows // 4 * (side // 4) + columns // 4 + 1
    labels = np.where(inside, number, 0).astype(np.int32)
    embedding = np.zeros((8, side, side), np.float32)
    np.put_along_axis(embedding, np.where(inside, number % 7, 7)[None], 1, axis=0)
    distance = ((rows % 4 == 1) & (columns % 4 == 1)).astype(np.float32)
    image = give_maps(monkeypatch, Maps.from_floats(distance, embedding, inside.astype(np.float32)))
    params = PARAMS.replace(clustering__min_area=0, clustering__seed_sigma=0.0)
    found = labels_of(image, tmp_path, models[1], params, block=512)
    np.testing.assert_array_equal(found, labels)
    assert found.max() == 67600


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("method", ["percentile", "standardize"])
def test_the_network_sees_in_blocks_what_it_sees_in_the_whole(tmp_path, nuclei_image, dtype, method):
    image = nuclei_image[0, :150, 300:501].astype(dtype) * dtype(3 if dtype != np.uint8 else 1)
    params = PARAMS.replace(normalize__method=method, clustering__seed_threshold=0.3)
    model = load_model("nuclei")
    whole = segment(image, model, params, device="cpu").labels
    assert whole.max() > 3
    for block in (64, 1024):
        np.testing.assert_array_equal(labels_of(image, tmp_path / "out", model, params, block=block), whole)


@pytest.mark.parametrize("diameter", [11.0, 25.0])
def test_a_rescaled_slide_has_the_labels_of_the_rescaled_whole(tmp_path, nuclei_image, diameter):
    image, model = nuclei_image[0, :200, 300:501], load_model("nuclei")
    params = PARAMS.replace(normalize__diameter=diameter)
    whole = segment(image, model, params, device="cpu").labels
    assert whole.max() > 3
    found = labels_of(image, tmp_path / "out", model, params, block=128)
    assert found.max() == whole.max()
    assert np.mean(found != whole) < 1e-3


def test_colour_becomes_grey_in_blocks_too(tmp_path, nuclei_image):
    colour = np.stack([nuclei_image[0, :150, 300:501]] * 3, axis=-1)
    colour[..., 1] //= 2
    model = load_model("nuclei")
    whole = segment(colour, model, PARAMS, device="cpu")
    found = segment_zarr(colour, tmp_path / "a.ome.zarr", model, PARAMS, block=64, device="cpu")
    assert whole.n_objects > 3
    assert any("luminance" in note for note in found.notes)
    np.testing.assert_array_equal(labels_in(found.labels), whole.labels)


def test_the_bundled_model_gives_the_labels_of_the_whole(tmp_path, nuclei_image):
    params = SegmentParams().replace(tiles__size=256, clustering__method="combined")
    whole = segment(nuclei_image[0], "nuclei", params, device="cpu").labels
    np.testing.assert_array_equal(
        labels_in(segment_zarr(nuclei_image[0], tmp_path / "a.ome.zarr", "nuclei", params, block=256).labels), whole
    )


@pytest.mark.parametrize(
    "image",
    [np.zeros((130, 140), np.uint8), np.full((130, 140), 7.5, np.float32), np.eye(130, dtype=bool)],
    ids=["zero", "constant", "mask"],
)
def test_where_there_is_nothing_to_find_there_are_no_labels(tmp_path, models, image):
    found = segment_zarr(image, tmp_path / "a.ome.zarr", models[1], PARAMS, block=64)
    assert found.n_objects == 0
    assert "nothing to find" in found.notes[-1]
    assert not labels_in(found.labels).any()
    assert found.table.read_text().count("\n") == 1


def test_pieces_of_work_can_be_sent_away_and_done_in_any_order(tmp_path, models, monkeypatch):
    maps = objects(clusters(200, 20, 0.3, seed=3))
    image = tmp_path / "image.npy"
    np.save(image, give_maps(monkeypatch, maps))

    def backwards(function, items):
        sent = [pickle.dumps(item) for item in items]
        assert all(len(data) < 20_000 for data in sent)
        return (pickle.loads(pickle.dumps(function))(pickle.loads(data)) for data in reversed(sent))

    found = labels_of(image, tmp_path, models[1], block=64, executor=backwards)
    np.testing.assert_array_equal(found, labels_of(image, tmp_path, models[1], block=64))
