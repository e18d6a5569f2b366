"""Training the outline network: one generator of reports, resumable, best weights by validation."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_wnet.errors import DivergedError, TrainingError
from napari_wnet.network.dataset import Sample
from napari_wnet.network.device import choose_device, fast_dtype
from napari_wnet.network.interrupt import whole
from napari_wnet.network.outline.data import Examples, clicked, corrected, drawn_box, example, things
from napari_wnet.network.outline.net import OutlineConfig, OutlineNet
from napari_wnet.network.schedule import rate_at, update_average
from napari_wnet.network.training_state import State
from napari_wnet.reports import EpochReport
from napari_wnet.train_params import OutlineParams

REPORT_EVERY = 100
SAVE_SECONDS = 120.0
GOOD = 0.7
"""IoU from which on an outline counts as right."""
HAND_PX, HAND_PART = 1.0, 0.05
"""How far the sides of a box are off in validations, standard deviations."""
AT_MOST = 600
"""Objects of a data set that are validated on."""
CHUNK = 128
CORRECTED = 1
"""Sets the chance of correcting apart from that of the examples."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OutlineRun:
    """Everything a training starts from.

    Attributes
    ----------
    samples, validation : sequence of (sequence of Sample)
        By data set; disjoint. Each set counts by the root of its number of objects.
    config : OutlineConfig
    params : OutlineParams
    device : str
    state : Path or None
        Checkpoint, written as the training goes on.
    resume : bool
        Go on from `state`.
    """

    samples: Sequence[Sequence[Sample]]
    validation: Sequence[Sequence[Sample]]
    config: OutlineConfig
    params: OutlineParams
    device: str = "auto"
    state: Path | None = None
    resume: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedOutline:
    """The outcome: the best network, in evaluation mode on the CPU."""

    network: OutlineNet
    step: int
    steps_done: int
    scores: dict[str, float]
    seconds: float


def train_outline_steps(run: OutlineRun) -> Generator[EpochReport, None, TrainedOutline]:
    """Train an outline network.

    Yields
    ------
    EpochReport

    Returns
    -------
    TrainedOutline
        Also after Ctrl-C (KeyboardInterrupt): the best so far.

    Raises
    ------
    TrainingError
        If there is nothing to train on, `resume` finds nothing, or the loss diverges.
    """
    examples = Examples(run.samples, run.config.side, run.params)
    state = _start(run)
    try:
        yield from _loop(run, state, examples)
    except KeyboardInterrupt:
        if run.state is not None:
            state.save(run.state, run.params)
    if not state.best:
        state.keep_best({}, state.step)
    network = OutlineNet(run.config)
    network.load_state_dict(state.best)
    return TrainedOutline(
        network=network.eval(),
        step=state.best_step,
        steps_done=state.step,
        scores=state.best_scores,
        seconds=state.seconds,
    )


def _start(run: OutlineRun) -> State[OutlineNet]:
    device = choose_device(run.device)
    torch.manual_seed(run.params.seed)
    network, average = OutlineNet(run.config), OutlineNet(run.config)
    average.load_state_dict(network.state_dict())
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = average.to(device).requires_grad_(False)
    decay = run.params.weight_decay
    optimizer = torch.optim.AdamW(network.parameters(), lr=run.params.learning_rate, weight_decay=decay)
    state = State(network=network, average=average, optimizer=optimizer)
    if run.resume:
        if run.state is None or not run.state.exists():
            raise TrainingError(f"There is no checkpoint to resume at {run.state}; start without --resume.")
        state.restore(run.state)
    return state


def _loop(run: OutlineRun, state: State[OutlineNet], examples: Examples) -> Generator[EpochReport, None, None]:
    params = run.params
    losses: list[float] = []
    began, saved = time.monotonic() - state.seconds, time.monotonic()
    first_step, first_time = state.step, time.monotonic()
    while state.step < params.steps:
        with whole():
            losses.append(_step(state, examples.batch(state.step), params))
            state.step += 1
        state.seconds = time.monotonic() - began
        validate = state.step % params.validate_every == 0 or state.step == params.steps
        if not validate and state.step % REPORT_EVERY:
            continue
        scores = _validated(run, state) if validate else None
        if run.state is not None and (validate or time.monotonic() - saved > SAVE_SECONDS):
            state.save(run.state, params)
            saved = time.monotonic()
        pace = (time.monotonic() - first_time) / (state.step - first_step)
        yield EpochReport(
            step=state.step,
            steps=params.steps,
            losses={"total": float(np.mean(losses))},
            learning_rate=state.optimizer.param_groups[0]["lr"],
            seconds_left=pace * (params.steps - state.step),
            validation=scores,
            best_step=state.best_step or None,
        )
        losses = []


def _step(state: State[OutlineNet], batch: tuple[Tensor, Tensor, Tensor], params: OutlineParams) -> float:
    """Take one optimiser step and return its loss."""
    device = next(state.network.parameters()).device
    inputs, target, seen = (part.to(device) for part in batch)
    for group in state.optimizer.param_groups:
        group["lr"] = rate_at(state.step, params.steps, params.warmup_steps, params.learning_rate)
    if np.random.default_rng((params.seed, CORRECTED, state.step)).random() < params.corrected:
        with torch.no_grad():
            odds = _odds(state.average.eval(), inputs)
        inputs = corrected(inputs.cpu(), odds.cpu(), target.cpu(), seen.cpu()).to(device)
    state.network.train()
    odds = _odds(state.network, inputs)
    loss = outline_loss(odds, target, seen)
    if not torch.isfinite(loss):
        raise DivergedError(f"The loss diverged at step {state.step + 1}; train again with a lower learning rate.")
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if params.clip > 0:
        nn.utils.clip_grad_norm_(state.network.parameters(), params.clip)
    state.optimizer.step()
    update_average(state.average, state.network, params.ema, state.step)
    return float(loss.item())


def _odds(network: OutlineNet, inputs: Tensor) -> Tensor:
    dtype = fast_dtype(inputs.device)
    with torch.autocast(inputs.device.type, dtype, enabled=dtype != torch.float32):
        odds: Tensor = network(inputs.contiguous(memory_format=torch.channels_last))
    return odds.float()


def outline_loss(odds: Tensor, target: Tensor, seen: Tensor) -> Tensor:
    """Return cross entropy plus one minus the soft Dice, the mean over objects.

    Parameters
    ----------
    odds : (B, n, n) tensor
        Log odds of being the object.
    target : (B, n, n) tensor
        The object, from 0 to 1.
    seen : (B, n, n) tensor
        1 inside the image, 0 beyond, where nothing counts.
    """
    entropy = F.binary_cross_entropy_with_logits(odds, target, reduction="none") * seen
    likely, target = odds.sigmoid() * seen, target * seen
    overlap = 2 * (likely * target).sum((1, 2)) + 1
    dice = overlap / (likely.sum((1, 2)) + target.sum((1, 2)) + 1)
    loss: Tensor = entropy.mean() + (1 - dice).mean()
    return loss


def _validated(run: OutlineRun, state: State[OutlineNet]) -> dict[str, float] | None:
    if not any(run.validation):
        return None
    scores = outline_scores(state.average, run.validation, run.params.size_spread)
    score = float(np.mean([value for name, value in scores.items() if name.startswith(("right", "mended"))]))
    state.validated = state.step
    if score >= state.top or not state.best:
        state.top = score
        state.keep_best(scores, state.step)
    return scores


def outline_scores(
    network: OutlineNet, sets: Sequence[Sequence[Sample]], size_spread: float, *, at_most: int = AT_MOST
) -> dict[str, float]:
    """Point at annotated objects once each, by a box and by a click, and score the outlines.

    Returns
    -------
    dict of str to float
        ``right_box_0``: share of the first data set's objects with an IoU of .7 or more from a box whose sides are a
        pixel or 5 % off; ``mended_box_0``: the same after one click at what is most wrong; ``iou_box_0``: mean IoU of
        the box; and so on for clicks and further sets.
    """
    network.eval()
    scores: dict[str, float] = {}
    for number, samples in enumerate(sets):
        for kind in ("box", "click"):
            ious = np.array(list(_ious(network, samples, kind, (size_spread, at_most))))
            right = (ious >= GOOD).mean(axis=0)
            scores[f"right_{kind}_{number}"], scores[f"mended_{kind}_{number}"] = map(float, right)
            scores[f"iou_{kind}_{number}"] = float(ious[:, 0].mean())
    return scores


def _ious(
    network: OutlineNet, samples: Sequence[Sample], kind: str, limits: tuple[float, int]
) -> Iterator[tuple[float, float]]:
    rng = np.random.default_rng(0)
    device = next(network.parameters()).device
    found = things(samples)
    chosen = found[:: max(1, len(found) // limits[1])]
    for start in range(0, len(chosen), CHUNK):
        drawn = []
        for thing in chosen[start : start + CHUNK]:
            sample = samples[thing.sample]
            if kind == "box":
                prompt = drawn_box(thing, rng, HAND_PX, HAND_PART)
            else:
                mask = sample.labels[slice(*thing.rows), slice(*thing.columns)] == thing.label
                prompt = clicked(thing, mask, rng, limits[0])
            drawn.append(example(sample, thing, prompt, network.config.side))
        inputs, target, seen = (torch.stack(parts) for parts in zip(*drawn, strict=True))
        with torch.no_grad():
            odds = _odds(network, inputs.to(device)).cpu()
            mended = _odds(network, corrected(inputs, odds, target, seen).to(device)).cpu()
        yield from zip(_iou(odds, target, seen), _iou(mended, target, seen), strict=True)


def _iou(odds: Tensor, target: Tensor, seen: Tensor) -> list[float]:
    """Return the IoU of each outline with the object, within the image."""
    found, true = (odds > 0) & (seen > 0), (target > 0.5) & (seen > 0)
    return list(((found & true).sum((1, 2)) / (found | true).sum((1, 2)).clamp_min(1)).tolist())
