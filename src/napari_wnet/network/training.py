"""The training loop: one generator of reports, resumable to the same result, best weights by validation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from napari_wnet.core.clustering import cluster
from napari_wnet.core.image import normalize
from napari_wnet.core.metrics import DatasetScores, evaluate
from napari_wnet.core.partial import countable, n_known
from napari_wnet.errors import DivergedError, TrainingError
from napari_wnet.network.dataset import CropDataset, Sample, batches
from napari_wnet.network.device import choose_device, fast_dtype
from napari_wnet.network.inference import fused
from napari_wnet.network.interrupt import whole
from napari_wnet.network.losses import Targets, total_loss
from napari_wnet.network.rescaling import predict_rescaled
from napari_wnet.network.schedule import learning_rate, update_average
from napari_wnet.network.training_state import State
from napari_wnet.network.wnet import WNet, WNetOutput
from napari_wnet.params import ClusteringParams, SegmentParams, WNetConfig
from napari_wnet.reports import EpochReport, drain
from napari_wnet.train_params import LossParams, TrainParams

REPORT_EVERY = 50
SAVE_SECONDS = 240.0
Previews = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingRun:
    """Everything a training starts from.

    Attributes
    ----------
    samples, validation : sequence of Sample
        Disjoint; the best weights are those with the highest symmetric best Dice on `validation`, or the last ones
        where it is empty.
    config : WNetConfig
    params : TrainParams
    device : str
    init : WNet or None
        Weights to start from; of the same configuration.
    state : Path or None
        Checkpoint, written as the training goes on.
    resume : bool
        Go on from `state`: the result is that of a run that was never interrupted.
    save_seconds : float or None
        How often to write the checkpoint; None: after each validation, and each four minutes.
    replay : sequence of Sample
        Images against forgetting; ``params.replay`` is their share of the crops.
    clustering : ClusteringParams
        How maps become labels in validations.
    previews : int
        Of so many validation images, a report shows the labels that were found.
    about : mapping
        JSON values for the checkpoint to keep.
    """

    samples: Sequence[Sample]
    validation: Sequence[Sample]
    config: WNetConfig
    params: TrainParams
    device: str = "auto"
    init: WNet | None = None
    state: Path | None = None
    resume: bool = False
    save_seconds: float | None = None
    replay: Sequence[Sample] = ()
    clustering: ClusteringParams = field(default_factory=ClusteringParams)
    previews: int = 1
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """The outcome: the best network, in evaluation mode on the CPU, and how it was chosen.

    `problem` says why the training ended before its time, if it did not end well; `interrupted` that somebody ended it.
    """

    network: WNet
    step: int
    steps_done: int
    scores: dict[str, float]
    seconds: float
    problem: str = ""
    interrupted: bool = False


def train_steps(run: TrainingRun) -> Generator[EpochReport, None, Trained]:
    """Train a network.

    Yields
    ------
    EpochReport
        Every 50 steps, and at each validation.

    Returns
    -------
    Trained
        Also after Ctrl-C (KeyboardInterrupt), and if the loss diverges after a validation: the best so far. Closing
        the generator instead keeps nothing but the checkpoint.

    Raises
    ------
    TrainingError
        If there is nothing to train on, `resume` finds nothing, or the loss diverges before anything was validated.
    """
    device = choose_device(run.device)
    _check(run)
    dataset = CropDataset(run.samples, run.params, run.replay)
    run = replace(run, params=dataset.params)
    state = _start(run, device)
    problem, interrupted = "", False
    try:
        yield from _loop(run, state, dataset, device)
    except KeyboardInterrupt:
        interrupted = True
        if run.state is not None:
            state.save(run.state, run.params)
    except DivergedError as error:
        if not state.best:
            raise
        problem = f"{error} The best weights so far, of step {state.best_step}, are kept."
    if not state.best:
        state.keep_best({}, state.step)
    network = WNet(run.config)
    network.load_state_dict(state.best)
    return Trained(
        network=network.eval(),
        step=state.best_step,
        steps_done=state.step,
        scores=state.best_scores,
        seconds=state.seconds,
        problem=problem,
        interrupted=interrupted,
    )


def _start(run: TrainingRun, device: torch.device) -> State[WNet]:
    torch.manual_seed(run.params.seed)
    network = WNet(run.config)
    if run.init is not None:
        network.load_state_dict(run.init.state_dict())
    average = WNet(run.config)
    average.load_state_dict(network.state_dict())
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = average.to(device).requires_grad_(False)
    if run.params.freeze_first:
        network.unet1.requires_grad_(False)
    kind = torch.optim.AdamW if run.params.optimizer == "adamw" else torch.optim.Adam
    decay = run.params.weight_decay
    optimizer = kind(network.parameters(), lr=run.params.learning_rate, weight_decay=decay)
    steadied = run.init is not None and run.params.loss.steady_weight > 0
    base = fused(run.init).to(device).requires_grad_(False) if steadied and run.init is not None else None
    state = State(network=network, average=average, optimizer=optimizer, base=base, about=run.about)
    if run.resume:
        if run.state is None or not run.state.exists():
            raise TrainingError(f"There is no checkpoint to resume at {run.state}; start without --resume.")
        state.restore(run.state)
    return state


def _check(run: TrainingRun) -> None:
    factor, channels = run.config.pooling_factor, run.config.in_channels
    if run.params.crop_size % factor:
        fitting = -(-run.params.crop_size // factor) * factor
        raise TrainingError(
            f"Crops of {run.params.crop_size} px do not fit this network, which needs a multiple of {factor}; "
            f"set the crop size to {fitting}."
        )
    if run.params.normalize.diameter:
        raise TrainingError(
            "A network learns the diameter of its objects from the labels; leave out --diameter (params: normalize: "
            "diameter), which is for segmenting."
        )
    for sample in (*run.samples, *run.validation):
        if sample.image.shape[0] != channels:
            raise TrainingError(
                f"Image {sample.name} has {sample.image.shape[0]} channel(s), the network reads {channels}; "
                "train on images of one kind, or start from another model."
            )


def _loop(
    run: TrainingRun, state: State[WNet], dataset: CropDataset, device: torch.device
) -> Generator[EpochReport, None, None]:
    params = run.params
    sums: dict[str, float] = {}
    count, began, saved = 0, time.monotonic() - state.seconds, time.monotonic()
    first_step, first_time = state.step, time.monotonic()
    if _due(state.step, params) and state.validated < state.step:  # Ctrl-C came while it was validated
        _validated(run, state, device)
    state.network.train()
    if params.freeze_first:
        freeze_norm(state.network.unet1)
    for image, targets in batches(dataset, state.step):
        if _patience_ends(state, params):
            break
        with whole():  # a checkpoint from within a step would not resume to the same result
            losses = _step(run, state, image.to(device), targets.to(device))
            state.step += 1
        state.seconds = time.monotonic() - began
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value
        count += 1
        validate = _due(state.step, params)
        if not (validate or state.step % (params.report_every or REPORT_EVERY) == 0):
            continue
        scores, previews = _validated(run, state, device) if validate else (None, ())
        saved = _saved(run, state, saved, validated=validate)
        pace = (time.monotonic() - first_time) / (state.step - first_step)
        yield EpochReport(
            step=state.step,
            steps=params.steps,
            losses={name: value / count for name, value in sums.items()},
            learning_rate=learning_rate(state.step, params),
            seconds_left=pace * (params.steps - state.step),
            validation=scores,
            best_step=state.best_step or None,
            previews=previews,
        )
        sums, count = {}, 0


def _saved(run: TrainingRun, state: State[WNet], last: float, *, validated: bool) -> float:
    """Write the checkpoint if it is time to, and return when it was written last."""
    due = (validated and run.save_seconds is None) or time.monotonic() - last > (run.save_seconds or SAVE_SECONDS)
    if run.state is None or not due:
        return last
    state.save(run.state, run.params)
    return time.monotonic()


def _due(step: int, params: TrainParams) -> bool:
    """Tell whether the weights after so many steps are to be validated."""
    return step == params.steps or step % params.validate_every == 0


def _patience_ends(state: State[WNet], params: TrainParams) -> bool:
    """Tell whether so many validations since the best one were no better that it is not worth going on."""
    waited = (state.validated - state.best_step) // params.validate_every
    return bool(params.patience and state.best and waited >= params.patience)


def _teacher_output(state: State[WNet], image: Tensor, targets: Targets, params: LossParams) -> WNetOutput | None:
    """Return what steadies the network where nothing is known, if anything does."""
    teacher = state.base if params.steady == "base" else state.average
    if teacher is None or params.steady_weight == 0 or targets.unknown is None or not targets.unknown.any():
        return None
    teacher.eval()
    with torch.no_grad():
        output: WNetOutput = teacher(image)
    return output


def _step(run: TrainingRun, state: State[WNet], image: Tensor, targets: Targets) -> dict[str, float]:
    """Take one optimiser step and return its losses."""
    params, device = run.params, image.device
    if state.step >= int(params.freeze_norm * params.steps):
        freeze_norm(state.network)
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(state.step, params)
    dtype = fast_dtype(device, params.precision)
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        image = image.contiguous(memory_format=torch.channels_last)
        output = state.network(image)
        teacher = _teacher_output(state, image, targets, params.loss)
    losses = total_loss(output, targets, params.loss, teacher)
    if not torch.isfinite(losses["total"]):
        raise DivergedError(f"The loss diverged at step {state.step + 1}; train again with a lower learning rate.")
    state.optimizer.zero_grad(set_to_none=True)
    losses["total"].backward()  # type: ignore[no-untyped-call]
    if params.clip > 0:
        nn.utils.clip_grad_norm_(state.network.parameters(), params.clip)
    state.optimizer.step()
    update_average(state.average, state.network, params.ema, state.step)
    return {name: value.item() for name, value in losses.items()}


def freeze_norm(network: nn.Module) -> None:
    """Keep the batch statistics as they are from here on: what is trained is then what is used."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def _validated(run: TrainingRun, state: State[WNet], device: torch.device) -> tuple[dict[str, float] | None, Previews]:
    if not run.validation:
        return None, ()
    params = SegmentParams(normalize=run.params.normalize, clustering=run.clustering)
    found: list[tuple[str, Any]] = []

    def note(each: tuple[str, Any]) -> None:
        if len(found) < run.previews:  # the labels of all of them may not fit into memory
            found.append(each)

    scores = evaluate_network(state.average, run.validation, params, device, note).mean
    score = scores["symmetric_best_dice"]
    if not state.best or run.params.keep == "last" or score > state.top - _margin(run):
        state.keep_best(scores, state.step)
    state.top = max(state.top, score)
    state.validated = state.step
    return scores, tuple(found)


def _margin(run: TrainingRun) -> float:
    """Return by how much a score may be lower by chance, given how many objects it is the mean of."""
    count = sum(n_known(sample.labels, sample.known) for sample in run.validation)
    return run.params.late_margin / math.sqrt(max(count, 1))


def evaluate_network(
    network: WNet,
    samples: Sequence[Sample],
    params: SegmentParams,
    device: torch.device,
    each: Callable[[tuple[str, Any]], object] = lambda _: None,
) -> DatasetScores:
    """Segment annotated images and score the labels against the annotation, where it is known.

    `each` is called with the name of each image and the labels found in it.
    """
    ready = fused(network).to(device)

    def predicted() -> Generator[tuple[str, object, object], None, None]:
        for sample in samples:
            image = normalize(sample.image, params.normalize)
            maps = drain(predict_rescaled(ready, [image], params, device=device))[0]
            found = cluster(maps, params.clustering)
            each((sample.name, found))
            yield sample.name, countable(sample.labels, sample.known), countable(found, sample.known)

    return evaluate(predicted())  # type: ignore[arg-type]


def scores_summary(scores: Mapping[str, float]) -> dict[str, float]:
    """Return the few scores that a log line or a model card shows."""
    wanted = ("symmetric_best_dice", "mean_average_precision", "average_precision_0.5", "foreground_dice")
    return {name: round(scores[name], 4) for name in wanted if name in scores}
