"""A model that is to be added, as a person describes it; nothing heavy is imported to write that down."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from napari_wnet.network.names import SUFFIX, can_be_given, check_name

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, kw_only=True)
class Addition:
    """A model to add.

    Attributes
    ----------
    source : str
        Path of a file, or an http or https address of one.
    name : str
        What it is to be called; empty: as the file, or as the model calls itself.
    sha256 : str
        That of the file, as whoever shared it says; empty: not known.
    """

    source: str
    name: str = ""
    sha256: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", self.source.strip())

    @property
    def is_address(self) -> bool:
        """Whether the source is an address, not a path."""
        return _ADDRESS.match(self.source) is not None

    def proposed_name(self) -> str:
        """Return the name that is asked for, or else the file's; empty where that cannot be a name.

        Raises
        ------
        ModelError
            If what is asked for cannot be a name.
        """
        if self.name.strip():
            return check_name(self.name)
        try:
            path = PurePosixPath(unquote(urlsplit(self.source).path)) if self.is_address else Path(self.source)
        except ValueError:  # an address beyond repair, which is said where it is opened
            return ""
        named = path.suffix == SUFFIX or not self.is_address
        return path.stem if named and can_be_given(path.stem) else ""
