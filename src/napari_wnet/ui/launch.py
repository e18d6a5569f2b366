"""napari started from the command line, with the dock open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari

from napari_wnet.io.images import read_image
from napari_wnet.params import DEFAULT_MODEL
from napari_wnet.ui.commands import open_dock
from napari_wnet.ui.segment_widget import SegmentWidget


def show_demo(image_path: str | Path, *, model: str = DEFAULT_MODEL, run: bool = True) -> None:
    """Open napari with an image and the Segment dock beside it; returns when the window is closed.

    Parameters
    ----------
    image_path : str or Path
        What to open.
    model : str
        Name or file of the model to choose.
    run : bool
        Whether to press Run at once.

    Raises
    ------
    ImageError
        If the image cannot be read.
    """
    prepare(napari.Viewer(title="napari-wnet"), Path(image_path), model=model, run=run)
    napari.run()


def prepare(viewer: napari.Viewer, image_path: Path, *, model: str = DEFAULT_MODEL, run: bool = True) -> SegmentWidget:
    """Put the image and the dock into a viewer, and return the dock."""
    file = read_image(image_path)
    options: dict[str, Any] = {"name": image_path.stem, "rgb": file.rgb}
    if file.pixel_size is not None:
        lead = file.array.ndim - file.rgb - 2
        options |= {"scale": (*(1.0,) * lead, *file.pixel_size), "units": (*("pixel",) * lead, file.unit, file.unit)}
    viewer.add_image(file.array, **options)
    widget = open_dock(viewer)
    widget.inputs.model_box.setValue(model)
    if run:
        widget.run()
    return widget
