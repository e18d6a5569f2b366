"""Images too large for the memory in the Segment dock: what is in view, and the whole in blocks."""

from __future__ import annotations

from pathlib import Path

import dask.array
import numpy as np
import pytest
from napari.layers._source import layer_source
from skimage.measure import label

import scenes
from napari_wnet.io.sidecar import read_sidecar
from napari_wnet.ui import slides
from napari_wnet.ui.layers import MARK
from slide_scenes import give_maps
from ui_stand_ins import blobs

TIMEOUT = 60_000


@pytest.fixture(autouse=True)
def small_limit(monkeypatch):
    monkeypatch.setattr(slides, "VIEW_PX", 100)


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def dock(viewer, oracle, model_file, qtbot):
    from napari_wnet.ui.segment_widget import SegmentWidget

    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment")
    widget.inputs.model_box.setValue(str(model_file))
    qtbot.waitUntil(lambda: widget.ready, timeout=TIMEOUT)
    yield widget
    widget.segmenter.close()
    assert widget.segmenter.wait(60)


def run(dock, qtbot):
    with qtbot.waitSignal(dock.segmenter.busyChanged, timeout=TIMEOUT, check_params_cb=lambda busy: not busy):
        dock.run_button.click()


def slides_folder(project_folder: Path) -> Path:
    return project_folder.with_name(f"{project_folder.name}-slides")


def pyramid() -> list[dask.array.Array]:
    """Return an image of (200, 300) in two levels, with discs in its lower right quarter."""
    image = np.zeros((200, 300), np.uint8)
    image[120:184, 190:286] = blobs()
    return [dask.array.from_array(level, chunks=64) for level in (image, image[::2, ::2])]


def look_at(layer, window):
    """Let a window of a layer be all that is in view."""
    factor = int(layer.downsample_factors[layer.data_level][-1]) if layer.multiscale else 1
    corners = np.zeros((2, layer.ndim), int)
    corners[:, -2:] = [[side.start // factor for side in window], [side.stop // factor - 1 for side in window]]
    layer.corner_pixels = corners


def shown(dock) -> bool:
    return dock.inputs._form.isRowVisible(dock.inputs.area_box)


def test_the_choice_is_there_where_it_makes_sense(viewer, dock):
    layer = viewer.add_image(blobs(), name="small")
    assert not shown(dock)
    viewer.add_image(np.zeros((200, 300), np.uint8), name="in memory")
    assert not shown(dock)
    viewer.add_image(dask.array.zeros((5, 200, 300), chunks=64), name="stack")
    assert not shown(dock)
    for data in (pyramid(), pyramid()[0]):
        viewer.add_image(data, name="slide", multiscale=isinstance(data, list))
        assert shown(dock)
    dock.inputs.image_box.setLayer(layer)
    assert not shown(dock)


@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("lead", [(), (1,), (1, 1)])
def test_the_view_is_read_alone_and_its_labels_lie_over_it(viewer, dock, oracle, qtbot, levels, lead):
    data = [level.reshape(*lead, *level.shape) for level in pyramid()]
    n = len(lead)
    options = {"scale": (1,) * n + (0.5, 0.25), "translate": (0,) * n + (7, 3)}
    if not lead:
        options |= {"rotate": 30, "affine": [[2, 0.5, 1], [0, 1, 3], [0, 0, 1]]}
    slide = viewer.add_image(data if levels > 1 else data[0], multiscale=levels > 1, name="slide", **options)
    dock.inputs.setValue(dock.value().replace(area="view"))
    look_at(slide, (slice(116, 196), slice(180, 300)))
    run(dock, qtbot)
    assert oracle.calls == [(1, 80, 120)]
    labels = viewer.layers["slide labels"]
    assert labels.data.shape == (*lead, 80, 120)
    assert labels.data.max() == 4
    first = np.argwhere(labels.data > 0)[0]
    there = slide.world_to_data(labels.data_to_world(first))
    np.testing.assert_allclose(there[-2:], np.add(first[-2:], (116, 180)))
    assert np.asarray(data[0])[tuple(np.rint(there).astype(int))] > 0


def test_too_large_a_view_is_refused_and_the_remedy_named(viewer, dock, oracle, qtbot):
    slide = viewer.add_image(pyramid(), multiscale=True, name="slide")
    dock.inputs.setValue(dock.value().replace(area="view"))
    look_at(slide, (slice(0, 200), slice(0, 300)))
    dock.run_button.click()
    assert "zoom in to at most 100 x 100" in dock.status.text()
    look_at(slide, (slice(500, 600), slice(0, 50)))
    dock.run_button.click()
    assert "Nothing of 'slide' is in view" in dock.status.text()
    assert oracle.calls == []


def test_the_whole_goes_to_the_disk_and_is_shown_from_there(viewer, dock, qtbot, project_folder):
    slide = viewer.add_image(pyramid(), multiscale=True, name="slide", scale=(2, 2))
    run(dock, qtbot)
    labels = viewer.layers["slide labels"]
    assert len(labels.data) == 2
    np.testing.assert_array_equal(labels.extent.world, slide.extent.world)
    folder = Path(labels.metadata[MARK]["folder"])
    assert folder.is_relative_to(slides_folder(project_folder))
    assert str(folder) in dock.status.text()
    info = read_sidecar(folder / "labels1.json")
    assert info["params"] == dock.form.value().to_dict()
    run(dock, qtbot)
    assert sorted(path.name for path in folder.glob("*.zarr")) == ["labels1.ome.zarr", "labels2.ome.zarr"]
    assert read_sidecar(folder / "labels2.json")["result"] | {"files": None} == info["result"] | {"files": None}


def test_a_whole_slide_that_is_cancelled_goes_on_at_the_next_run(viewer, dock, qtbot, project_folder):
    viewer.add_image(pyramid(), multiscale=True, name="slide")
    dock.segmenter.progressed.connect(lambda report: report.what == "foreground" and dock.cancel_button.click())
    run(dock, qtbot)
    assert "slide labels" not in viewer.layers
    assert dock.status.text() == "Cancelled; Run goes on where it was."
    assert [path.name for path in (slides_folder(project_folder)).glob("*/.*")] == [".labels1.partial"]
    dock.segmenter.progressed.disconnect()
    seen = []
    dock.segmenter.progressed.connect(lambda report: seen.append(report))
    run(dock, qtbot)
    assert "slide labels" in viewer.layers
    assert [report.what for report in seen if report.what in ("maps", "foreground")][:1] == ["foreground"]
    assert not list((slides_folder(project_folder)).glob("*/.*"))


def test_a_run_that_was_cancelled_is_not_in_the_way_of_another_layer_of_that_name(viewer, dock, qtbot):
    first = viewer.add_image(pyramid(), multiscale=True, name="slide")
    dock.segmenter.progressed.connect(lambda report: report.what == "foreground" and dock.cancel_button.click())
    run(dock, qtbot)
    dock.segmenter.progressed.disconnect()
    viewer.layers.remove(first)
    viewer.add_image([level[::-1] for level in pyramid()], multiscale=True, name="slide")
    run(dock, qtbot)
    assert "slide labels" in viewer.layers, dock.status.text()


def test_layers_of_one_file_have_a_place_each(viewer, dock):
    places = set()
    for name in ("red", "green"):
        with layer_source(path="slide.ome.zarr"):
            layer = viewer.add_image(pyramid(), multiscale=True, name=name)
        assert layer.source.path == "slide.ome.zarr"
        places.add(slides.slide_request(layer, dock.value()).out)
    assert len(places) == 2


@pytest.mark.parametrize("area", ["whole", "view"])
@pytest.mark.parametrize("kind", ["labels", "pyramid", "shapes"])
def test_a_foreground_says_where_to_look(viewer, dock, qtbot, monkeypatch, area, kind):
    give_maps(monkeypatch, scenes.maps_of(label(np.asarray(pyramid()[0]) > 0).astype(np.int32), 0.05))
    slide = viewer.add_image(pyramid(), multiscale=True, name="slide", scale=(2, 2))
    window = (slice(116, 196), slice(190, 290))
    mask = np.zeros((200, 300), int)
    mask[100:200, 180:240] = 1
    corners = np.array([[100, 180], [100, 239], [199, 239], [199, 180]])
    if kind == "shapes":
        viewer.add_shapes(corners * 2, shape_type="polygon", name="mask")
    else:
        levels = [dask.array.from_array(level, chunks=50) for level in (mask, mask[::2, ::2])]
        viewer.add_labels(levels if kind == "pyramid" else mask, name="mask", scale=(2, 2))
    dock.inputs.image_box.setLayer(slide)
    found = []
    for foreground in ("", "mask"):
        dock.inputs.setValue(dock.value().replace(area=area, foreground=foreground))
        dock.form.setValue(dock.form.value().replace(clustering__foreground_use="region"))
        look_at(slide, window)
        run(dock, qtbot)
        labels = [layer for layer in viewer.layers if "slide labels" in layer.name][-1]
        found.append(np.asarray(labels.data[0] if labels.multiscale else labels.data) > 0)
    seen = mask[window] if area == "view" else mask
    assert (found[0] & (seen == 0)).any()
    np.testing.assert_array_equal(found[1], found[0] & (seen > 0))


@pytest.mark.parametrize("area", ["whole", "view"])
def test_a_foreground_of_another_size_is_refused(viewer, dock, oracle, qtbot, area):
    slide = viewer.add_image(pyramid(), multiscale=True, name="slide")
    viewer.add_labels(np.ones((100, 300), int), name="mask")
    dock.inputs.image_box.setLayer(slide)
    look_at(slide, (slice(116, 196), slice(180, 300)))
    dock.inputs.setValue(dock.value().replace(area=area, foreground="mask"))
    look_at(slide, (slice(116, 196), slice(180, 300)))
    dock.run_button.click()
    qtbot.waitUntil(lambda: not dock.segmenter.busy, timeout=TIMEOUT)
    assert "100 x 300" in dock.status.text()
    assert "200 x 300" in dock.status.text()
    assert oracle.calls == []
