"""What the menus do besides opening a dock."""

# No `from __future__ import annotations`: napari looks at the annotation itself to know what to pass.

from typing import Any

from napari.viewer import Viewer

from napari_wnet.ui.segment_widget import SegmentWidget

PLUGIN = "napari-wnet"
DOCK = "Segment"


def segment_active_layer(viewer: Viewer) -> None:
    """Open the Segment dock, or bring it to the front, with the active image chosen.

    Parameters
    ----------
    viewer : napari.Viewer
        Passed by napari.
    """
    active = viewer.layers.selection.active
    widget = open_dock(viewer)
    widget.choose_image(active)


def measure_active_layer(viewer: Viewer) -> None:
    """Open the Measure dock, or bring it to the front; it follows the active labels by itself.

    Parameters
    ----------
    viewer : napari.Viewer
        Passed by napari.
    """
    dock, _ = viewer.window.add_plugin_dock_widget(PLUGIN, "Measure", tabify=True)
    dock.show()
    dock.raise_()


def open_dock(viewer: Any) -> SegmentWidget:
    """Return the viewer's Segment dock, opened if need be and in front."""
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, DOCK, tabify=False)
    dock.show()
    dock.raise_()
    return widget
