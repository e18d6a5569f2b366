"""What was measured of the package's models after their training: a card beside each, ``NAME.card.json``.

A model's own header holds what its training knew. Scores on other images and known failures come later, and a file
whose hash is pinned cannot be changed for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_wnet.errors import ModelError
from napari_wnet.json_values import read_json, value_of
from napari_wnet.network.catalog import Places, package_entries

CARD_SUFFIX = ".card.json"


@dataclass(frozen=True, kw_only=True)
class MeasuredSet:
    """Scores on one set of images.

    Attributes
    ----------
    title : str
        Which images, and with which foreground.
    seen : str
        What training knew of them.
    n_images, n_objects : int
    scores : dict of str to float
        Means over the images, and pooled over all objects under ``pooled_...``.
    by_size : tuple of dict
        For each class of size: ``label``, ``n_true``, ``recall`` at an IoU of .5, ``best_dice``.
    """

    title: str
    seen: str
    n_images: int
    n_objects: int
    scores: dict[str, float]
    by_size: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class MeasuredCard:
    """What was measured of one file.

    Attributes
    ----------
    sha256 : str
        Of the model's file; of another file the card says nothing.
    sets : tuple of MeasuredSet
    limits : tuple of str
        Known failures, a sentence or two each.
    command : str
        With which it was measured.
    """

    sha256: str
    sets: tuple[MeasuredSet, ...] = ()
    limits: tuple[str, ...] = ()
    command: str = field(default="")


def card_path(model: Path) -> Path:
    """Return where the card of a model's file is."""
    return model.with_name(model.name.removesuffix(".safetensors") + CARD_SUFFIX)


def read_measured(path: Path, sha256: str) -> MeasuredCard | None:
    """Read a card; None where there is none, or it is of another file than the one with this hash.

    Raises
    ------
    ModelError
        If it is damaged.
    """
    try:
        values = read_json(path)
        sets = tuple(_measured_set(one) for one in values["sets"])
        limits = tuple(str(text) for text in values.get("limits", ()))
        card = MeasuredCard(**{**values, "sets": sets, "limits": limits, "sha256": value_of(values, "sha256", str)})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ModelError(f"The card {path.name} is damaged ({error}). Reinstall napari-wnet.") from error
    return card if card.sha256 == sha256 else None


def _measured_set(values: dict[str, Any]) -> MeasuredSet:
    scores = {str(name): float(score) for name, score in value_of(values, "scores", dict).items()}
    counts = {name: value_of(values, name, int) for name in ("n_images", "n_objects")}
    texts = {name: value_of(values, name, str) for name in ("title", "seen")}
    by_size = tuple(dict(row) for row in value_of(values, "by_size", list))
    return MeasuredSet(**{**values, **texts, **counts, "scores": scores, "by_size": by_size})


def bundled_card(sha256: str, places: Places | None = None) -> MeasuredCard | None:
    """Return the card of the package's model with this hash; None where it is no model of the package.

    Raises
    ------
    ModelError
        If it is damaged.
    """
    package = (places or Places.from_environment()).package
    files = [entry.file for entry in package_entries(package) if entry.sha256 == sha256]
    return read_measured(card_path(package / files[0]), sha256) if files else None


def told(card: MeasuredCard) -> dict[str, str]:
    """Return a card as words with what they mean, as :func:`napari_wnet.network.card.card` does for a header.

    Known failures come first, then scores, those on images that nobody looked at before the others.
    """
    facts = {f"limit {number}": text for number, text in enumerate(card.limits, 1)}
    for one in reversed(card.sets):
        names = {"symmetric_best_dice": "mSBD", "mean_average_precision": "mAP", "abs_count_difference": "count error"}
        names |= {f"average_precision_{threshold:g}": f"AP {threshold:g}" for threshold in (0.5, 0.75, 0.9)}
        scores = ", ".join(f"{names[key]} {value:.3g}" for key, value in one.scores.items() if key in names)
        facts[one.title] = f"{scores}, {one.n_objects} objects, {one.seen}"
    return facts
