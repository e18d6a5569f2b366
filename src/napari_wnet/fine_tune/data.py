"""From pairs of image and labels, as a person gives them, to pieces that train and pieces that are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.holdout import ImageSplit, Rectangle, hold_out
from napari_wnet.core.image import (
    FloatImage,
    check_image,
    is_informative,
    nearest_plane,
    normalize,
    resize_plane,
    scaled_shape,
    to_planes,
)
from napari_wnet.core.partial import Mask, Supervision, n_known, supervision
from napari_wnet.errors import TrainingError, WNetError
from napari_wnet.network.checkpoint import Model
from napari_wnet.network.dataset import Sample
from napari_wnet.params import AUTO, NormalizeParams
from napari_wnet.train_data import pixels_sha256
from napari_wnet.train_params import TrainParams

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingPair:
    """An image with labels to learn from.

    Attributes
    ----------
    image : (Y, X), (Y, X, 3), (Y, X, 4) or (C, Y, X) array
        Grey, colour (alpha is dropped), or with channels first; any real type.
    labels : (Y, X) integer array
        0 is background.
    name : str
        By default the image's place in the list.
    region : (Y, X) mask, optional
        Everything within is labelled; elsewhere the labels say nothing.
    done : collection of int, optional
        Numbers of the objects that are right; all else says nothing. With a region too, either counts.
    """

    image: Array
    labels: Array
    name: str = ""
    region: Array | None = None
    done: Collection[int] | None = None

    @property
    def mode(self) -> str:
        """What is learned from: "everything", "region", "done" or "region and done"."""
        parts = [name for name in ("region", "done") if getattr(self, name) is not None]
        return " and ".join(parts) or "everything"

    def planes(self) -> Array:
        """Return the image as (C, Y, X).

        Raises
        ------
        ImageError
            If it cannot be used.
        """
        image = np.asarray(self.image)
        check_image(image, f"Image {self.name}")
        if image.ndim > 3:
            raise TrainingError(f"Image {self.name} has shape {image.shape}; train on single planes, each with labels.")
        colour = image.ndim == 3 and image.shape[-1] in (3, 4) and image.shape[0] > 4
        planes = to_planes(image, rgb=colour, channel_axis=None if colour or image.ndim == 2 else 0)
        return planes[:3] if colour else planes

    def provenance(self, split: ImageSplit) -> dict[str, Any]:
        """Return what a model says of an image it learned from."""
        parts = {"train": split.train, "held_out": split.held_out}
        return {
            "name": self.name,
            "mode": self.mode,
            "image_sha256": _digest(self.image),
            "labels_sha256": _digest(self.labels),
            **({} if self.region is None else {"region_sha256": _digest(self.region)}),
            **({} if self.done is None else {"done": sorted(int(number) for number in self.done)}),
            **{use: None if part is None else list(vars(part).values()) for use, part in parts.items()},
        }


def _digest(array: Array) -> str:
    values = np.ascontiguousarray(array)
    return hashlib.sha256(f"{values.dtype}{values.shape}".encode() + values.tobytes()).hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """A part of an image that is held out, at the image's own size.

    Attributes
    ----------
    name : str
    rectangle : Rectangle
        Where it lies in the image.
    image, current_image : (C, Y, X) float32 arrays
        Normalised with the whole image's statistics as the new, and as the current model wants it.
    labels : (Y, X) integer array
        Numbers as in the whole image.
    known : (Y, X) bool array or None
        Where these count; objects that lie mostly in the other piece do not.
    """

    name: str
    rectangle: Rectangle
    image: FloatImage
    current_image: FloatImage
    labels: Array
    known: Mask | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """All that a fine-tuning reads.

    `diameter` is the objects' median in px of the images, `scale` what the images are multiplied by for the network.
    """

    pairs: tuple[TrainingPair, ...]
    splits: tuple[ImageSplit, ...]
    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    pieces: tuple[Piece, ...]
    diameter: float
    scale: float
    in_channels: int


def prepare(pairs: Sequence[TrainingPair], base: Model, params: TrainParams) -> Prepared:
    """Check pairs, bring them to the network's size, and hold pieces out.

    Raises
    ------
    WNetError
        If a pair cannot be used or there is too little to learn from; the message names the pair and the remedy.
    """
    ordered = named(pairs)
    images = [pair.planes() for pair in ordered]
    channels = {pair.name: image.shape[0] for pair, image in zip(ordered, images, strict=True)}
    if len(set(channels.values())) > 1:
        listed = ", ".join(f"{name}: {count}" for name, count in channels.items())
        raise TrainingError(f"The images have different numbers of channels ({listed}); train on images of one kind.")
    _check_distinct(ordered, images)
    true = [_checked(pair, image) for pair, image in zip(ordered, images, strict=True)]
    splits = hold_out([one.labels for one in true], [one.known for one in true])
    diameter = _diameter(ordered, images, true)
    scale = _scale(diameter, base, params)
    train, validation, pieces = [], [], []
    for pair, image, one, split in zip(ordered, images, true, splits, strict=True):
        normed = normalize(image, params.normalize)
        if split.train is not None:
            train.append(_sample(pair, normed, (split.train, scale)))
        if split.held_out is not None:
            current = normed if _alike(params, base) else normalize(image, base.header.params.normalize)
            known = _held_known(one, split.held_out)
            pieces.append(_piece(pair, (normed, current), split.held_out, known))
            validation.append(_with_known(_sample(pair, normed, (split.held_out, scale)), known))
    return Prepared(
        pairs=ordered,
        splits=splits,
        train=tuple(train),
        validation=tuple(validation),
        pieces=tuple(pieces),
        diameter=diameter,
        scale=scale,
        in_channels=images[0].shape[0],
    )


def plan_splits(pairs: Sequence[TrainingPair]) -> dict[str, ImageSplit]:
    """Return which part of each image would train and which would be held out, by the image's name.

    Raises
    ------
    WNetError
        If a pair cannot be used or too few objects are labelled; the message names the remedy.
    """
    ordered = named(pairs)
    images = [pair.planes() for pair in ordered]
    _check_distinct(ordered, images)
    true = [_checked(pair, image) for pair, image in zip(ordered, images, strict=True)]
    splits = hold_out([one.labels for one in true], [one.known for one in true])
    return {pair.name: split for pair, split in zip(ordered, splits, strict=True)}


def named(pairs: Sequence[TrainingPair]) -> tuple[TrainingPair, ...]:
    """Return the pairs with a name each, sorted by it, so that their order of opening does not matter.

    Raises
    ------
    TrainingError
        If there are none or a name comes twice.
    """
    if not pairs:
        raise TrainingError("There is nothing to train on; give at least one image with labels.")
    given = [pair if pair.name else replace(pair, name=f"image {place}") for place, pair in enumerate(pairs, start=1)]
    names = [pair.name for pair in given]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TrainingError(f"The names {', '.join(twice[:3])} come twice; give each image a name of its own.")
    return tuple(sorted(given, key=lambda pair: pair.name))


def _check_distinct(pairs: Sequence[TrainingPair], images: Sequence[Array]) -> None:
    """Refuse an image that comes twice: of two copies one would train what the other judges."""
    known: dict[str, str] = {}
    for pair, image in zip(pairs, images, strict=True):
        if is_informative(image):  # two empty images are not the same image
            first = known.setdefault(pixels_sha256(image), pair.name)
            if first != pair.name:
                raise TrainingError(
                    f"{first} and {pair.name} are the same image, so the verdict would be too good. Put all labels of "
                    "an image into one layer or file, or leave one of the two out."
                )


def _checked(pair: TrainingPair, image: Array) -> Supervision:
    labels = np.asarray(pair.labels)
    Sample.checked(pair.name, image, labels)
    try:
        true = supervision(labels, pair.region, pair.done)
    except WNetError as error:
        raise TrainingError(f"{pair.name}: {error}") from error
    if pair.region is not None and not np.any(pair.region):
        raise TrainingError(f"The region of {pair.name} covers nothing; draw it around what is labelled, or remove it.")
    return true


def _diameter(pairs: Sequence[TrainingPair], images: Sequence[Array], true: Sequence[Supervision]) -> float:
    """Return the median over all images' typical diameters, each weighed by its number of objects."""
    each = []
    for pair, image, one in zip(pairs, images, true, strict=True):
        sample = Sample(name=pair.name, image=image, labels=one.labels.astype(np.int64), known=one.known)
        each += [sample.diameter()] * n_known(one.labels, one.known)
    return float(np.median(each))


def _scale(diameter: float, base: Model, params: TrainParams) -> float:
    if params.normalize.diameter == AUTO:
        raise TrainingError("The labels say how large the objects are; leave out --diameter, or give a number.")
    if params.normalize.diameter > 0:
        if base.header.diameter == 0:
            raise TrainingError(
                "The base model does not say what object diameter it knows; set the object diameter to 0."
            )
        return base.header.diameter / params.normalize.diameter
    return min(1.0, params.largest_diameter / diameter) if params.largest_diameter > 0 else 1.0


def _alike(params: TrainParams, base: Model) -> bool:
    return _intensities(params.normalize) == _intensities(base.header.params.normalize)


def _intensities(params: NormalizeParams) -> NormalizeParams:
    return params.replace(diameter=0.0)


def _sample(pair: TrainingPair, normed: FloatImage, where: tuple[Rectangle, float]) -> Sample:
    """Cut a piece out and bring it to the network's size; cut first, so that no pixel's value gets across."""
    rectangle, scale = where
    part = rectangle.slices
    image, labels = normed[:, *part], np.asarray(pair.labels)[part]
    region = None if pair.region is None else np.asarray(pair.region)[part] != 0
    if scale != 1.0:
        shape = scaled_shape((labels.shape[0], labels.shape[1]), scale)
        image, labels = resize_plane(image, shape), nearest_plane(labels, shape)
        region = None if region is None else nearest_plane(region, shape)
    return Sample.checked(pair.name, np.ascontiguousarray(image), labels, region=region, done=pair.done)


def _held_known(true: Supervision, part: Rectangle) -> Mask | None:
    """Return where the labels of a held-out piece count: not in objects of which more lies on the other side."""
    values, places = np.unique(true.labels, return_inverse=True)
    places = places.reshape(true.labels.shape)
    area = np.bincount(places.ravel())
    inside = np.bincount(places[part.slices].ravel(), minlength=area.size)
    foreign = (2 * inside < area) & (values > 0) & (inside > 0)
    known = None if true.known is None else true.known[part.slices]
    if not foreign.any():
        return known
    own: Mask = ~foreign[places[part.slices]]
    return own if known is None else known & own


def _piece(
    pair: TrainingPair, images: tuple[FloatImage, FloatImage], rectangle: Rectangle, known: Mask | None
) -> Piece:
    part = rectangle.slices
    image, current = (one[:, *part] for one in images)
    labels = np.asarray(pair.labels)[part]
    return Piece(name=pair.name, rectangle=rectangle, image=image, current_image=current, labels=labels, known=known)


def _with_known(sample: Sample, known: Mask | None) -> Sample:
    if known is None:
        return sample
    return replace(sample, known=nearest_plane(known, (sample.labels.shape[0], sample.labels.shape[1])), ring=None)
