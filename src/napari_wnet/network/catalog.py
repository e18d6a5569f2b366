"""Which models can be named: those that the package lists with pinned hashes, and the files in the user's folder."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from napari_wnet.errors import ModelError
from napari_wnet.home import cache_folder, data_folder
from napari_wnet.json_values import read_json
from napari_wnet.network.checkpoint import read_header
from napari_wnet.network.container import MAX_FILE_BYTES
from napari_wnet.network.names import SUFFIX, is_name, is_sha256

CACHE_VARIABLE = "NAPARI_WNET_CACHE"
URL_VARIABLE = "NAPARI_WNET_MODELS_URL"
USER_VARIABLE = "NAPARI_WNET_USER_MODELS"


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """One model that can be named.

    Attributes
    ----------
    name : str
        What the user types or chooses.
    file : str
        File name within its folder.
    sha256 : str
        Of the file: pinned for the package's models, computed for the user's own.
    size : int
        In bytes.
    description, licence : str
        For people to read.
    source : {"package", "user"}
        Whose model it is.
    kind : {"model", "outline"}
        What it is: a W-Net that can be chosen, or the network that outlines what a person points at.
    hides : bool
        Whether a file of the user's own is called the same, so that it cannot be chosen.
    """

    name: str
    file: str
    sha256: str
    size: int
    description: str = ""
    licence: str = ""
    source: Literal["package", "user"] = "package"
    kind: Literal["model", "outline"] = "model"
    hides: bool = False

    def check(self) -> None:
        """Refuse an entry that could lead out of its folder or past the limits.

        Raises
        ------
        ModelError
            If a field makes no sense.
        """
        texts = (self.name, self.file, self.sha256, self.description, self.licence)
        sound = (
            all(isinstance(text, str) for text in texts)
            and is_name(self.name)
            and is_name(self.file)
            and " " not in self.name + self.file  # a part of addresses
            and self.file.endswith(SUFFIX)
            and is_sha256(self.sha256)
            and type(self.size) is int
            and 0 < self.size <= MAX_FILE_BYTES
            and self.kind in ("model", "outline")
        )
        if not sound:
            raise ModelError(
                f"The model {str(self.name)[:100]!r} cannot be listed: names have letters, digits, '.', '_' and '-', "
                f"files end in {SUFFIX}, hashes are SHA-256, sizes are in bytes."
            )


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where models come from and go to.

    Attributes
    ----------
    package : Path
        Folder with ``registry.json`` and the files that ship with the package.
    cache : Path
        Folder for checked copies; made when needed.
    user : Path
        Folder of the user's own models; need not exist.
    server : str
        Address of a folder on a web server to fetch from instead of the package; empty: none.
    """

    package: Path
    cache: Path
    user: Path
    server: str = ""

    @classmethod
    def from_environment(cls) -> Places:
        """Return the standard places, or those that environment variables name."""
        return cls(
            package=Path(__file__).parents[1] / "models",
            cache=cache_folder(CACHE_VARIABLE),
            user=data_folder(USER_VARIABLE, "models"),
            server=os.environ.get(URL_VARIABLE, "").strip(),
        )


def list_models(places: Places | None = None) -> tuple[ModelEntry, ...]:
    """Return every model that can be named: the package's, then the user's own that have other names.

    Raises
    ------
    ModelError
        If the package's list is damaged.
    """
    places = places or Places.from_environment()
    theirs = [entry for entry in package_entries(places.package) if entry.kind == "model"]
    taken = {entry.name for entry in theirs}
    own = list(_user_entries(places.user))
    hidden = taken & {entry.name for entry in own}
    return (
        *(replace(entry, hides=True) if entry.name in hidden else entry for entry in theirs),
        *(entry for entry in own if entry.name not in taken),
    )


def find_model(name: str, places: Places | None = None) -> ModelEntry:
    """Return the entry of a name.

    Raises
    ------
    ModelError
        If there is none; the message lists the choices and the nearest.
    """
    entries = {entry.name: entry for entry in list_models(places)}
    if name in entries:
        return entries[name]
    near = difflib.get_close_matches(name, entries, n=1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    choices = f"choose one of {', '.join(entries)}" if entries else "none is installed"
    raise ModelError(f"There is no model '{name[:100]}'. {hint}Give the path of a {SUFFIX} file, or {choices}.")


def find_outline(places: Places) -> ModelEntry:
    """Return the entry of the network that outlines what a person points at.

    Raises
    ------
    ModelError
        If the package has none.
    """
    for entry in package_entries(places.package):
        if entry.kind == "outline":
            return entry
    raise ModelError("This installation has no network that outlines objects. Reinstall napari-wnet.")


def package_entries(folder: Path) -> list[ModelEntry]:
    """Return the models that a folder's ``registry.json`` lists.

    Raises
    ------
    ModelError
        If the list is missing or damaged.
    """
    try:
        listed = read_json(folder / "registry.json")["models"]
        entries = [ModelEntry(**values, source="package") for values in listed]
        for entry in entries:
            entry.check()
        if len({entry.name for entry in entries}) != len(entries):
            raise ValueError("a name appears twice")
    except (OSError, ValueError, TypeError, KeyError, ModelError) as error:
        raise ModelError(f"The package's list of models is damaged ({error}). Reinstall napari-wnet.") from error
    return entries


def _user_entries(folder: Path) -> Iterator[ModelEntry]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == SUFFIX and path.is_file())
    except OSError:  # usually: not there yet
        return
    for path in paths:
        if is_name(path.stem):
            yield _user_entry(path)


def _user_entry(path: Path) -> ModelEntry:
    try:
        header = read_header(path)
        description, licence = header.description, header.licence
        found = path.stat()
        sha256, size = _sha256(path, found.st_size, found.st_mtime_ns, found.st_ctime_ns), found.st_size
    except (ModelError, OSError) as error:  # one bad file must not hide the others
        description, licence, sha256, size = str(error), "", "", 0
    return ModelEntry(
        name=path.stem,
        file=path.name,
        sha256=sha256,
        size=size,
        description=description,
        licence=licence,
        source="user",
    )


@lru_cache(maxsize=1024)
def _sha256(path: Path, size: int, modified: int, changed: int) -> str:
    """Return a file's SHA-256, read anew only where one of its marks has changed: the list is asked for often."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
