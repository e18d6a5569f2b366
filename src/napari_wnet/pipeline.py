"""The whole pipeline on one page: image -> normalise -> tiles -> maps -> seeds -> clustering -> labels."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.clustering import cluster
from napari_wnet.core.extras import check_installed
from napari_wnet.core.image import as_image, check_image, is_informative, normalize
from napari_wnet.core.maps import Maps
from napari_wnet.errors import ImageError
from napari_wnet.network.checkpoint import Model
from napari_wnet.network.device import choose_device
from napari_wnet.network.inference import ready
from napari_wnet.network.registry import load_model
from napari_wnet.network.rescaling import predict_rescaled
from napari_wnet.params import DEFAULT_MODEL, SegmentParams
from napari_wnet.reports import Progress, drain
from napari_wnet.sizing import sized_steps

Array = npt.NDArray[Any]
NOTHING_TO_FIND = (
    "Every pixel has the same value, or the image is a mask of true and false: there is nothing to find. "
    "Choose the image itself."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Segmentation:
    """The result for one plane, with all that is needed to make it again.

    Attributes
    ----------
    labels : (Y, X) int32 array
        Objects 1..N, 0 background.
    maps : Maps
        What the network returned; :func:`napari_wnet.core.clustering.cluster` makes other labels of it at once.
    params : SegmentParams
        As used; a diameter that was estimated is a number here.
    model : str
        Name of the model.
    model_sha256 : str
        Of its file.
    notes : tuple of str
        What was done to the image, or why there is nothing to see, for a person to read.
    """

    labels: npt.NDArray[np.int32]
    maps: Maps
    params: SegmentParams
    model: str
    model_sha256: str
    notes: tuple[str, ...] = ()

    @property
    def n_objects(self) -> int:
        """How many objects there are."""
        return int(self.labels.max(initial=0))


def segment(
    image: Array,
    model: str | Path | Model = DEFAULT_MODEL,
    params: SegmentParams | None = None,
    *,
    device: str = "auto",
    foreground: Array | None = None,
) -> Segmentation:
    """Segment one image.

    Parameters
    ----------
    image : (Y, X), (Y, X, 3), (Y, X, 4) or (C, Y, X) array
        Grey, colour (with or without alpha), or with channels first.
    model : str, Path or Model
        Name of a known model, path of a model file, or a loaded model.
    params : SegmentParams, optional
        By default those that the model recommends.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    foreground : (Y, X) bool array, optional
        Where objects are, in place of the network's own foreground; with the parameter
        ``clustering__foreground_use="region"``, where to look for them.

    Returns
    -------
    Segmentation

    Raises
    ------
    WNetError
        If the image, the model, a parameter or the device cannot be used; the message names the remedy.

    References
    ----------
    Wu, Chen, Merhof 2020, arXiv 2007.06660.
    """
    chosen = model if isinstance(model, Model) else load_model(model)
    channels_first, note = as_image(image, chosen.header.config.in_channels)
    steps = segment_steps(channels_first, chosen, params, device=device, foreground=foreground)
    result = drain(steps)
    return result if note is None else _with_note(result, note)


def segment_steps(
    image: Array,
    model: Model,
    params: SegmentParams | None = None,
    *,
    device: str = "auto",
    foreground: Array | None = None,
) -> Generator[Progress, None, Segmentation]:
    """Do what :func:`segment` does for (C, Y, X) in small steps, reporting after each tile."""
    params = params or model.header.params
    check_installed(params.clustering.method)
    params, notes = yield from sized_steps([image], model, params, device=device)
    maps = yield from predict_steps(image, model, params, device=device)
    result = finish(image, model, params, maps, foreground)
    return replace(result, notes=(*notes, *result.notes))


def finish(
    image: Array, model: Model, params: SegmentParams, maps: Maps, foreground: Array | None = None
) -> Segmentation:
    """Make the labels of an image, (C, Y, X), from its maps."""
    labels = cluster(maps, params.clustering, foreground)
    result = Segmentation(
        labels=labels, maps=maps, params=params, model=model.name, model_sha256=model.sha256, notes=model.header.notes
    )
    if not is_informative(image):
        return _with_note(result, NOTHING_TO_FIND)
    if not result.n_objects:
        return _with_note(result, "No object was found; try a lower seed threshold or another model.")
    return result


def predict_steps(
    image: Array, model: Model, params: SegmentParams, *, device: str = "auto"
) -> Generator[Progress, None, Maps]:
    """Run the network over one image: :func:`predict_group_steps` of one."""
    return (yield from predict_group_steps([image], model, params, device=device))[0]


def predict_group_steps(
    images: Sequence[Array], model: Model, params: SegmentParams, *, device: str = "auto"
) -> Generator[Progress, None, list[Maps]]:
    """Run the network over images of one size, all at once.

    Parameters
    ----------
    images : sequence of (C, Y, X) arrays
        With as many channels as the model reads.
    model : Model
    params : SegmentParams
        `normalize` and `tiles` are used.
    device : str

    Yields
    ------
    Progress
        Before the first tile and after each.

    Returns
    -------
    list of Maps
        At the size of the images.

    Raises
    ------
    ImageError, ParamsError, DeviceError
        If an image, the diameter or the device cannot be used.
    """
    config = model.header.config
    for image in images:
        check_image(image)
        if image.ndim != 3 or image.shape[0] != config.in_channels:
            raise ImageError(
                f"Model {model.name} reads {config.in_channels} channel(s); the image has shape {image.shape}."
            )
    shape = (images[0].shape[1], images[0].shape[2])
    target = choose_device(device)
    seen = [number for number, image in enumerate(images) if is_informative(image)]
    found = [Maps.empty(shape, config.embedding_dim, foreground=config.foreground_head) for _ in images]
    if seen:
        normed = [normalize(images[number], params.normalize) for number in seen]
        network = ready(model.network, target)
        maps = yield from predict_rescaled(network, normed, params, device=target, diameter=model.header.diameter)
        for number, own in zip(seen, maps, strict=True):
            found[number] = own
    return found


def _with_note(result: Segmentation, note: str) -> Segmentation:
    return replace(result, notes=(*result.notes, note))
