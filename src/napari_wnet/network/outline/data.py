"""What the outline network learns from: objects of annotated images, pointed at as a hand would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor

from napari_wnet.core.prompts import Frame, Prompt
from napari_wnet.errors import TrainingError
from napari_wnet.network.dataset import Sample
from napari_wnet.network.outline.net import LESS, MORE, prompt_channels, read_square, resampled, spots, standardized
from napari_wnet.train_params import OutlineParams

LEAST_SIDE_PX = 3
Example = tuple[Tensor, Tensor, Tensor]
"""Input (6, side, side), the object (side, side) from 0 to 1, and what is inside the image (side, side)."""


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One annotated object: in which sample, its label and bounding box, and the usual size of its like there."""

    sample: int
    label: int
    rows: tuple[int, int]
    columns: tuple[int, int]
    usual_px: float

    @property
    def lengths(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]


def things(samples: Sequence[Sample]) -> list[Thing]:
    """Return the objects that can be learnt from; the smallest are left out, as their outline is a matter of taste."""
    found = []
    for place, sample in enumerate(samples):
        boxes = [(label, box) for label, box in enumerate(ndimage.find_objects(sample.labels), 1) if box is not None]
        usual = float(np.median([_length(box) for _, box in boxes])) if boxes else 0.0
        for label, (rows, columns) in boxes:
            if min(rows.stop - rows.start, columns.stop - columns.start) >= LEAST_SIDE_PX:
                found.append(
                    Thing(
                        sample=place,
                        label=label,
                        rows=(rows.start, rows.stop),
                        columns=(columns.start, columns.stop),
                        usual_px=usual,
                    )
                )
    return found


def _length(box: tuple[slice, ...]) -> int:
    return int(max(side.stop - side.start for side in box))


def drawn_box(thing: Thing, rng: np.random.Generator, hand_px: float, hand_part: float) -> Prompt:
    """Return a box as a hand draws it: each side is off by some pixels or a part of the length, standard deviations."""
    spans = []
    for low, high in (thing.rows, thing.columns):
        off = max(hand_px, hand_part * (high - low))
        start, stop = np.rint(rng.normal((low, high), off)).tolist()
        if stop - start < LEAST_SIDE_PX:
            start, stop = low, max(high, low + LEAST_SIDE_PX)
        spans.append((float(start), float(stop)))
    return Prompt(rows=spans[0], columns=spans[1], exact=True)


def inner_point(mask: npt.NDArray[np.bool_], rng: np.random.Generator) -> tuple[int, int]:
    """Return a pixel in the inner half of a mask."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    inner = np.argwhere(depth >= 0.5 * depth.max())
    row, column = inner[rng.integers(len(inner))]
    return int(row), int(column)


def clicked(thing: Thing, mask: npt.NDArray[np.bool_], rng: np.random.Generator, size_spread: float) -> Prompt:
    """Return a click in the inner half of an object whose size is guessed from that of its like."""
    row, column = inner_point(mask, rng)
    guess = max(thing.usual_px * float(np.exp(rng.normal(0, size_spread))), LEAST_SIDE_PX)
    return Prompt.click((thing.rows[0] + row, thing.columns[0] + column), guess)


def beside(sample: Sample, thing: Thing, prompt: Prompt, rng: np.random.Generator) -> Prompt:
    """Return a prompt with clicks on one or two of the nearest other objects, as somebody makes who parts them."""
    frame = Frame.around(prompt)
    rows, columns = frame.places(sample.labels.shape)
    seen = np.where(frame.inside(sample.labels.shape), sample.labels[rows[:, np.newaxis], columns], 0)
    others = [int(number) for number in np.unique(seen) if number not in (0, thing.label)]
    own = seen == thing.label
    if not others or not own.any():
        return prompt
    far = ndimage.distance_transform_edt(~own)
    nearest = sorted(others, key=lambda number: float(far[seen == number].min()))
    for number in nearest[: int(rng.integers(1, 3))]:
        row, column = inner_point(seen == number, rng)
        prompt = prompt.without((row + frame.top, column + frame.left))
    return prompt


def corrections(odds: Tensor, target: Tensor, seen: Tensor) -> list[tuple[bool, tuple[int, int]] | None]:
    """Return for each outline where somebody would click at what is most wrong with it, and whether that is missing.

    Parameters
    ----------
    odds, target, seen : (B, side, side) tensors
        Log odds, the object from 0 to 1, and what is inside the image.
    """
    found: list[tuple[bool, tuple[int, int]] | None] = []
    for said, own, inside in zip((odds > 0).numpy(), (target > 0.5).numpy(), (seen > 0).numpy(), strict=True):
        parts, count = ndimage.label((said != own) & inside)
        if not count:
            found.append(None)
            continue
        largest = parts == np.bincount(parts.ravel())[1:].argmax() + 1
        depth = ndimage.distance_transform_edt(np.pad(largest, 1))[1:-1, 1:-1]
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        found.append((bool(own[row, column]), (int(row), int(column))))
    return found


def corrected(inputs: Tensor, odds: Tensor, target: Tensor, seen: Tensor) -> Tensor:
    """Return inputs with one click more each, at what is most wrong with the outlines that they gave."""
    shown = inputs.clone()
    for number, click in enumerate(corrections(odds, target, seen)):
        if click is not None:
            missing, place = click
            channel = MORE if missing else LESS
            shown[number, channel] = torch.maximum(shown[number, channel], spots([place], inputs.shape[-1]))
    return shown


def example(sample: Sample, thing: Thing, prompt: Prompt, side: int) -> Example:
    """Return what the network sees and should say of an object that is pointed at."""
    frame = Frame.around(prompt)
    rows, columns = frame.places(sample.labels.shape)
    inside = frame.inside(sample.labels.shape)
    own = (sample.labels[rows[:, np.newaxis], columns] == thing.label) & inside
    square = np.stack([read_square(sample.image, frame), own, inside], dtype=np.float32, casting="unsafe")
    image, target, seen = resampled(torch.from_numpy(square), side)
    seen = (seen > 0.5).float()
    return (
        torch.cat([standardized(image, seen)[None], prompt_channels(prompt, frame, side), seen[None]]),
        target,
        seen,
    )


def varied(drawn: Example, rng: np.random.Generator, params: OutlineParams) -> Example:
    """Turn and mirror an example, and change its intensities."""
    turned = torch.cat([drawn[0], drawn[1][None], drawn[2][None]])
    if rng.random() < 0.5:
        turned = turned.transpose(-1, -2)
    axes = [axis for axis in (-2, -1) if rng.random() < 0.5]
    turned = turned.flip(axes) if axes else turned
    channels, target, seen = turned[:-2].clone(), turned[-2], turned[-1]
    image = channels[0]
    bent = image.sign() * image.abs() ** float(np.exp(rng.uniform(-params.gamma, params.gamma)))
    if rng.random() < params.inverted:
        bent = -bent
    noise = torch.from_numpy(rng.standard_normal(image.shape, np.float32)) * max(0.0, rng.uniform(-1, 1) * params.noise)
    channels[0] = standardized(bent + noise, seen)
    return channels, target, seen


class Examples:
    """Endless examples; number `i` depends on the seed and `i` only, so that a resumed run sees what another would.

    Parameters
    ----------
    sets : sequence of (sequence of Sample)
        By data set; each counts by the root of its number of objects, so that a large one does not drown the others.
    side : int
        Of the squares.
    params : OutlineParams

    Raises
    ------
    TrainingError
        If there is no object to learn from.
    """

    def __init__(self, sets: Sequence[Sequence[Sample]], side: int, params: OutlineParams) -> None:
        self.side, self.params = side, params
        self.samples = [sample for samples in sets for sample in samples]
        self.things = things(self.samples)
        if not self.things:
            raise TrainingError(f"There is no object of {LEAST_SIDE_PX} px or more to learn outlines from.")
        owner = np.repeat(np.arange(len(sets)), [len(samples) for samples in sets])
        of_set = np.array([owner[thing.sample] for thing in self.things])
        size = np.array([np.sqrt(np.prod(thing.lengths)) for thing in self.things])
        weights = np.clip(params.small_px / size, 0.5, 4.0)
        for number in np.unique(of_set):
            own = of_set == number
            weights[own] *= np.sqrt(own.sum()) / weights[own].sum()
        self.cumulated = np.cumsum(weights / weights.sum())

    def __getitem__(self, index: int) -> Example:
        """Return an example."""
        rng = np.random.default_rng((self.params.seed, index))
        params = self.params
        thing = self.things[min(int(np.searchsorted(self.cumulated, rng.random())), len(self.things) - 1)]
        sample = self.samples[thing.sample]
        if rng.random() < params.clicks:
            mask = sample.labels[slice(*thing.rows), slice(*thing.columns)] == thing.label
            prompt = clicked(thing, mask, rng, params.size_spread)
        else:
            prompt = drawn_box(thing, rng, rng.uniform(0.25, params.hand_px), params.hand_part)
        if rng.random() < params.others:
            prompt = beside(sample, thing, prompt, rng)
        return varied(example(sample, thing, prompt, self.side), rng, params)

    def batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the examples of a step, stacked."""
        size = self.params.batch_size
        inputs, targets, seen = zip(*(self[step * size + i] for i in range(size)), strict=True)
        return torch.stack(inputs), torch.stack(targets), torch.stack(seen)
