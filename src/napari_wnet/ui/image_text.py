"""What the Segment dock does, as a command and as Python code."""

from __future__ import annotations

import shlex
from pathlib import Path

from napari.layers import Layer, Shapes

from napari_wnet.errors import WNetError
from napari_wnet.io.images import ENDINGS, is_image_name
from napari_wnet.params import SegmentParams
from napari_wnet.ui.as_text import model_lines, params_changes, params_flags
from napari_wnet.ui.batch_settings import ENDING
from napari_wnet.ui.layers import Index, n_planes
from napari_wnet.ui.sessions import Job

LETTERS = "TZPABDEFG"
"""For axes that have no name."""


def image_command(job: Job, recommended: SegmentParams) -> str:
    """Return the command that segments the file of a layer as the Segment dock does the layer.

    Parameters
    ----------
    job : Job
    recommended : SegmentParams
        What the model recommends.

    Raises
    ------
    WNetError
        If the layer, or its foreground, came from no file that the command reads; the message says what to do.
    """
    settings = job.settings
    path = _file(job.image)
    if settings.planes == "current" and n_planes(job.image, settings.axis) > 1:
        raise WNetError("A command segments all planes; choose 'all planes', or copy as Python.")
    words = ["napari-wnet", "segment", str(path), "--out", str(path.with_name(path.stem + ENDING))]
    words += ["--model", settings.model]
    axes = _axes(job.image, settings.axis)
    words += ["--axes", axes] if axes else []
    words += ["--channels", ",".join(map(str, settings.channels))] if settings.channels else []
    words += ["--device", settings.device] if settings.device != "auto" else []
    if job.foreground is not None:
        words += ["--foreground", str(_file(job.foreground))]
    return shlex.join([*words, *params_flags(settings.params, recommended)])


def image_code(job: Job, recommended: SegmentParams, index: Index) -> str:
    """Return code that segments a layer's file, or in napari's console the layer, as the Segment dock does.

    Parameters
    ----------
    job : Job
    recommended : SegmentParams
    index : tuple of int
        The plane that is seen.

    Raises
    ------
    WNetError
        If the foreground is drawn: it is where the layers lie in the viewer, and code has no viewer.
    """
    settings = job.settings
    if isinstance(job.foreground, Shapes):
        raise WNetError("A drawn foreground cannot be copied; right-click it in the layer list: Convert to Labels.")
    layers = [job.image] if job.foreground is None else [job.image, job.foreground]
    from_files = all(_is_file(layer) for layer in layers)
    body = [*model_lines(settings.model, params_changes(settings.params, recommended))]
    body.append(f"image = {_read('read_image', job.image) if from_files else _layer(job.image)}")
    if job.foreground is not None:
        body.append(f"mask = {_read('read_mask', job.foreground) if from_files else _layer(job.foreground)} != 0")
    if settings.axis is not None:
        body.append(f"image = np.moveaxis(image, {settings.axis}, -3)")
        body += [f"image = image[..., {list(settings.channels)}, :, :]"] if settings.channels else []
    body += _planes(job, index)
    if from_files:
        body.append('print(labels.max(), "objects")')
    else:
        body.append(f"scale = viewer.layers[{job.image.name!r}].scale[-labels.ndim :]")
        body.append(f'viewer.add_labels(labels, name="{job.image.name} labels", scale=scale)')
    reads = [] if not from_files else ["from napari_wnet.io.images import read_image"]
    reads = [line + (", read_mask" if job.foreground is not None else "") for line in reads]
    return "\n".join(["import numpy as np", "", "from napari_wnet import load_model, segment", *reads, "", *body, ""])


def _planes(job: Job, index: Index) -> list[str]:
    """Return the lines that segment the planes of `image`."""
    settings, masked = job.settings, job.foreground is not None
    options = "model, params" + (f", device={settings.device!r}" if settings.device != "auto" else "")
    options += ", foreground=mask" if masked else ""
    several = n_planes(job.image, settings.axis) > 1
    if several and settings.planes == "current":
        lines = [f"image = image[{', '.join(map(str, index))}]"]
        lines += [f"mask = mask if mask.ndim == 2 else mask[{', '.join(map(str, index))}]"] if masked else []
    elif several or job.image.ndim > 2 + (settings.axis is not None):
        inside = 3 if settings.axis is not None or job.image.rgb else 2
        shape = "image.shape[:-1]" if job.image.rgb else f"(*image.shape[:-{inside}], *image.shape[-2:])"
        each = "for plane in planes"
        lines = [f"shape = {shape}", f"planes = image.reshape(-1, *image.shape[-{inside}:])"]
        if masked:
            lines.append("masks = np.broadcast_to(mask, shape).reshape(-1, *shape[-2:])")
            each = "for plane, mask in zip(planes, masks)"
        return [*lines, f"labels = np.stack([segment(plane, {options}).labels {each}]).reshape(shape)"]
    else:
        lines = []
    return [*lines, f"labels = segment(image, {options}).labels"]


def _file(layer: Layer) -> Path:
    path = layer.source.path
    if path is None or not Path(path).is_file():
        raise WNetError(
            f"'{layer.name}' is in no file: save it (File > Save Selected Layers) and open that, or copy as Python."
        )
    if not is_image_name(path):
        raise WNetError(f"'{Path(path).name}' is no file that the command reads ({', '.join(ENDINGS)}); save as TIFF.")
    return Path(path).absolute()


def _is_file(layer: Layer) -> bool:
    try:
        _file(layer)
    except WNetError:
        return False
    return True


def _read(function: str, layer: Layer) -> str:
    return f"{function}({str(_file(layer))!r})" + (".array" if function == "read_image" else "")


def _layer(layer: Layer) -> str:
    return f"np.asarray(viewer.layers[{layer.name!r}].data{'[0]' if layer.multiscale else ''})"


def _axes(layer: Layer, channel_axis: int | None) -> str:
    """Return one letter for each axis of a stack, by their names where they have any; empty: there is no doubt."""
    if layer.ndim == 2:
        return ""
    free = iter([letter for letter in LETTERS if letter not in "".join(layer.axis_labels).upper()])
    letters = []
    for axis, name in enumerate(layer.axis_labels):
        if axis >= layer.ndim - 2:
            letters.append("YX"[axis - layer.ndim + 2])
        elif axis == channel_axis:
            letters.append("C")
        else:
            known = len(name) == 1 and name.upper() in LETTERS
            letters.append(name.upper() if known else next(free))
    return "".join(letters) + ("S" if layer.rgb else "")
