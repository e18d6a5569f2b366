"""What is said here of a child that did not return a result: its own error, or the manner of its end."""

from __future__ import annotations

import logging
import signal
from types import MappingProxyType
from typing import Any

from napari_wnet import errors
from napari_wnet.errors import DeviceError, WNetError, lacks_memory
from napari_wnet.process import child

logger = logging.getLogger("napari_wnet")

ERRORS = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (
            errors.WNetError,
            errors.ImageError,
            errors.ParamsError,
            errors.ModelError,
            errors.DownloadError,
            errors.DeviceError,
            errors.EditError,
            errors.OutputError,
            errors.NoRoomError,
            errors.ProjectError,
            errors.SchedulerError,
            errors.SchedulerLostError,
            errors.TrainingError,
            errors.ChannelsError,
            errors.DivergedError,
        )
    }
)
"""The errors that come through the pipe as what they are."""
UNREADABLE = "unreadable"
"""A message of the child's that could not be read here; its value is the exception."""
NO_MEMORY = (
    "There was not enough memory: the work was ended, nothing else was harmed. Use smaller crops, tiles or batches, "
    "fewer images or another device, or close other programs."
)


def failure(kind: str, value: Any) -> BaseException:
    """Return the error for a message of the child's, or for one that could not be read (kind UNREADABLE)."""
    if kind == child.INTERRUPTED:
        return KeyboardInterrupt()
    if kind == child.ERROR:
        names, message = value
        return next(ERRORS[name] for name in names if name in ERRORS)(message)
    if kind == child.NO_MEMORY or (kind == UNREADABLE and lacks_memory(value)):
        return DeviceError(NO_MEMORY)
    summary, details = value if kind == child.UNEXPECTED else (f"{type(value).__name__}: {value}", "")
    logger.error("Unexpected error in another process: %s\n%s", summary, details)
    return WNetError(
        f"Something unexpected went wrong ({summary}). Try the device 'cpu' or other settings; the full report is in "
        "the log, which goes to the terminal."
    )


def death(code: int | None) -> WNetError:
    """Return the error for a child that ended without a word."""
    if code is None or code >= 0:
        return WNetError(
            f"The process that did the work ended by itself (exit code {code}); nothing else was harmed. What it said "
            "is in the terminal; try again with other settings."
        )
    if code == -getattr(signal, "SIGKILL", 9):
        return DeviceError(f"The system ended the work, most likely as memory ran out. {NO_MEMORY}")
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return WNetError(
        f"The process that did the work crashed ({name}); nothing else was harmed. Try the device 'cpu', or install "
        "torch again."
    )
