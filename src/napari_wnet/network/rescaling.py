"""Images brought to the size that a network knows, and its maps back to theirs."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from napari_wnet.core.image import resize_plane, scaled_shape
from napari_wnet.core.maps import Maps
from napari_wnet.errors import ParamsError
from napari_wnet.network.inference import Network, predict_group
from napari_wnet.params import AUTO, NormalizeParams, SegmentParams
from napari_wnet.reports import Progress

LARGEST_SCALE = 16.0
"""Objects that need more have a pixel or two, and the image would not fit into memory."""


def rescaling(model_diameter: float, params: NormalizeParams) -> float:
    """Return the factor that brings objects of the given diameter to the size the model knows; 1 for none.

    Raises
    ------
    ParamsError
        If a diameter is given but the model does not say which it knows, it is far too small for it, or images are
        stretched to a square.
    """
    if params.square:
        raise ParamsError("What is stretched to a square is looked at whole; set 'stretch to' to 0 (--square 0).")
    if params.diameter == 0:
        return 1.0
    if params.diameter == AUTO:
        raise ParamsError("The diameter 'auto' is for segmenting images; give a number of pixels here, or 0.")
    if model_diameter == 0:
        raise ParamsError("This model does not say what object diameter it knows; set the object diameter to 0.")
    scale = model_diameter / params.diameter
    if scale > LARGEST_SCALE:
        raise ParamsError(
            f"Objects of {params.diameter:g} px would have to be enlarged {scale:.0f} times for this model; give an "
            f"object diameter of {model_diameter / LARGEST_SCALE:.2g} px or more."
        )
    return scale


def network_shape(shape: tuple[int, int], model_diameter: float, params: NormalizeParams) -> tuple[int, int]:
    """Return the height and width at which a network looks at an image of some height and width.

    Raises
    ------
    ParamsError
        As :func:`rescaling`.
    """
    if params.square:
        return params.square, params.square
    scale = rescaling(model_diameter, params)
    return (shape[0], shape[1]) if scale == 1 else scaled_shape(shape, scale)


def predict_rescaled(
    network: Network,
    images: Sequence[npt.NDArray[np.float32]],
    params: SegmentParams,
    *,
    device: torch.device,
    diameter: float = 0.0,
) -> Generator[Progress, None, list[Maps]]:
    """Run a network over normalised images (C, Y, X) of one size; the maps have that size, whatever it sees.

    Parameters
    ----------
    network : Network
        In evaluation mode, on `device`.
    images : sequence of (C, Y, X) float32 arrays
    params : SegmentParams
    device : torch.device
    diameter : float
        Of objects, in pixels, that the model knows; 0: it does not say.

    Yields
    ------
    Progress
    """
    shape = (images[0].shape[1], images[0].shape[2])
    seen = network_shape(shape, diameter, params.normalize)
    if seen == shape:
        return (yield from predict_group(network, images, params.tiles, device=device))
    resized = [resize_plane(image, seen) for image in images]
    maps = yield from predict_group(network, resized, params.tiles, device=device)
    return [resized_maps(own, shape) for own in maps]


def resized_maps(maps: Maps, shape: tuple[int, int]) -> Maps:
    """Resample maps to another size, so that labels are made at the image's own."""
    foreground = maps.foreground
    return Maps.from_floats(
        resize_plane(maps.distance[np.newaxis], shape)[0],
        resize_plane(maps.embedding, shape),
        None if foreground is None else resize_plane(foreground[np.newaxis], shape)[0],
    )
