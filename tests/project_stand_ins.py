"""States of a project that differ in everything, and the comparison of two of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_wnet.project import ImageState, LabelsState, ProjectState


def a_state(number: int, side: int = 40) -> ProjectState:
    rng = np.random.default_rng(number)
    labels = rng.integers(0, 50, (side, side - 10)).astype(np.int32)
    layer = LabelsState(
        name=f"labels {number}",
        labels=labels,
        done={(): frozenset({number, 7})},
        locked={(): frozenset({number})},
        cleared=labels > 40,
        seeds=rng.random((3, 2)),
        corner=(number, 10_000),
    )
    image = ImageState(
        name=f"image {number}", path=f"/data/{number}.tif", shape=labels.shape, sha256="ab" * 32, labels=(layer,)
    )
    return ProjectState(images=(image,), settings={"number": number})


def same(one: ProjectState, other: ProjectState) -> bool:
    """Tell whether two states are equal in all but their problems."""
    return (
        one.settings == other.settings
        and len(one.images) == len(other.images)
        and all(map(_same_image, one.images, other.images))
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "project.lock")


def arrays(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.tif"))


def _same_image(one: ImageState, other: ImageState) -> bool:
    plain = ("name", "path", "shape", "sha256", "settings")
    return (
        all(getattr(one, name) == getattr(other, name) for name in plain)
        and len(one.labels) == len(other.labels)
        and all(map(_same_labels, one.labels, other.labels))
    )


def _same_labels(one: LabelsState, other: LabelsState) -> bool:
    plain = all(getattr(one, name) == getattr(other, name) for name in ("name", "done", "locked", "corner"))
    return plain and all(_same_array(getattr(one, n), getattr(other, n)) for n in ("labels", "cleared", "seeds"))


def _same_array(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and np.array_equal(one, other)
