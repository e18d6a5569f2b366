"""What a model can be called: a name is also that of its file, on every system, and is never taken for a path."""

from __future__ import annotations

import os
import re

from napari_wnet.errors import ModelError

SUFFIX = ".safetensors"
PATH_SUFFIXES = (SUFFIX, ".pt", ".pth", ".pkl", ".ckpt", ".bin", ".h5", ".onnx")
"""A name that ends so is meant as a file."""

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._ -]{0,98}[A-Za-z0-9_-])?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9]) *(\..*)?", re.IGNORECASE)
"""What Windows takes for a device, whatever ending follows."""


def is_name(text: str) -> bool:
    """Tell whether a text can be the name of a model, or of its file."""
    return _NAME.fullmatch(text) is not None


def is_sha256(text: str) -> bool:
    """Tell whether a text is a SHA-256 as this package writes it: 64 hexadecimal digits in lower case."""
    return _SHA256.fullmatch(text) is not None


def is_path(text: str) -> bool:
    """Tell whether a text given for a model is meant as the path of a file."""
    separators = [separator for separator in (os.sep, os.altsep) if separator]
    return text.lower().endswith(PATH_SUFFIXES) or any(separator in text for separator in separators)


def can_be_given(text: str) -> bool:
    """Tell whether a model can be called so from now on: a name, no path, and of a file on every system."""
    return is_name(text) and not is_path(text) and _DEVICE.fullmatch(text) is None


def check_name(text: str) -> str:
    """Return what a person gave as a name, without spaces around it.

    Raises
    ------
    ModelError
        If it cannot be the name of a model.
    """
    name = text.strip()
    if not is_name(name) or is_path(name):
        raise ModelError(
            f"{name[:100]!r} cannot be the name of a model. Use letters, digits, '-', '_', and between them '.' and "
            "spaces, 100 characters at most, without the ending of a file."
        )
    if _DEVICE.fullmatch(name):
        raise ModelError(
            f"{name!r} is the name of a device on Windows, so no file there can have it. Give another name."
        )
    return name


def check_sha256(text: str) -> str:
    """Return a SHA-256 that a person pasted, in lower case and without what is around it; empty stays empty.

    Raises
    ------
    ModelError
        If it is none.
    """
    digits = text.strip().lower().removeprefix("sha256:").strip()
    if digits and not is_sha256(digits):
        raise ModelError(
            f"{text.strip()[:100]!r} is no SHA-256: that has 64 digits, of 0 to 9 and a to f. Copy it once more, or "
            "leave it out."
        )
    return digits
