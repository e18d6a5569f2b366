"""What opened labels say of their objects: true when they are opened, and after each edit."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_wnet.core.columns import LIVE
from napari_wnet.core.measure import measure_plane
from napari_wnet.reports import drain
from napari_wnet.ui import describer as module
from napari_wnet.ui.describer import Describer, Pixels, measured_steps

TIMEOUT = 10_000


@pytest.fixture
def stack():
    """Return two planes of labels, and an image of two channels for each."""
    labels = np.zeros((2, 8, 8), np.int32)
    labels[0, :2, :2], labels[1, 4:, 4:], labels[1, :1, :1] = 1, 1, 2
    return labels, np.arange(2 * 2 * 64.0).reshape(2, 2, 8, 8)


@pytest.fixture
def describer(qtbot):
    describer = Describer()
    yield describer
    describer.forget()
    assert describer.wait(10)


def test_planes_are_measured_as_everywhere_else(stack):
    labels, image = stack
    tables = drain(measured_steps(labels, Pixels(planes=image, size=(0.5, 0.5))))
    assert list(tables) == [(0,), (1,)]
    expected = measure_plane(labels[1], image[1], (0.5, 0.5), properties=LIVE)
    np.testing.assert_equal(dict(tables[1,].columns), expected)
    assert "area_um2" in expected


def test_only_planes_that_have_changed_are_measured_again(stack, monkeypatch):
    labels, image = stack
    pixels = Pixels(planes=image)
    known = drain(measured_steps(labels, pixels))
    labels[1, 7, 0] = 3
    measured = []
    monkeypatch.setattr(
        module,
        "measure_plane",
        lambda plane, *rest, **more: measured.append(plane) or measure_plane(plane, *rest, **more),
    )
    again = drain(measured_steps(labels, pixels, known))
    assert len(measured) == 1
    assert again[0,] is known[0,]
    assert again[1,].columns["area_px"].tolist() == [16, 1, 1]


def test_features_follow_edits_and_leave_other_layers_alone(describer, stack, qtbot):
    labels, image = stack
    pixels = Pixels(planes=image[0])
    layer, other = Labels(labels[0]), Labels(labels[1])
    describer.describe(layer, pixels, drain(measured_steps(layer.data, pixels)))
    assert layer.features["index"].tolist() == [1]
    layer.data_setitem((np.array([7]), np.array([7])), 5)
    qtbot.waitUntil(lambda: not describer.busy, timeout=TIMEOUT)
    assert layer.features["index"].tolist() == [1, 5]
    assert layer.features["area_px"].tolist() == [4, 1]
    layer.undo()
    qtbot.waitUntil(lambda: not describer.busy, timeout=TIMEOUT)
    assert layer.features["index"].tolist() == [1]
    before = layer.features
    layer.refresh()
    qtbot.waitUntil(lambda: not describer.busy, timeout=TIMEOUT)
    assert layer.features is before
    layer.data_setitem((np.array([7]), np.array([7])), 5)
    describer.describe(other, pixels, drain(measured_steps(other.data, pixels)))
    assert not describer.busy
    layer.data_setitem((np.array([7]), np.array([7])), 6)
    assert not describer.busy
    assert other.features["index"].tolist() == [1, 2]
    assert layer.features is before
