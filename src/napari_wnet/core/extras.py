"""Packages that only some clusterings need."""

from __future__ import annotations

import importlib.util

from napari_wnet.errors import ParamsError

NEEDS = {"mutex": ("bioimage_cpp", "bioimage-cpp"), "hdbscan": ("sklearn", "scikit-learn")}
"""What a method imports, and what that is called where it can be had."""


def check_installed(method: str) -> None:
    """Refuse a clustering whose package is not installed, before anything is computed for it.

    Raises
    ------
    ParamsError
    """
    if method in NEEDS and importlib.util.find_spec(NEEDS[method][0]) is None:
        raise ParamsError(
            f"The clustering '{method}' needs the package {NEEDS[method][1]}, which is not installed: run "
            "'pip install \"napari-wnet[clusterings]\"', or choose another clustering, such as angular."
        )
