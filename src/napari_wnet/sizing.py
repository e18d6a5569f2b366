"""The size of the objects in an image, estimated by letting the network look at it at a few scales."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_wnet.core.clustering import cluster
from napari_wnet.core.image import as_image, is_informative, normalize, resize_plane
from napari_wnet.core.sizes import diameters, disagreement, liveliest_window
from napari_wnet.network.checkpoint import Model
from napari_wnet.network.device import choose_device
from napari_wnet.network.inference import Network, predict_group, ready
from napari_wnet.network.registry import load_model
from napari_wnet.network.rescaling import rescaling
from napari_wnet.params import AUTO, BY_SEEDS, DEFAULT_MODEL, SegmentParams
from napari_wnet.reports import Progress, drain

Array = npt.NDArray[Any]
SCALES = (1.0, 0.5, 2.0, 0.25, 4.0)
"""By which the image is multiplied; measured in ``docs/diameter.md``."""
LOOK_PX = 384
"""Longest side of what the network looks at, at each scale: about a second for all of them on a processor."""
SMALLEST_PX = 16
SURE = 0.05
"""Disagreement below which the first look is believed, if what it finds is of about the size that is known."""
KNOWN_SIZES = (0.7, 3.0)
"""That size, as parts of the diameter of the model: between them its labels are nearly as good as they can be."""
UNSURE = 0.2
"""Disagreement above which nothing is believed."""
PLANES = 3
"""Of a stack, so many planes are looked at, evenly spread."""


@dataclass(frozen=True, kw_only=True)
class SizeEstimate:
    """How large the objects of an image are, as far as a network can tell.

    Attributes
    ----------
    diameter : float
        Median in pixels of the image; 0: nothing was found of which a size could be told.
    n_objects : int
        That were looked at.
    disagreement : float
        Mean difference, 0 to 1, between the network's distance map and that of the labels made from it.
    """

    diameter: float
    n_objects: int
    disagreement: float


UNKNOWN = SizeEstimate(diameter=0.0, n_objects=0, disagreement=1.0)


def estimate_diameter(
    image: Array,
    model: str | Path | Model = DEFAULT_MODEL,
    params: SegmentParams | None = None,
    *,
    device: str = "auto",
) -> SizeEstimate:
    """Estimate the typical diameter of the objects in an image.

    Parameters
    ----------
    image : (Y, X), (Y, X, 3), (Y, X, 4) or (C, Y, X) array
    model : str, Path or Model
    params : SegmentParams, optional
        By default those that the model recommends.
    device : str

    Returns
    -------
    SizeEstimate
        Its `diameter` is what :meth:`napari_wnet.params.SegmentParams.with_diameter` takes, which has the smallest area
        that counts as an object go along.

    Raises
    ------
    WNetError
        If the image, the model, a parameter or the device cannot be used; the message names the remedy.
    """
    chosen = model if isinstance(model, Model) else load_model(model)
    channels_first, _ = as_image(image, chosen.header.config.in_channels)
    return drain(estimate_steps([channels_first], chosen, params or chosen.header.params, device=device))


def estimate_steps(
    images: Sequence[Array], model: Model, params: SegmentParams, *, device: str = "auto"
) -> Generator[Progress, None, SizeEstimate]:
    """Do what :func:`estimate_diameter` does, over one or more images (C, Y, X) that have objects of one size.

    The network looks at a part of each at their own scale first. Unless it agrees with itself on objects of a size that
    it knows, it looks at smaller and larger ones too, and the scale counts at which it agrees best. A diameter that the
    parameters hold already does not matter.

    Yields
    ------
    Progress
        Before each look.

    Raises
    ------
    ParamsError
        If the model does not say which size it knows, or images are stretched to a square.
    """
    known = model.header.diameter
    rescaling(known, params.normalize.replace(diameter=max(known, 1.0)))  # refuses what cannot be rescaled
    seen = [normalize(image, params.normalize) for image in images if is_informative(image)]
    target = choose_device(device)
    network = ready(model.network, target)
    params = resized(params, model, 0.0)  # each look is taken as if objects were of the size that is known
    if params.clustering.method not in BY_SEEDS:  # some of the others take minutes, and sizes are the same
        params = params.replace(clustering__method="watershed")
    best = UNKNOWN
    for number, scale in enumerate(SCALES):
        yield Progress(done=number, total=len(SCALES), what="estimating the diameter")
        found = _look(network, seen, scale, (params, target))
        if found.disagreement < best.disagreement:
            best = found
        if scale == 1 and 0 < found.disagreement <= SURE and is_known_size(found.diameter, model):
            break
    return best if best.disagreement <= UNSURE else UNKNOWN


def sized_steps(
    images: Sequence[Array], model: Model, params: SegmentParams, *, device: str = "auto"
) -> Generator[Progress, None, tuple[SegmentParams, tuple[str, ...]]]:
    """Return parameters with a number for the diameter ``"auto"``, and what is to be told of it; others as they are.

    Of many images, a few are looked at.
    """
    if params.normalize.diameter != AUTO:
        return params, ()
    found = yield from estimate_steps(spread(images), model, params, device=device)
    return applied(found, model, params), (told(found, model),)


def applied(found: SizeEstimate, model: Model, params: SegmentParams) -> SegmentParams:
    """Return parameters for objects of an estimated size: as trained where the model is as good without rescaling."""
    return resized(params, model, 0.0 if is_known_size(found.diameter, model) else round(found.diameter, 1))


def resized(params: SegmentParams, model: Model, diameter: float) -> SegmentParams:
    """Return parameters for a diameter, 0 as trained; those with ``"auto"`` count from the one recommended."""
    if params.normalize.diameter == AUTO:
        params = params.replace(normalize__diameter=model.header.params.normalize.diameter)
    return params.with_diameter(diameter, model.header.diameter)


def spread(images: Sequence[Array]) -> list[Array]:
    """Return a few of many images, evenly spread: from the middle of each of as many parts."""
    count = min(PLANES, len(images))
    return [images[(2 * part + 1) * len(images) // (2 * count)] for part in range(count)]


def is_known_size(diameter: float, model: Model) -> bool:
    """Tell whether objects are of a size with which the model is as good as with that which it knows best; 0 is."""
    low, high = (part * model.header.diameter for part in KNOWN_SIZES)
    return diameter == 0 or low <= diameter <= high


def told(found: SizeEstimate, model: Model) -> str:
    """Return an estimate, and what follows from it, in words."""
    if not found.diameter:
        return "The size of the objects could not be estimated, so the image was not rescaled."
    known = f"the model was trained on {model.header.diameter:.0f} px"
    follows = (
        "near enough not to rescale the image"
        if is_known_size(found.diameter, model)
        else "the image is rescaled to that"
    )
    return f"The objects are about {found.diameter:.0f} px wide; {known}: {follows}."


def _look(
    network: Network, images: Sequence[Array], scale: float, how: tuple[SegmentParams, torch.device]
) -> SizeEstimate:
    """Let the network look at parts of normalised images at a scale."""
    params, device = how
    error, count, sizes = 0.0, 0, [np.zeros(0)]
    for image in images:
        rows, columns = liveliest_window(image, round(LOOK_PX / scale))
        part = image[:, rows, columns]
        shape = (round(part.shape[1] * scale), round(part.shape[2] * scale))
        if min(shape) < SMALLEST_PX:
            continue
        shown = np.ascontiguousarray(part) if scale == 1 else resize_plane(part, shape)
        maps = drain(predict_group(network, [shown], params.tiles, device=device))[0]
        labels = cluster(maps, params.clustering)
        own_error, own_count = disagreement(maps, labels)
        error, count = error + own_error, count + own_count
        sizes.append(diameters(labels) / scale)
    every = np.concatenate(sizes)
    if not len(every):
        return UNKNOWN
    return SizeEstimate(diameter=float(np.median(every)), n_objects=len(every), disagreement=error / count)
