"""How a model comes from its name to a checked file on this machine.

The package's models are listed in ``models/registry.json`` with a pinned SHA-256. pooch keeps a copy of each in the
user's cache, checks the hash at every use, and replaces a damaged copy, by default from the package itself, so that
the first run works offline. A user's own models are the files in one folder.

Environment
-----------
NAPARI_WNET_MODELS_URL
    http or https address of a folder that holds the same files; used instead of the package.
NAPARI_WNET_CACHE
    Folder for the checked copies.
NAPARI_WNET_USER_MODELS
    Folder of the user's own models.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_wnet.errors import DownloadError, ModelError
from napari_wnet.network.catalog import (
    CACHE_VARIABLE,
    URL_VARIABLE,
    ModelEntry,
    Places,
    find_model,
    find_outline,
    list_models,
)
from napari_wnet.network.checkpoint import Model, read_model
from napari_wnet.network.download import check_url, clear_abandoned, download_steps
from napari_wnet.network.names import is_path
from napari_wnet.network.outline.file import OutlineModel, read_outline
from napari_wnet.reports import Progress, drain

__all__ = [
    "ModelEntry",
    "Places",
    "WrongHashError",
    "fetch",
    "fetch_entry_steps",
    "fetch_steps",
    "find_model",
    "find_outline",
    "list_models",
    "load_model",
    "load_outline",
    "load_outline_steps",
    "load_steps",
]

PREFIX = ".fetching-"
_log = logging.getLogger(__name__)


def fetch_steps(name: str, places: Places | None = None) -> Generator[Progress, None, Path]:
    """Bring a named model into the cache, checked, and return its path; yields progress in bytes.

    Where the cache cannot be written, or the server cannot be reached, the package's own copy is used, if it has one
    with the pinned hash. A server that sends something else is an error all the same.

    Raises
    ------
    ModelError
        If there is no such model.
    DownloadError
        If it can be had from nowhere; the message names the remedy.
    """
    places = places or Places.from_environment()
    return (yield from fetch_entry_steps(find_model(name, places), places))


def fetch_entry_steps(entry: ModelEntry, places: Places) -> Generator[Progress, None, Path]:
    """Bring the file of an entry into the cache, as :func:`fetch_steps` does."""
    if entry.source == "user":
        return places.user / entry.file
    try:
        with _cache_errors(places):
            return (yield from _cached_steps(entry, places))
    except WrongHashError:
        raise
    except DownloadError as error:
        bundled = places.package / entry.file
        if not _matches(bundled, entry.sha256):
            raise
        _log.warning("%s The copy in the package is used.", error)
    yield Progress(done=entry.size, total=entry.size, what=f"using the package's copy of {entry.name}")
    return bundled


def fetch(name: str, places: Places | None = None) -> Path:
    """Run :func:`fetch_steps` to its end."""
    return drain(fetch_steps(name, places))


def load_steps(name_or_path: str | Path, places: Places | None = None) -> Generator[Progress, None, Model]:
    """Load a model by its name, fetching it if needed, or from a file; yields progress in bytes.

    Raises
    ------
    ModelError
        If there is no such model or file, or it cannot be used; the message names the remedy.
    """
    text = str(name_or_path)
    if is_path(text):
        return read_model(Path(text).expanduser())
    places = places or Places.from_environment()
    try:
        entry = find_model(text, places)
    except ModelError:
        if Path(text).is_file():
            return read_model(Path(text))
        raise
    path = yield from fetch_steps(text, places)
    model = read_model(path)
    if model.sha256 != entry.sha256:
        raise ModelError(f"{path} changed while it was read. Try again.")
    # Whoever renamed a file, or got it under another name, wants to hear that name.
    return model if entry.source == "package" else replace(model, header=replace(model.header, name=entry.name))


def load_model(name_or_path: str | Path, places: Places | None = None) -> Model:
    """Load a model by its name, or from a file.

    Parameters
    ----------
    name_or_path : str or Path
        A name that ``napari-wnet models list`` shows, or the path of a .safetensors file.
    places : Places, optional
        Where models come from; by default as the environment variables say.

    Returns
    -------
    Model
        On the CPU; what segments takes it to its device.

    Raises
    ------
    ModelError
        If there is no such model or file, or it cannot be used; the message names the remedy.
    """
    return drain(load_steps(name_or_path, places))


def load_outline_steps(places: Places | None = None) -> Generator[Progress, None, OutlineModel]:
    """Load the network that outlines what a person points at, fetching it if needed; yields progress in bytes.

    Raises
    ------
    ModelError
        If it cannot be used; the message names the remedy.
    """
    places = places or Places.from_environment()
    entry = find_outline(places)
    path = yield from fetch_entry_steps(entry, places)
    model = read_outline(path)
    if model.sha256 != entry.sha256:
        raise ModelError(f"{path} changed while it was read. Try again.")
    return model


def load_outline(places: Places | None = None) -> OutlineModel:
    """Run :func:`load_outline_steps` to its end."""
    return drain(load_outline_steps(places))


class WrongHashError(DownloadError):
    """A file that is not the one whose hash is pinned."""


def _cached_steps(entry: ModelEntry, places: Places) -> Generator[Progress, None, Path]:
    """Return the checked file in the cache, after filling it from the server or the package."""
    import pooch

    cached = places.cache / entry.file
    origin = f"{check_url(places.server).rstrip('/')}/" if places.server else f"{places.package}{os.sep}"
    store = pooch.Pooch(path=places.cache, base_url=origin, registry={entry.file: f"sha256:{entry.sha256}"})
    if _matches(cached, entry.sha256):
        return _stored(store, entry.file, cached)
    places.cache.mkdir(parents=True, exist_ok=True)
    clear_abandoned(places.cache, PREFIX)
    if not places.server:
        bundled = places.package / entry.file
        if not bundled.is_file():
            raise DownloadError(
                f"This installation does not contain {entry.file}. Reinstall napari-wnet, or set {URL_VARIABLE} to a "
                "server that has it."
            )
        yield Progress(done=0, total=entry.size, what=f"unpacking {entry.name}")
        return _stored(store, entry.file, bundled)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=places.cache) as folder:
        part = Path(folder, entry.file)
        yield from download_steps(store.get_url(entry.file), part, entry.size)
        return _stored(store, entry.file, part)


def _stored(store: Any, file: str, source: Path) -> Path:
    """Let pooch check a file against its pinned hash and put it into the cache in one step."""
    import pooch

    def deliver(_url: str, target: str, _store: object) -> None:
        shutil.copy(source, target)  # with its permissions: pooch's temporary file is closed to others

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)  # pooch announces a download, which this is not
    try:
        return Path(store.fetch(file, downloader=deliver))
    except ValueError as error:
        raise WrongHashError(
            f"{file}, as {store.base_url} has it, is not the file that this version of napari-wnet was released with "
            f"(its SHA-256 differs), so it was not kept. Reinstall or upgrade napari-wnet, or check {URL_VARIABLE}."
        ) from error
    finally:
        logger.setLevel(level)


@contextmanager
def _cache_errors(places: Places) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"The model cache {places.cache} cannot be used ({error.strerror or error}). Free some space, or set "
            f"{CACHE_VARIABLE} to a folder that can be written."
        ) from error


def _matches(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False
