"""What a dock does, as a command and as Python code: the same files, model and parameters, and so the same labels."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from napari_wnet.errors import WNetError
from napari_wnet.flags import changed_flags, changes
from napari_wnet.params import AUTO, SegmentParams
from napari_wnet.scheduler import PROCESSES, THREADS
from napari_wnet.ui.batch_settings import BatchSettings, Order

INDENT = "    "


def batch_command(order: Order, threads: int | None) -> str:
    """Return the command that segments a folder as the Batch dock does.

    Parameters
    ----------
    order : Order
    threads : int or None
        Processor threads of the network in this window; a few pixels depend on their number.

    Raises
    ------
    WNetError
        If something is not chosen yet.
    """
    order.check()
    settings = order.settings
    words = ["napari-wnet", "segment", settings.folder, "--out", settings.out, "--model", settings.model]
    words += ["--save", ",".join(settings.save)] if _extra(settings) else []
    words += ["--recursive"] if settings.recursive else []
    if settings.patterns != ("*",):
        words += [word for pattern in settings.patterns for word in ("--pattern", pattern)]
    for name in ("foreground", "axes", "channels"):
        words += [f"--{name}", getattr(settings, name)] if getattr(settings, name) else []
    words += ["--device", settings.device] if settings.device != "auto" else []
    words += ["--scheduler", settings.scheduler] if settings.scheduler != THREADS else []
    words += ["--threads", str(threads)] if threads else []
    words += ["--overwrite"] if settings.overwrite else []
    return shlex.join([*words, *_batch_flags(order)])


def batch_code(order: Order, threads: int | None) -> str:
    """Return a script that segments a folder as the Batch dock does; see :func:`batch_command`."""
    order.check()
    settings = order.settings
    options: dict[str, Any] = {}
    options |= {"save": settings.save} if _extra(settings) else {}
    options |= {"recursive": True} if settings.recursive else {}
    options |= {"patterns": settings.patterns} if settings.patterns != ("*",) else {}
    options |= {name: getattr(settings, name) for name in ("foreground", "axes", "channels") if getattr(settings, name)}
    options |= {"device": settings.device} if settings.device != "auto" else {}
    options |= {"scheduler": settings.scheduler} if settings.scheduler != THREADS else {}
    options |= {"threads": threads} if threads else {}
    options |= {"overwrite": True} if settings.overwrite else {}
    changed = _batch_changes(order)
    body = [*model_lines(settings.model, changed)] if changed else []
    arguments = [repr(settings.folder), repr(settings.out)]
    arguments += ["model=model", "params=params"] if changed else [f"model={settings.model!r}"]
    arguments += [f"{name}={value!r}" for name, value in options.items()]
    body += ["results = segment_folder(", *(f"{INDENT}{argument}," for argument in arguments), ")"]
    body += ["for result in results:", INDENT + "print(result.path, result.state, result.n_objects, result.error)"]
    if settings.scheduler == PROCESSES:  # which read this script again, and must not begin anew
        body = ['if __name__ == "__main__":', *(INDENT + line for line in body)]
    names = "load_model, segment_folder" if changed else "segment_folder"
    return "\n".join([f"from napari_wnet import {names}", "", *body, ""])


def _batch_flags(order: Order) -> list[str]:
    if order.params is None:  # what the model recommends is not known here
        usual = SegmentParams()
        return changed_flags(usual.replace(**order.own_changes()), usual.replace(**_other_use(order)))
    recommended = _known(order.recommended)
    return params_flags(order.used(recommended), recommended)


def _other_use(order: Order) -> dict[str, Any]:
    """Return what has the use of masks count as changed, where there are any: the model's own is not known."""
    use = "region" if order.settings.foreground_use == "objects" else "objects"
    return {"clustering__foreground_use": use} if order.settings.foreground else {}


def _batch_changes(order: Order) -> dict[str, Any]:
    if order.params is None:
        return dict(order.own_changes())
    recommended = _known(order.recommended)
    return changes(order.used(recommended), recommended)


def params_flags(params: SegmentParams, recommended: SegmentParams | None) -> list[str]:
    """Return the flags of what differs from what the model recommends."""
    words = changed_flags(params, _known(recommended))
    if "--diameter" in words and "--min-area" not in words and params.normalize.diameter != AUTO:
        words += ["--min-area", str(params.clustering.min_area)]  # else it would go along with the diameter
    return words


def params_changes(params: SegmentParams, recommended: SegmentParams | None) -> dict[str, Any]:
    """Return what differs from what the model recommends, for :meth:`SegmentParams.replace`."""
    return changes(params, _known(recommended))


def model_lines(model: str, changed: Mapping[str, Any]) -> Sequence[str]:
    """Return the lines that load a model, and change what it recommends."""
    lines = [f"model = load_model({model!r})"]
    if not changed:
        return [*lines, "params = model.header.params"]
    each = [f"{INDENT}{name}={value!r}," for name, value in changed.items()]
    return [*lines, "params = model.header.params.replace(", *each, ")"]


def _known(recommended: SegmentParams | None) -> SegmentParams:
    if recommended is None:
        raise WNetError("The Segment dock is reading its model; try again in a moment.")
    return recommended


def _extra(settings: BatchSettings) -> bool:
    return bool(set(settings.save) - {"labels"})
