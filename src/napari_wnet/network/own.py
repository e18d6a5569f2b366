"""A person's own models: added, adopted, renamed, removed; only what is a model is ever kept."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from napari_wnet.errors import DownloadError, ModelError, OutputError
from napari_wnet.network.addition import Addition
from napari_wnet.network.catalog import USER_VARIABLE, Places, package_entries
from napari_wnet.network.checkpoint import Model, read_header, read_model, save_model
from napari_wnet.network.container import header_length
from napari_wnet.network.download import check_url, clear_abandoned, download_steps
from napari_wnet.network.names import SUFFIX, check_name, check_sha256, is_name
from napari_wnet.network.registry import WrongHashError
from napari_wnet.reports import Progress

REMEDY = "Check the address and the network, or download the file with a browser and add that."
CHUNK_BYTES = 2**20
PREFIX = ".adding-"


def add_steps(addition: Addition, places: Places | None = None) -> Generator[Progress, None, Path]:
    """Put a model into the user's own folder and return its path; yields progress in bytes.

    The file is written beside its place and moved there once its hash, if one is given, and all of its content
    have been checked: after an error, or when the generator is closed, nothing of it is left.

    Raises
    ------
    ModelError
        If the file is no model, has another SHA-256, or its name cannot be had; DownloadError if it cannot be
        fetched.
    OutputError
        If the folder cannot be written.
    """
    places = places or Places.from_environment()
    expected, name = check_sha256(addition.sha256), addition.proposed_name()
    if name:
        _refuse_taken(name, places)
    source = addition.source
    if addition.is_address:
        check_url(source, REMEDY)
    else:
        read_header(Path(source).expanduser())  # before anything is copied
    with _folder_errors(places):
        places.user.mkdir(parents=True, exist_ok=True)
        clear_abandoned(places.user, PREFIX)
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=places.user) as folder:
            part = Path(folder, "model")
            with _told_of(part, source):
                yield from _arrival_steps(addition, part)
                yield Progress(done=0, total=0, what="checking")
                model = _checked(part, expected, source)
            return _move(part, name or _own_name(model, source), places)


def adopt_model(path: Path, name: str, places: Places | None = None) -> Path:
    """Put a model that was trained here among the user's own, under a name that it also calls itself.

    Raises
    ------
    ModelError
        If the file is no model, or the name cannot be had.
    OutputError
        If the folder cannot be written.
    """
    places, name = places or Places.from_environment(), check_name(name)
    _refuse_taken(name, places)
    model = read_model(path)
    save_model(_path(name, places), model.network, replace(model.header, name=name))
    return _path(name, places)


def rename_model(name: str, new: str, places: Places | None = None) -> Path:
    """Give one of the user's own models another name, and return its path; the file itself does not change.

    Raises
    ------
    ModelError
        If it is not one of the user's own, or the new name cannot be had.
    OutputError
        If the folder cannot be written.
    """
    places = places or Places.from_environment()
    path, new = own_path(name, "renamed", places), check_name(new)
    _refuse_taken(new, places, besides=name)
    with _folder_errors(places):
        if new.casefold() == name.casefold():  # one and the same file on many systems
            return path.rename(_path(new, places))
        return _move(path, new, places)


def remove_model(name: str, places: Places | None = None) -> Path:
    """Delete the file of one of the user's own models, and return where it was.

    Raises
    ------
    ModelError
        If it is not one of the user's own.
    OutputError
        If it cannot be deleted.
    """
    places = places or Places.from_environment()
    path = own_path(name, "removed", places)
    with _folder_errors(places):
        path.unlink()
    return path


def own_path(name: str, what: str, places: Places | None = None) -> Path:
    """Return the file of one of the user's own models, and never another; also where a model of the package hides it.

    Parameters
    ----------
    name : str
    what : str
        What is to be done with it, for the message: "removed".
    places : Places, optional

    Raises
    ------
    ModelError
        If it is not one of the user's own.
    """
    places = places or Places.from_environment()
    names = [known for known in _own_names(places) if is_name(known)]
    if name not in names:
        if name in {entry.name for entry in package_entries(places.package)}:
            raise ModelError(f"'{name}' comes with napari-wnet and cannot be {what}; only models of your own can be.")
        choices = f"choose one of {', '.join(names)}" if names else "you have none yet"
        raise ModelError(f"You have no model '{name[:100]}' that could be {what}: {choices}.")
    return _path(name, places)


def _own_name(model: Model, source: str) -> str:
    try:
        return check_name(model.header.name)
    except ModelError as error:
        raise ModelError(f"{source} does not say what the model is called; give a name.") from error


def _path(name: str, places: Places) -> Path:
    return places.user / f"{name}{SUFFIX}"


def _refuse_taken(name: str, places: Places, besides: str = "") -> None:
    """Refuse a name that exists, in capitals or not: many systems do not tell such files apart."""
    if name.casefold() in {entry.name.casefold() for entry in package_entries(places.package)}:
        raise ModelError(f"A model that comes with napari-wnet is called '{name}'. Give it another name.")
    if name.casefold() in {other.casefold() for other in _own_names(places) if other != besides} or name == besides:
        raise _taken(name)


def _taken(name: str) -> ModelError:
    return ModelError(f"You have a model '{name}' already. Give it another name, or rename or remove that one first.")


def _own_names(places: Places) -> list[str]:
    try:
        return sorted(path.stem for path in places.user.iterdir() if path.suffix == SUFFIX and path.is_file())
    except OSError:  # usually: not there yet
        return []


def _arrival_steps(addition: Addition, part: Path) -> Generator[Progress, None, None]:
    """Bring the file into the folder; what does not begin like a model is not brought to its end."""
    source = addition.source
    if not addition.is_address:
        yield from _copy_steps(Path(source).expanduser(), part)
        return
    checked = False
    with closing(download_steps(source, part, remedy=REMEDY)) as steps:
        for report in steps:
            if not checked and report.done >= 8:
                _check_start(part)
                checked = True
            yield report


def _copy_steps(source: Path, part: Path) -> Generator[Progress, None, None]:
    size, done = source.stat().st_size, 0
    with source.open("rb") as read, part.open("wb") as write:
        while chunk := _read(read, source):
            write.write(chunk)
            done += len(chunk)
            yield Progress(done=done, total=size, what=f"copying {source.name}")


def _read(file: BinaryIO, source: Path) -> bytes:
    try:
        return file.read(CHUNK_BYTES)
    except OSError as error:  # of that disk, not of the one with the user's models
        raise ModelError(
            f"{source} cannot be read ({error.strerror or error}). Copy it to this machine first."
        ) from error


def _check_start(part: Path) -> None:
    with part.open("rb") as file:
        start = file.read(8)
    try:
        header_length(start, part)
    except ModelError as error:
        if start.lstrip().startswith(b"<"):
            raise DownloadError(
                f"{part} is a web page, not a model. Copy the address of the file's own download link, which usually "
                f"ends in {SUFFIX}."
            ) from error
        raise


def _checked(part: Path, expected: str, source: str) -> Model:
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if expected and found != expected:
        raise WrongHashError(
            f"{source} has the SHA-256 {found}, not {expected}: it is another file, so it was not kept. Ask whoever "
            "shared it for the file and its SHA-256 once more."
        )
    return read_model(part)


def _move(file: Path, name: str, places: Places) -> Path:
    """Put a file in its place under a name; whoever was there first stays."""
    _refuse_taken(name, places)
    target = _path(name, places)
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileExistsError as error:
        raise _taken(name) from error
    try:
        return file.replace(target)
    except OSError:
        with suppress(OSError):
            target.unlink()  # or an empty file would hold the name for ever
        raise


@contextmanager
def _told_of(part: Path, source: str) -> Iterator[None]:
    """Have messages name what the person gave, not the file that it is for the time being."""
    try:
        yield
    except ModelError as error:
        raise type(error)(str(error).replace(str(part), source)) from error


@contextmanager
def _folder_errors(places: Places) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"The folder of your models, {places.user}, cannot be used ({error.strerror or error}). Free some space, "
            f"or set {USER_VARIABLE} to a folder that can be written."
        ) from error
