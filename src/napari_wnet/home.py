"""The folders that this program has of its own in the user's home; they may be missing, closed, or nowhere at all."""

from __future__ import annotations

import os
from pathlib import Path

NOWHERE = Path(os.devnull, "no-home")
"""Where the home is not known, as in a container whose user has no entry: nothing can be made there, as in a home that
is closed, and the message of whoever tries says which variable to set."""


def data_folder(variable: str, name: str) -> Path:
    """Return a folder among the user's data, or the one that an environment variable names.

    Parameters
    ----------
    variable : str
        Of the environment.
    name : str
        Of the folder within this program's data.
    """
    import platformdirs

    try:
        given = os.environ.get(variable)
        return Path(given).expanduser() if given else Path(platformdirs.user_data_dir("napari-wnet"), name).expanduser()
    except RuntimeError:
        return NOWHERE / name


def cache_folder(variable: str) -> Path:
    """Return the folder of what can be had again, or the one that an environment variable names."""
    import platformdirs

    try:
        return Path(os.environ.get(variable) or platformdirs.user_cache_dir("napari-wnet")).expanduser()
    except RuntimeError:
        return NOWHERE / "cache"
