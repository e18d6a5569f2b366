"""A project folder: saved so that a kill at any moment leaves it as it was before or as it is after, never between.

A save writes the arrays that have changed into new files, then puts a new ``project.json``, which names the files, in
the place of the old one in one step, and only then removes the files that no ``project.json`` names any more.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import threading
import time
from pathlib import Path
from typing import Self

import numpy as np

from napari_wnet.atomic import PARTIAL, write_text
from napari_wnet.errors import ImageError, ProjectError
from napari_wnet.lock import FolderLock
from napari_wnet.project.arrays import FILE_NAME, ArrayRecord, fetch, file_size, store
from napari_wnet.project.parse import damaged, parse_record
from napari_wnet.project.record import MAX_BYTES, ImageRecord, LabelsRecord, Record, format_record, labels_record
from napari_wnet.project.state import Array, ImageState, LabelsState, ProjectState

RECORD = "project.json"
UNREAD = "unread-"
"""Put before the name of a file that could not be read, so that no save removes it."""
UNFINISHED = re.compile(r"\.[0-9a-f]{16}" + re.escape(PARTIAL))
STALE_S = 3600.0
"""Age from which an unfinished file is taken for one that nobody will finish."""


class ProjectFolder:
    """A project folder that this window has to itself; usable as a context manager, and from any thread.

    Parameters
    ----------
    folder : str or Path
        Made if need be.

    Raises
    ------
    ProjectError
        If another window has it.
    OutputError
        If the folder cannot be written to.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._lock = FolderLock(self.folder)
        self._busy = threading.Lock()
        self._unread: frozenset[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load(self) -> ProjectState:
        """Read what was saved last; see :func:`load_project`."""
        with self._busy:
            state, self._unread = _load(self.folder)
            return state

    def save(self, state: ProjectState) -> tuple[str, ...]:
        """Save a state in place of the last one, and return the names of the arrays' files that had to be written.

        What was in the folder but could not be read stays, under a name that begins with ``unread-``.

        Raises
        ------
        ProjectError
            If the folder was closed, or holds a damaged ``project.json`` or one from a newer version: nothing is
            changed then.
        OutputError
            If something could not be written, or the settings are not for JSON: the last save is still there.
        """
        with self._busy:
            if not self._lock.held:
                raise ProjectError(f"{self.folder} was closed; open it again to save.")
            if self._unread is None:  # what was never asked for must not be lost either
                self._unread = _load(self.folder)[1]
            written = _save(self.folder, state, self._unread)
            self._unread = frozenset()
            return written

    def close(self) -> None:
        """Let other windows have the folder, once a save that is under way is done."""
        with self._busy:
            self._lock.release()


def save_project(folder: str | Path, state: ProjectState) -> tuple[str, ...]:
    """Save a state into a folder, once; see :meth:`ProjectFolder.save`."""
    with ProjectFolder(folder) as project:
        return project.save(state)


def load_project(folder: str | Path) -> ProjectState:
    """Read a project folder.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    ProjectState
        Empty if there is no ``project.json``. Labels whose file is missing or damaged are left out, and `problems`
        says so.

    Raises
    ------
    ProjectError
        If ``project.json`` cannot be read, is damaged, or was made by a newer version.
    """
    return _load(Path(folder))[0]


def _load(folder: Path) -> tuple[ProjectState, frozenset[str]]:
    """Return the state and the names of the files that could not be read."""
    record = _read_record(folder)
    if record is None:
        return ProjectState(), frozenset()
    problems, unread = list(record.problems), set[str]()
    images = []
    for image in record.images:
        labels = [_load_labels(folder, image.name, labels, problems, unread) for labels in image.labels]
        values = {**vars(image), "labels": tuple(item for item in labels if item is not None)}
        images.append(ImageState(**values))
    state = ProjectState(images=tuple(images), settings=record.settings, problems=tuple(problems))
    return state, frozenset(unread)


def _load_labels(
    folder: Path, image: str, record: LabelsRecord, problems: list[str], unread: set[str]
) -> LabelsState | None:
    def read(array: ArrayRecord | None) -> Array | None:
        if array is None:
            return None
        try:
            found, as_written = fetch(folder, array)
        except ImageError as error:
            unread.add(array.file)
            problems.append(f"'{record.name}' of '{image}' is not complete: {error}.")
            return None
        if not as_written:
            problems.append(f"'{record.name}' of '{image}' was changed by another program ({array.file}).")
        return found

    labels, cleared = read(record.labels), read(record.cleared)
    if labels is None:
        return None
    return LabelsState(
        name=record.name,
        labels=labels.astype(np.int32),
        cleared=None if cleared is None else cleared.astype(bool),
        done=record.done,
        locked=record.locked,
        seeds=None if record.seeds is None else np.array(record.seeds, float).reshape(-1, labels.ndim),
        corner=record.corner,
    )


def _read_record(folder: Path) -> Record | None:
    path = folder / RECORD
    try:
        if not path.exists():
            return None
        size = file_size(path)
        if size is None or size > MAX_BYTES:
            raise damaged(path, "it is no file, or much too large")
        return parse_record(path.read_bytes(), path)
    except OSError as error:
        raise ProjectError(f"{path} cannot be read ({error.strerror or error}); check its permissions.") from error


def _save(folder: Path, state: ProjectState, unread: frozenset[str]) -> tuple[str, ...]:
    before = _read_record(folder)
    known = {} if before is None else before.files
    project = secrets.token_hex(4) if before is None else before.project
    written: dict[str, ArrayRecord] = {}

    def keep(kind: str, array: Array) -> ArrayRecord:
        record = store(folder, f"{kind}-{project}", array, {**known, **written})
        if known.get(record.file) is not record:
            written[record.file] = record
        return record

    try:
        images = []
        for image in state.images:
            labels = tuple(
                labels_record(
                    item,
                    keep("labels", item.labels),
                    None if item.cleared is None else keep("cleared", item.cleared),
                )
                for item in image.labels
            )
            images.append(ImageRecord(**{**vars(image), "labels": labels}))
        record = Record(project=project, images=tuple(images), settings=state.settings)
        write_text(folder / RECORD, format_record(record), overwrite=True)
    except BaseException:
        _take_back(folder, set(written) - set(known))
        raise
    _clean(folder, record, unread)
    return tuple(written)


def _clean(folder: Path, record: Record, unread: frozenset[str]) -> None:
    """Remove what is of this project and named by nothing; what cannot be removed now is at the next save."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            match = FILE_NAME.fullmatch(path.name)
            if match is not None and match["project"] == record.project and path.name not in record.files:
                if path.name in unread:
                    path.rename(path.with_name(UNREAD + path.name))
                else:
                    _remove(path)
            elif UNFINISHED.fullmatch(path.name) and time.time() - path.lstat().st_mtime > STALE_S:
                _remove(path)


def _take_back(folder: Path, names: set[str]) -> None:
    """Remove what a save that failed has written, so that a full disk does not get fuller."""
    with contextlib.suppress(ProjectError):
        record = _read_record(folder)  # it may have failed, or been interrupted, after all was in place
        for name in names - set({} if record is None else record.files):
            _remove(folder / name)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
