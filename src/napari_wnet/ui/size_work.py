"""How large objects are, found out outside the GUI thread."""

from __future__ import annotations

from collections.abc import Generator

from napari_wnet.reports import Progress
from napari_wnet.ui.requests import FoundSize, Request
from napari_wnet.ui.work import Models, prepared


def estimate_size_steps(request: Request, models: Models) -> Generator[Progress, None, FoundSize]:
    """Estimate the size of the objects in a request's first plane.

    Raises
    ------
    WNetError
        If the plane, the model or the device cannot be used.
    """
    model = yield from models.steps(request.model)
    from napari_wnet.sizing import applied, estimate_steps, resized, told  # torch: seconds, and not on the GUI thread

    params = resized(request.params or model.header.params, model, 0.0)
    image = prepared(request.source, request.indices[0], model.header.config.in_channels, [])
    found = yield from estimate_steps([image], model, params, device=request.device)
    diameter = applied(found, model, params).normalize.diameter
    text = told(found, model) + (" Press Run." if diameter else "")
    return FoundSize(diameter=diameter, text=text)
