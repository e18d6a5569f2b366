"""Training crops with their targets, each a function of the seed and its running number alone."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from skimage.measure import label as connected_parts
from torch.utils.data import DataLoader, Dataset

from napari_wnet.core.image import apply_range, check_image, intensity_range, normalize, resize_plane
from napari_wnet.core.labels import present_labels
from napari_wnet.core.partial import Mask, countable, nearest_object, supervision
from napari_wnet.core.targets import all_pairs, distance_map, drop_small, neighbours
from napari_wnet.errors import ImageError, TrainingError
from napari_wnet.network.augment import vary_intensities, warp, warp_coordinates, whole_coordinates
from napari_wnet.network.losses import Targets
from napari_wnet.params import NormalizeParams
from napari_wnet.train_params import TrainParams

Crop = tuple[torch.Tensor, ...]
"""Image (C, Y, X), labels (Y, X), distance (1, Y, X) and pairs of neighbours (N, 2).

Where some image is labelled in part, also what is known (Y, X) and beside which object a pixel lies (Y, X).
"""
KNOWN, RING = 1, 2
"""A pixel's state in the map that is warped along with the labels; 0: nothing is said of it."""
OBJECT_CENTRED = 0.7
"""Share of the crops centred on an object: sparse images would give mostly empty ones."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """One annotated image.

    Attributes
    ----------
    name : str
    image : (C, Y, X) array
        As stored; intensities are normalised with the whole image's statistics when a crop is drawn.
    labels : (Y, X) int32 array
        Objects 1..K; those of which nothing is known are left out.
    known : (Y, X) bool array or None
        Where the labels, background included, are true; None: everywhere.
    ring : (Y, X) bool array or None
        Pixels beside objects ticked as done that belong to none of them.
    """

    name: str
    image: npt.NDArray[Any]
    labels: npt.NDArray[np.int32]
    known: Mask | None = None
    ring: Mask | None = None

    @classmethod
    def checked(
        cls,
        name: str,
        image: npt.NDArray[Any],
        labels: npt.NDArray[Any],
        *,
        region: npt.ArrayLike | None = None,
        done: Collection[int] | None = None,
    ) -> Self:
        """Make a sample of (C, Y, X) and (Y, X), labelled in part where a region or the objects done are given.

        Raises
        ------
        ImageError
            If either cannot be used, or their sizes differ.
        """
        check_image(image, f"Image {name}")
        if image.shape[1:] != labels.shape:
            raise ImageError(
                f"{name}: image and labels differ in size, {image.shape[1:]} against {labels.shape}; "
                "export both at the same size."
            )
        if not np.issubdtype(labels.dtype, np.integer) or labels.min(initial=0) < 0:
            raise ImageError(f"{name}: labels must be whole numbers from 0 up, not {labels.dtype}.")
        true = supervision(labels, region, done)
        values, numbers = present_labels(true.labels)  # however large the numbers are
        objects = (numbers + (values[0] > 0)).reshape(labels.shape)
        return cls(name=name, image=image, labels=objects.astype(np.int32), known=true.known, ring=true.ring)

    @property
    def states(self) -> npt.NDArray[np.uint8]:
        """Return for each pixel whether it is KNOWN, in the RING, or 0."""
        if self.known is None:
            return np.full(self.labels.shape, KNOWN, np.uint8)
        states = np.where(self.known, KNOWN, 0).astype(np.uint8)
        if self.ring is not None:
            states[self.ring & ~self.known] = RING
        return states

    @property
    def n_objects(self) -> int:
        """How many objects are annotated."""
        return int(self.labels.max(initial=0))

    def diameter(self) -> float:
        """Return the median diameter in pixels of a disk of each object's area; 0 without objects."""
        areas = np.bincount(countable(self.labels, self.known).ravel())[1:]
        areas = areas[areas > 0]
        return float(np.median(np.sqrt(4 * areas / np.pi))) if areas.size else 0.0

    def kind(self, params: NormalizeParams) -> tuple[bool, int]:
        """Tell bright from dark ground, and the octave of the object size: images alike in both are one kind."""
        normed = normalize(self.image[:, ::4, ::4], params)
        return bool(np.median(normed) > (normed.min() + normed.max()) / 2), round(np.log2(max(self.diameter(), 1.0)))


class CropDataset(Dataset[Crop]):
    """Endless crops: item `i` depends on the seed and `i` only, so that a resumed run sees what it would have seen.

    Parameters
    ----------
    samples : sequence of Sample
    params : TrainParams
        Its epochs, if any, are turned into steps in the attribute of that name.
    """

    def __init__(self, samples: Sequence[Sample], params: TrainParams, replay: Sequence[Sample] = ()) -> None:
        usable = [sample for sample in samples if sample.n_objects >= params.fewest_objects]
        if not any(sample.n_objects for sample in samples):
            raise TrainingError("No training image has an object; check that the labels belong to these images.")
        if not usable:
            raise TrainingError(f"No training image has {params.fewest_objects} objects; lower --fewest-objects.")
        self.weights = _balanced_weights(usable, params)
        known = [sample for sample in replay if sample.n_objects > 0]
        if known and params.replay > 0:
            shares = (1 - params.replay) * self.weights, params.replay * _balanced_weights(known, params)
            usable, self.weights = [*usable, *known], np.concatenate(shares)
        self.samples = usable
        self.params = _counted(params, len(usable))
        self.ranges = [intensity_range(sample.image, params.normalize) for sample in usable]
        self.centres = [_centres(countable(sample.labels, sample.known)) for sample in usable]
        self.places = [None if sample.known is None else np.flatnonzero(sample.known) for sample in usable]
        partial = any(sample.known is not None for sample in usable)
        self.states = [sample.states for sample in usable] if partial else None

    def __getitem__(self, index: int) -> Crop:
        params = self.params
        rng = np.random.default_rng([params.seed, index])
        chosen = self._turn(index) if params.whole else int(rng.choice(len(self.samples), p=self.weights))
        sample = self.samples[chosen]
        if params.whole:
            coordinates = whole_coordinates(sample.labels.shape, params.crop_size)
            raw = resize_plane(sample.image, (params.crop_size, params.crop_size))
        else:
            coordinates = warp_coordinates(rng, params.crop_size, self._centre(rng, chosen), params.augment)
            raw = warp(sample.image, coordinates, order=1)
        labels = _apart(warp(sample.labels, coordinates, order=0), coordinates, sample.labels.shape)
        labels = drop_small(labels, params.smallest_object)
        image = apply_range(raw, self.ranges[chosen], params.normalize)
        image = vary_intensities(image, rng, params.augment)
        distance = distance_map(labels, params.loss.targets)
        local = params.loss.constraint == "local"
        pairs = neighbours(labels, params.loss.neighbour_distance) if local else all_pairs(labels)
        crop = (
            torch.from_numpy(image),
            torch.from_numpy(labels.astype(np.int64)),
            torch.from_numpy(distance[None]),
            torch.from_numpy(pairs),
        )
        if self.states is None:
            return crop
        states = warp(self.states[chosen], coordinates, order=0)
        beside = nearest_object(labels, (states == RING) & (labels == 0))
        return (*crop, torch.from_numpy(states == KNOWN), torch.from_numpy(beside))

    def _turn(self, index: int) -> int:
        """Return which image's turn it is, where all come once before any comes again."""
        epoch, place = divmod(index, len(self.samples))
        order = np.random.default_rng([self.params.seed, epoch]).permutation(len(self.samples))
        return int(order[place])

    def _centre(self, rng: np.random.Generator, chosen: int) -> tuple[float, float]:
        objects, known = self.centres[chosen], self.places[chosen]
        if rng.random() < OBJECT_CENTRED and len(objects):
            return self._jittered(rng, rng.choice(objects))
        height, width = self.samples[chosen].labels.shape
        if known is not None:  # a crop of which nothing is known would teach nothing
            return self._jittered(rng, divmod(int(rng.choice(known)), width))
        return float(rng.uniform(0, height)), float(rng.uniform(0, width))

    def _jittered(
        self, rng: np.random.Generator, place: Sequence[float] | npt.NDArray[np.float64]
    ) -> tuple[float, float]:
        jitter = rng.uniform(-0.25, 0.25, 2) * self.params.crop_size
        return float(place[0] + jitter[0]), float(place[1] + jitter[1])


def _counted(params: TrainParams, n_images: int) -> TrainParams:
    """Return the parameters with epochs, if any, turned into steps."""
    if not params.epochs:
        return params
    return params.replace(steps=math.ceil(params.epochs * n_images / params.batch_size), epochs=0)


def _apart(labels: npt.NDArray[np.int32], coordinates: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Renumber the mirror image of an object beyond the frame as an object of its own."""
    inside = (coordinates >= 0) & (coordinates <= np.array(shape)[:, None, None] - 1)
    if inside.all():
        return labels
    return np.asarray(connected_parts(labels, background=0, connectivity=2))


def _balanced_weights(samples: Sequence[Sample], params: TrainParams) -> npt.NDArray[np.float64]:
    kinds = [sample.kind(params.normalize) for sample in samples]
    sizes = np.array([kinds.count(kind) for kind in kinds], float)
    weights = sizes**-params.balance
    return np.asarray(weights / weights.sum(), np.float64)


def _centres(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    area = np.bincount(labels.ravel())[1:]
    rows, columns = np.nonzero(labels)
    own = labels[rows, columns] - 1
    sums = [np.bincount(own, weights=axis, minlength=len(area)) for axis in (rows, columns)]
    return np.asarray(np.stack(sums, axis=1)[area > 0] / area[area > 0, None], np.float64)


def collate(items: Sequence[tuple[torch.Tensor, ...]]) -> tuple[torch.Tensor, Targets]:
    """Stack crops into a batch; the pairs of neighbours get their image's number in front."""
    pairs = [torch.cat([torch.full((len(item[3]), 1), i), item[3]], dim=1) for i, item in enumerate(items)]
    targets = Targets(
        labels=torch.stack([item[1] for item in items]),
        distance=torch.stack([item[2] for item in items]),
        pairs=torch.cat(pairs),
        known=torch.stack([item[4] for item in items]) if len(items[0]) > 4 else None,
        ring=torch.stack([item[5] for item in items]) if len(items[0]) > 4 else None,
    )
    return torch.stack([item[0] for item in items]), targets


def batches(dataset: CropDataset, first_step: int) -> Iterable[tuple[torch.Tensor, Targets]]:
    """Return the batches of steps `first_step` up to the planned number, in order."""
    params = dataset.params
    n = params.batch_size
    steps = [list(range(step * n, (step + 1) * n)) for step in range(first_step, params.steps)]
    return DataLoader(
        dataset,
        batch_sampler=steps,
        collate_fn=collate,
        num_workers=params.workers,
        persistent_workers=False,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_one_thread if params.workers else None,
    )


def _one_thread(_worker: int) -> None:
    torch.set_num_threads(1)
