"""What the Models dock does outside the GUI thread: generators without Qt."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_wnet.network.addition import Addition
from napari_wnet.reports import Progress

if TYPE_CHECKING:
    from napari_wnet.network.shelf import ShelvedModel

# Each generator imports what it needs by itself: torch takes seconds, and not on the GUI thread.


@dataclass(frozen=True, kw_only=True)
class Change:
    """What was done with the models.

    Attributes
    ----------
    said : str
        In words for the user.
    name : str
        Which model is to be looked at now; empty: the same as before.
    renamed : (str, str) or None
        Names before and now.
    """

    said: str
    name: str = ""
    renamed: tuple[str, str] | None = None


def shelved_steps() -> Generator[Progress, None, tuple[ShelvedModel, ...]]:
    """List all models with what their files say; see :func:`napari_wnet.network.shelf.shelf_steps`."""
    yield Progress(done=0, total=0, what="looking for models")
    from napari_wnet.network.shelf import shelf_steps

    return (yield from shelf_steps())


def added_steps(addition: Addition) -> Generator[Progress, None, Change]:
    """Put a model among the user's own.

    Raises
    ------
    WNetError
        As :func:`napari_wnet.network.own.add_steps`.
    """
    yield Progress(done=0, total=0, what="getting ready")
    from napari_wnet.network.own import add_steps

    name = (yield from add_steps(addition)).stem
    checked = ", its SHA-256 as expected" if addition.sha256.strip() else ""
    return Change(said=f"'{name}' is added{checked}. It can be chosen in every dock.", name=name)


def renamed_steps(name: str, new: str) -> Generator[Progress, None, Change]:
    """Rename one of the user's own models.

    Raises
    ------
    WNetError
        As :func:`napari_wnet.network.own.rename_model`.
    """
    yield Progress(done=0, total=0, what="renaming")
    from napari_wnet.network.own import rename_model

    now = rename_model(name, new).stem
    return Change(said=f"'{name}' is called '{now}' from now on.", name=now, renamed=(name, now))


def removed_steps(name: str) -> Generator[Progress, None, Change]:
    """Delete one of the user's own models.

    Raises
    ------
    WNetError
        As :func:`napari_wnet.network.own.remove_model`.
    """
    yield Progress(done=0, total=0, what="removing")
    from napari_wnet.network.own import remove_model

    remove_model(name)
    return Change(said=f"Your model '{name}' is removed.")


def fetched_steps() -> Generator[Progress, None, Change]:
    """Bring all models of the package onto this machine, checked.

    Raises
    ------
    WNetError
        As :func:`napari_wnet.network.shelf.fetch_all_steps`.
    """
    yield Progress(done=0, total=0, what="getting ready")
    from napari_wnet.network.shelf import fetch_all_steps

    n_models = len((yield from fetch_all_steps()))
    return Change(
        said=f"The {n_models} models that come with napari-wnet, that of the Repair dock included, are checked and "
        "work offline."
    )
