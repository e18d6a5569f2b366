"""The menu entry and the demo's window open the same dock."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.io import imsave

from napari_wnet.ui.commands import open_dock, segment_active_layer
from napari_wnet.ui.launch import prepare
from napari_wnet.ui.segment_widget import SegmentWidget
from ui_stand_ins import blobs


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer()
    yield viewer
    for widget in viewer.window.dock_widgets.values():
        if isinstance(widget, SegmentWidget):
            widget.segmenter.close()
            assert widget.segmenter.wait(60)


def test_the_menu_opens_one_dock_on_the_active_image(viewer):
    first, second = (viewer.add_image(blobs(), name=name) for name in ("first", "second"))
    viewer.layers.selection.active = first
    segment_active_layer(viewer)
    widget = open_dock(viewer)
    assert isinstance(widget, SegmentWidget)
    assert widget.inputs.image() is first
    viewer.layers.selection.active = second
    segment_active_layer(viewer)
    assert open_dock(viewer) is widget
    assert widget.inputs.image() is second


def test_napari_passes_the_viewer_to_the_menu_entry(viewer):
    from napari._app_model import get_app_model

    viewer.add_image(blobs(), name="cells")
    get_app_model().injection_store.inject(segment_active_layer, processors=False)()
    assert open_dock(viewer).inputs.image().name == "cells"


def test_the_demo_runs_at_once(viewer, oracle, model_file, qtbot, tmp_path):
    path = tmp_path / "cells.png"
    imsave(path, blobs())
    widget = prepare(viewer, path, model=str(model_file))
    qtbot.waitUntil(lambda: "cells labels" in viewer.layers, timeout=20_000)
    assert viewer.layers["cells labels"].data.max() == 4
    assert widget.inputs.image().name == "cells"


def test_the_demo_knows_the_pixel_size(viewer, oracle, model_file, tmp_path):
    import tifffile

    path = tmp_path / "stack.ome.tif"
    metadata = {
        "axes": "ZYX",
        "PhysicalSizeX": 0.25,
        "PhysicalSizeY": 0.5,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeYUnit": "µm",
    }
    tifffile.imwrite(path, np.stack([blobs()] * 2), metadata=metadata)
    prepare(viewer, path, model=str(model_file), run=False)
    layer = viewer.layers[0]
    assert layer.scale.tolist() == [1, 0.5, 0.25]
    assert str(layer.units[-1]) == "micrometer"
