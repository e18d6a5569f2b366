"""Result layers are made once and kept up to date, and edited labels are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_wnet.ui.layers import MARK
from napari_wnet.ui.outputs import Outputs
from napari_wnet.ui.work import PlaneLabels, RunResult, checksum

PLACEMENT = {"scale": (0.5, 0.25), "translate": (3, 4), "units": ("micrometer", "micrometer")}


def result(value: int, *, lead: tuple[int, ...] = (), indices=None, edited=None) -> RunResult:
    shape = (*lead, 8, 9)
    labels = np.zeros(shape, np.int32)
    labels[..., 2:4, 2:4] = value
    indices = tuple(np.ndindex(*lead)) if indices is None else indices
    table = {"label": np.array([value]), "area": np.array([4])}
    return RunResult(
        distance=np.full(shape, value / 10, np.float32),
        picture=np.full((*shape, 3), value, np.uint8),
        labels=labels,
        indices=indices,
        keys=dict.fromkeys(indices, "key"),
        tables=dict.fromkeys(indices, table),
        checksums={index: checksum(labels[index]) for index in indices},
        model_name="m",
        sha256="0",
        in_channels=1,
        edited=edited,
    )


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def outputs(viewer):
    return Outputs(viewer, "cells", PLACEMENT)


def publish(outputs, shown: RunResult, metadata) -> str:
    outputs.show_images(shown, metadata)
    return outputs.show_labels(shown)


def names(viewer) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_three_layers_lie_over_the_source(viewer, outputs):
    assert publish(outputs, result(1), {"model": "m"}) == ""
    assert names(viewer) == ["cells distmap", "cells embedding", "cells labels"]
    for layer in viewer.layers:
        assert layer.scale.tolist() == [0.5, 0.25]
        assert layer.translate.tolist() == [3, 4]
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
        assert MARK in layer.metadata
    assert viewer.layers["cells embedding"].rgb
    labels = viewer.layers["cells labels"]
    assert labels.visible
    assert labels.data.dtype == np.int32


def test_labels_are_described(viewer, outputs):
    publish(outputs, result(1), {})
    outputs.describe({"index": np.array([1]), "area": np.array([4])}, {"model": "m"})
    labels = viewer.layers["cells labels"]
    assert labels.features["area"].tolist() == [4]
    assert labels.metadata[MARK] == {"model": "m", "kind": "labels"}
    viewer.layers.remove(labels)
    outputs.describe({"index": np.array([2])}, {})
    assert labels.features["area"].tolist() == [4]


def test_a_second_run_updates_them(viewer, outputs):
    publish(outputs, result(1), {})
    before = list(viewer.layers)
    assert publish(outputs, result(2), {}) == ""
    assert list(viewer.layers) == before
    assert viewer.layers["cells labels"].data.max() == 2
    assert viewer.layers["cells distmap"].data.max() == np.float32(0.2)


def paint(layer):
    layer.paint((0,) * (layer.ndim - 2) + (5, 5), 7)


def fill(layer):
    layer.fill((0,) * (layer.ndim - 2) + (0, 0), 7)


def assign(layer):
    layer.data = layer.data + 1


def set_item(layer):
    layer.data_setitem((np.array([0]),) * layer.ndim, 9)


@pytest.mark.parametrize("edit", [paint, fill, assign, set_item])
@pytest.mark.parametrize("lead", [(), (2,)])
def test_edited_labels_are_kept(viewer, outputs, edit, lead):
    viewer.dims.ndim = 2 + len(lead)
    outputs = Outputs(viewer, "cells", {})
    publish(outputs, result(1, lead=lead), {})
    layer = viewer.layers["cells labels"]
    edit(layer)
    kept = layer.data.copy()
    message = publish(outputs, result(2, lead=lead), {})
    assert "cells labels" in message
    assert (layer.data == kept).all()
    assert not layer.visible
    assert viewer.layers["cells labels [1]"].data.max() == 2
    # The new layer is ours again.
    assert publish(outputs, result(3, lead=lead), {}) == ""
    assert viewer.layers["cells labels [1]"].data.max() == 3
    assert (layer.data == kept).all()


def test_an_edit_found_by_its_checksum_is_kept(viewer, outputs):
    publish(outputs, result(1), {})
    layer = viewer.layers["cells labels"]
    layer.data[0, 0] = 5
    edited = outputs.snapshot().if_edited()
    assert edited is layer.data
    new = np.full((8, 9), 3, np.int32)
    plane = PlaneLabels(index=(), labels=new, checksum=checksum(new), edited=edited)
    assert "kept" in outputs.update(plane)
    assert layer.data[0, 0] == 5
    assert viewer.layers["cells labels [1]"].data.max() == 3
    assert outputs.update(plane) == ""


def test_our_own_changes_are_no_edits(viewer, outputs):
    publish(outputs, result(1), {})
    publish(outputs, result(2), {})
    assert outputs.snapshot().if_edited() is None
    viewer.layers["cells labels"].name = "mine"
    viewer.layers["mine"].opacity = 0.3
    viewer.layers["mine"].selected_label = 3
    assert publish(outputs, result(3), {}) == ""
    assert viewer.layers["mine"].data.max() == 3


def test_a_plane_of_a_stack_is_written_alone(viewer):
    outputs = Outputs(viewer, "stack", {})
    publish(outputs, result(1, lead=(3,)), {})
    new = np.full((8, 9), 7, np.int32)
    outputs.update(PlaneLabels(index=(1,), labels=new, checksum=checksum(new), edited=None))
    data = viewer.layers["stack labels"].data
    assert [int(plane.max()) for plane in data] == [1, 7, 1]
    assert outputs.snapshot().if_edited() is None
    publish(outputs, result(5, lead=(3,), indices=((2,),)), {})
    assert [int(plane.max()) for plane in data] == [1, 7, 5]
    assert [float(plane.max()) for plane in viewer.layers["stack distmap"].data] == [
        pytest.approx(value) for value in (0.1, 0.1, 0.5)
    ]


@pytest.mark.parametrize("lead", [(), (2,)])
@pytest.mark.parametrize("how", ["slider", "run"])
def test_what_was_undoable_before_new_labels_is_so_no_more(viewer, lead, how):
    """It would put former pixels among objects that have their numbers now."""
    outputs = Outputs(viewer, "cells", {})
    publish(outputs, result(1, lead=lead), {})
    layer = viewer.layers["cells labels"]
    set_item(layer)
    if how == "slider":
        new, index = np.full((8, 9), 7, np.int32), (0,) * len(lead)
        outputs.update(PlaneLabels(index=index, labels=new, checksum=checksum(new), edited=None))
    else:
        layer = viewer.layers["cells labels"]
        outputs._guard.settled.clear()
        publish(outputs, result(7, lead=lead), {})
    expected = layer.data.copy()
    layer.undo()
    layer.redo()
    np.testing.assert_array_equal(layer.data, expected)
    set_item(layer)
    layer.undo()
    np.testing.assert_array_equal(layer.data, expected)  # and what comes after it is


@pytest.mark.parametrize("edited", [True, False])
def test_labels_that_are_kept_stay_over_their_own_part_of_the_source(viewer, edited):
    outputs = Outputs(viewer, "cells", PLACEMENT)
    publish(outputs, result(1), {})
    first = viewer.layers["cells labels"]
    if edited:
        set_item(first)
    outputs.move({**PLACEMENT, "translate": (100, 200)}, with_labels=False)
    assert first.translate.tolist() == [3, 4]
    publish(outputs, result(2), {})
    assert first.translate.tolist() == ([3, 4] if edited else [100, 200])
    assert outputs.labels.translate.tolist() == [100, 200]
    assert (outputs.labels is first) == (not edited)
    assert viewer.layers["cells distmap"].translate.tolist() == [100, 200]


@pytest.mark.parametrize("name", ["cells distmap", "cells embedding", "cells labels"])
def test_a_deleted_layer_is_made_anew(viewer, outputs, name):
    publish(outputs, result(1), {})
    viewer.layers.remove(name)
    assert publish(outputs, result(2), {}) == ""
    assert sorted(names(viewer)) == ["cells distmap", "cells embedding", "cells labels"]
    assert viewer.layers["cells labels"].data.max() == 2


def test_layers_follow_a_source_that_moved(viewer, outputs):
    publish(outputs, result(1), {})
    outputs.move({**PLACEMENT, "scale": (2, 3), "translate": (0, 0)})
    publish(outputs, result(2), {})
    for layer in viewer.layers:
        assert layer.scale.tolist() == [2, 3]
        assert layer.translate.tolist() == [0, 0]
