"""Two pixels compared as a user does it: a click, the pointer moved, another click; through napari's own events."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils._test_utils import read_only_mouse_event
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_wnet.core.maps import Maps
from napari_wnet.ui.pixel_angle import FIRST, NO_PLANE, OTHER_PLANE, OUTSIDE
from ui_stand_ins import blobs

TIMEOUT = 20_000
NO_KEY = Qt.KeyboardModifier.NoModifier


def maps_of_columns(image: np.ndarray) -> Maps:
    """Return maps in which the embedding turns by one degree a column, and rows do not matter."""
    turn = np.radians(np.broadcast_to(np.arange(image.shape[1]), image.shape))
    embedding = np.stack([np.cos(turn), np.sin(turn), *(np.zeros(image.shape) for _ in range(6))])
    return Maps.from_floats(image > 0, embedding, image > 0)


@pytest.fixture
def shown_window(request):
    """Whether the window is to be seen: what no test looks at is quicker unseen."""
    return getattr(request, "param", False)


@pytest.fixture
def viewer(make_napari_viewer, shown_window):
    return make_napari_viewer(show=shown_window)


@pytest.fixture
def dock(segment, monkeypatch):
    monkeypatch.setattr("ui_stand_ins.maps_of", maps_of_columns)
    return segment


def run(dock, qtbot):
    with qtbot.waitSignal(dock.segmenter.busyChanged, timeout=TIMEOUT, check_params_cb=lambda busy: not busy):
        dock.run_button.click()


def event_at(viewer, kind, place, button=1, dragging=False):
    """Return what napari passes on when the mouse is at a pixel of the image, which is the first layer."""
    position = tuple(viewer.layers[0].data_to_world(place))
    return read_only_mouse_event(type=kind, button=button, is_dragging=dragging, position=position, modifiers=[])


def move(viewer, place):
    mouse_move_callbacks(viewer, event_at(viewer, "mouse_move", place))


def press_and_release(viewer, place, to=None, button=1):
    mouse_press_callbacks(viewer, event_at(viewer, "mouse_press", place, button))
    if to is not None:
        mouse_move_callbacks(viewer, event_at(viewer, "mouse_move", to, button, dragging=True))
    mouse_release_callbacks(viewer, event_at(viewer, "mouse_release", to or place, button))


def shown(viewer):
    text = viewer.canvas.overlays.text
    return text.text if text.visible else None


@pytest.fixture
def comparing(viewer, dock, qtbot):
    """The dock, after an image with a scale was segmented and the button pressed."""
    viewer.add_image(blobs(), name="cells", scale=(0.5, 0.5), translate=(1, 2), units=("um", "um"))
    run(dock, qtbot)
    dock.angle_button.click()
    return dock


def test_a_click_marks_and_the_pointer_reads_the_angle(viewer, comparing):
    assert shown(viewer) == FIRST
    move(viewer, (10, 30))
    assert shown(viewer) == FIRST  # there is nothing to compare with yet
    press_and_release(viewer, (20, 12))
    assert "(20, 12) is marked" in comparing.status.text()
    move(viewer, (50, 42))
    assert shown(viewer) == "30°, within the 40° of an object"
    move(viewer, (3, 72))
    assert shown(viewer) == "60°, beyond the 40° of an object"
    move(viewer, (-4, 20))
    assert shown(viewer) == OUTSIDE


def test_a_second_click_keeps_the_angle_and_a_third_begins_anew(viewer, comparing):
    marks = viewer.layers["cells angle"]
    press_and_release(viewer, (20, 12))
    press_and_release(viewer, (22, 33))
    kept = shown(viewer)
    assert kept == "21°, within the 40° of an object"
    assert comparing.status.text() == f"From (20, 12) to (22, 33): {kept}."
    assert marks.data.tolist() == [[20, 12], [22, 33]]
    assert (marks.extent.world[0] == viewer.layers["cells"].data_to_world((20, 12))).all()
    move(viewer, (3, 72))
    assert shown(viewer) == kept
    press_and_release(viewer, (5, 5))
    assert marks.data.tolist() == [[5, 5]]
    move(viewer, (3, 72))
    assert shown(viewer).startswith("67°")


def test_dragging_moves_the_picture_and_other_buttons_and_places_outside_mark_nothing(viewer, comparing):
    press_and_release(viewer, (20, 12), to=(30, 40))
    press_and_release(viewer, (20, 12), button=2)
    press_and_release(viewer, (-2, 12))
    press_and_release(viewer, (20, 96))
    assert len(viewer.layers["cells angle"].data) == 0
    press_and_release(viewer, (20, 12), to=(21, 12))  # a hand that trembles
    assert viewer.layers["cells angle"].data.tolist() == [[20, 12]]


def test_the_angle_is_compared_with_what_the_sliders_say(viewer, comparing):
    press_and_release(viewer, (20, 12))
    comparing.form.setValue(comparing.form.value().replace(clustering__angle=20))
    move(viewer, (20, 42))
    assert shown(viewer).endswith("beyond the 20° of an object")
    comparing.form.setValue(comparing.form.value().replace(clustering__method="paper"))
    move(viewer, (20, 42))
    assert shown(viewer).endswith("beyond the 20° of an object")
    comparing.form.setValue(comparing.form.value().replace(clustering__method="watershed"))
    move(viewer, (20, 42))
    assert shown(viewer) == "30°"


@pytest.mark.parametrize("way", ["button", "escape", "marks", "image", "paint", "close"])
def test_it_ends_and_leaves_everything_as_it_was(viewer, comparing, way):
    comparing.angle_button.click()
    viewer.canvas.overlays.text.text = "my own text"
    viewer.layers.selection.active = viewer.layers["cells embedding"]
    comparing.angle_button.click()
    press_and_release(viewer, (20, 12))
    if way == "button":
        comparing.angle_button.click()
    elif way == "escape":
        next(bound for key, bound in viewer.keymap.items() if str(key) == "Escape")(viewer)
    elif way == "marks":
        viewer.layers.remove("cells angle")
    elif way == "image":
        viewer.layers.remove("cells")
    elif way == "paint":
        viewer.layers.selection.active = viewer.layers["cells labels"]
    else:
        comparing.close_down()
    assert not comparing.angle_button.isChecked()
    assert "cells angle" not in viewer.layers
    assert not viewer.canvas.overlays.text.visible
    assert viewer.canvas.overlays.text.text == "my own text"
    assert "Escape" not in map(str, viewer.keymap)
    assert not viewer.mouse_move_callbacks
    active = viewer.layers.selection.active
    if way == "paint":
        assert active is viewer.layers["cells labels"]
    elif way not in ("marks", "image"):  # then napari itself chooses another
        assert active is viewer.layers["cells embedding"]


def test_without_maps_the_remedy_is_named(viewer, dock, qtbot):
    dock.angle_button.click()
    assert not dock.angle_button.isChecked()
    assert "press Run" in dock.status.text()
    viewer.add_image(blobs(), name="cells")
    dock.angle_button.click()
    assert not dock.angle_button.isChecked()
    run(dock, qtbot)
    dock.angle_button.click()
    dock.segmenter._hub.cache.clear()
    press_and_release(viewer, (20, 12))
    move(viewer, (20, 42))
    assert shown(viewer) == NO_PLANE


def test_choosing_another_image_ends_it(viewer, comparing):
    other = viewer.add_image(blobs(2), name="others")
    comparing.choose_image(other)
    assert not comparing.segmenter.pixel_angle.active
    assert not comparing.angle_button.isChecked()


def test_planes_are_compared_within_themselves(viewer, dock, qtbot):
    viewer.add_image(np.stack([blobs(), blobs()]), name="stack")
    dock.inputs.setValue(dock.value().replace(planes="all"))
    run(dock, qtbot)
    dock.angle_button.click()
    press_and_release(viewer, (1, 20, 12))
    move(viewer, (1, 20, 22))
    assert shown(viewer).startswith("10°")
    move(viewer, (0, 20, 22))
    assert shown(viewer) == OTHER_PLANE
    press_and_release(viewer, (0, 20, 22))
    assert viewer.layers["stack angle"].data.tolist() == [[0, 20, 22]]


@pytest.mark.parametrize("shown_window", [True], indirect=True)
def test_mouse_and_keyboard_of_a_window_do_it(viewer, comparing, qtbot):
    canvas = next(one for one in QApplication.allWidgets() if type(one).__name__.startswith("CanvasBackend"))
    camera, image = viewer.scene.camera, viewer.layers["cells"]

    def on_canvas(place):
        away = (np.array(image.data_to_world(place)) - np.array(camera.center)[-2:]) * camera.zoom
        return QPoint(round(canvas.width() / 2 + away[1]), round(canvas.height() / 2 + away[0]))

    qtbot.mouseMove(canvas, on_canvas((20, 12)))
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, NO_KEY, on_canvas((20, 12)))
    qtbot.waitUntil(lambda: "(20, 12) is marked" in comparing.status.text(), timeout=TIMEOUT)
    qtbot.mouseMove(canvas, on_canvas((40, 42)))
    qtbot.waitUntil(lambda: shown(viewer) == "30°, within the 40° of an object", timeout=TIMEOUT)
    qtbot.keyClick(canvas, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not comparing.angle_button.isChecked(), timeout=TIMEOUT)
