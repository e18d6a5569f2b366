"""Work on images that was saved, in this window's project folder and in those of other windows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from napari_wnet.errors import ProjectError, WNetError
from napari_wnet.home import data_folder
from napari_wnet.project import ImageState, ProjectFolder, ProjectState, load_project

FOLDER_VARIABLE = "NAPARI_WNET_PROJECT"
MAX_IMAGES = 50
"""Images that are remembered; the oldest go."""
MAX_BYTES = 400 * 2**20
"""Memory for the labels of images that are remembered."""
MAX_EARLIER = 3
"""Earlier labels of an image that are kept beside those that are worked on now."""
MAX_WINDOWS = 9
"""Windows that are open at once; each has a folder of its own."""
SAVED_AT = "saved_at"
_ours: set[tuple[str, str]] = set()
"""Image and labels that this program has saved: a dock that is opened anew has no earlier work in them."""


def default_folder() -> Path:
    """Return the folder for autosaves: from the environment, else among the user's data."""
    return data_folder(FOLDER_VARIABLE, "autosave")


def training_folder() -> Path:
    """Return the folder of the training that goes on, beside that for autosaves: it outlives a crash, nothing else."""
    folder = default_folder()
    return folder.with_name(f"{folder.name}-training")


@dataclass(eq=False)
class Archive:
    """What this window saves, and finds again; its methods can be called from any thread.

    Attributes
    ----------
    note : callable
        Is told what is wrong with a folder.
    """

    note: Callable[[str], None]
    _project: ProjectFolder | None = None
    _known: dict[str, ImageState] = field(default_factory=dict)
    _earlier: dict[str, ImageState] = field(default_factory=dict)
    _opening: threading.Lock = field(default_factory=threading.Lock)

    @property
    def folder(self) -> Path | None:
        """Where this window saves; None before the first save or search."""
        return None if self._project is None else self._project.folder

    def save(self, states: Sequence[ImageState]) -> None:
        """Save images beside those that are known; what was found of them and not restored stays with them.

        Raises
        ------
        WNetError
            If no folder can be used, or something could not be written.
        """
        project = self._open()
        for state in states:
            self._known.pop(state.sha256, None)
            self._known[state.sha256] = _with_earlier(state, self._earlier.get(state.sha256))  # the newest comes last
            _ours.update((state.sha256, labels.name) for labels in state.labels)
        _forget_oldest(self._known, len(states))
        project.save(ProjectState(images=tuple(self._known.values())))

    def find(self, sha256: str) -> ImageState | None:
        """Return the newest that any window has saved of an image."""
        own = self._open().folder
        found = [self._known[sha256]] if sha256 in self._known else []
        for folder in _folders(default_folder()):
            if folder != own and folder.is_dir():
                found += _saved_there(folder, sha256)
        return max(found, key=_saved_at, default=None)

    def restored(self, sha256: str, left: Collection[str] = ()) -> None:
        """Note that the earlier work on an image is open now: what is saved from now on takes its place.

        Parameters
        ----------
        sha256 : str
        left : collection of str
            Names of labels that could not be opened; they stay with what is saved.
        """
        earlier = self._earlier.pop(sha256, None)
        kept = () if earlier is None else tuple(labels for labels in earlier.labels if labels.name in left)
        if earlier is not None and kept:
            self._earlier[sha256] = replace(earlier, labels=kept)

    def close(self) -> None:
        """Let other windows have the folder."""
        if self._project is not None:
            self._project.close()
        self._project = None

    def _open(self) -> ProjectFolder:
        """Open the first folder that can be used, and read what is in it."""
        with self._opening:
            if self._project is None:
                self._project, state = _first_usable(default_folder(), self.note)
                self._known = {one.sha256: one for one in state.images}
                self._earlier = {one.sha256: _of_others(one) for one in state.images}
                for problem in state.problems:
                    self.note(problem)
            return self._project


def _saved_at(state: ImageState) -> str:
    return str(state.settings.get(SAVED_AT, ""))


def _of_others(state: ImageState) -> ImageState:
    return replace(state, labels=tuple(labels for labels in state.labels if (state.sha256, labels.name) not in _ours))


def _with_earlier(state: ImageState, earlier: ImageState | None) -> ImageState:
    """Return a state with the labels of an earlier one that it does not replace, under names of their own."""
    if earlier is None:
        return state
    names = {labels.name for labels in state.labels}
    kept = [
        replace(labels, name=f"{labels.name} ({_saved_at(earlier)})") if labels.name in names else labels
        for labels in earlier.labels[:MAX_EARLIER]
    ]
    return replace(state, labels=(*state.labels, *kept))


def _folders(base: Path) -> list[Path]:
    """Return the folders of the windows that can be open at once."""
    return [base, *(base.with_name(f"{base.name}-{number}") for number in range(2, MAX_WINDOWS + 1))]


def _first_usable(base: Path, note: Callable[[str], None]) -> tuple[ProjectFolder, ProjectState]:
    """Open the first folder that no other window has and that is not damaged or a newer version's; read it.

    Raises
    ------
    WNetError
        If there is none.
    """
    refusal: ProjectError | None = None
    for folder in _folders(base):
        try:
            project = ProjectFolder(folder)
        except ProjectError as error:  # another window's
            refusal = error
            continue
        try:
            return project, project.load()
        except ProjectError as error:
            project.close()
            note(f"{error} Edits go to another folder meanwhile.")
            refusal = error
    raise refusal or ProjectError(f"There is no folder to save in beside {base}.")


def _saved_there(folder: Path, sha256: str) -> list[ImageState]:
    """Return what another window saved of an image."""
    try:
        return [state for state in load_project(folder).images if state.sha256 == sha256]
    except WNetError:
        return []  # its own window says what is wrong with it


def _forget_oldest(known: dict[str, ImageState], least: int) -> None:
    """Forget the oldest images, less the newest few, until all are within bounds."""
    sizes = [sum(one.labels.nbytes for one in state.labels) for state in known.values()]
    while len(known) > least and (len(known) > MAX_IMAGES or sum(sizes) > MAX_BYTES):
        del known[next(iter(known))]
        del sizes[0]
