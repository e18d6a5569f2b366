"""Training: it learns, it can be stopped at any moment and resumed to the same bits, and the best weights are kept."""

from __future__ import annotations

import math
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_wnet.errors import TrainingError
from napari_wnet.network import training
from napari_wnet.network.checkpoint import load_state, save_state
from napari_wnet.network.dataset import Sample
from napari_wnet.network.schedule import learning_rate
from napari_wnet.network.training import (
    Trained,
    TrainingRun,
    evaluate_network,
    freeze_norm,
    train_steps,
)
from napari_wnet.network.wnet import WNet
from napari_wnet.params import NormalizeParams, SegmentParams, WNetConfig
from napari_wnet.reports import EpochReport, drain
from napari_wnet.train_params import AugmentParams, TrainParams
from scenes import disks_picture

CPU = torch.device("cpu")
TINY = WNetConfig(widths=(4, 8), stem=2, embedding_dim=4, concat_channels=4)
SHORT = TrainParams(
    steps=12,
    batch_size=2,
    crop_size=32,
    learning_rate=3e-3,
    warmup_steps=3,
    validate_every=4,
    freeze_norm=0.5,
    ema=0.9,
    precision="float32",
    augment=AugmentParams(elastic=0),
)


def samples(first: int, count: int) -> list[Sample]:
    return [Sample.checked(f"s{seed}", *disks_picture(seed)) for seed in range(first, first + count)]


TRAIN, VALIDATION = samples(0, 3), samples(50, 1)


def a_run(**changes: Any) -> TrainingRun:
    settings = {"samples": TRAIN, "validation": VALIDATION, "config": TINY, "params": SHORT, "device": "cpu"}
    return TrainingRun(**{**settings, **changes})


def followed(run: TrainingRun) -> tuple[list[EpochReport], Trained]:
    steps = train_steps(run)
    reports = []
    while True:
        try:
            reports.append(next(steps))
        except StopIteration as stop:
            return reports, stop.value


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(autouse=True)
def default_ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# It learns


@pytest.fixture(scope="module")
def learned() -> tuple[list[EpochReport], Trained]:
    params = SHORT.replace(
        steps=120,
        batch_size=4,
        crop_size=48,
        learning_rate=1e-2,
        warmup_steps=10,
        validate_every=40,
        freeze_norm=TrainParams().freeze_norm,
        augment=AugmentParams(rotate=False, scale_low=1, scale_high=1, elastic=0),
    )
    return followed(a_run(samples=samples(0, 6), params=params, config=WNetConfig(widths=(8, 16), stem=1)))


def test_a_short_training_finds_objects_in_images_it_has_not_seen(learned: tuple[list[EpochReport], Trained]) -> None:
    network = learned[1].network
    assert not network.training
    scores = evaluate_network(network, samples(90, 4), SegmentParams(), CPU).mean
    assert scores["symmetric_best_dice"] > 0.7
    untrained = evaluate_network(WNet(network.config).eval(), samples(90, 1), SegmentParams(), CPU).mean
    assert untrained["symmetric_best_dice"] < 0.4


def test_every_loss_falls(learned: tuple[list[EpochReport], Trained]) -> None:
    first, *_, last = learned[0]
    assert set(first.losses) == {"distance", "embedding", "foreground", "total"}
    for name in first.losses:
        assert last.losses[name] < 0.85 * first.losses[name]
        assert math.isfinite(last.losses[name])
    for report in learned[0]:
        parts = sum(value for name, value in report.losses.items() if name != "total")
        assert report.losses["total"] == pytest.approx(parts, rel=1e-5)


def test_scores_are_those_of_the_network_returned(learned: tuple[list[EpochReport], Trained]) -> None:
    reports, trained = learned
    again = evaluate_network(trained.network, VALIDATION, SegmentParams(), CPU).mean
    assert again == pytest.approx(trained.scores)
    best = max((report for report in reports if report.validation), key=lambda r: r.validation["symmetric_best_dice"])
    assert (best.step, best.validation) == (trained.step, trained.scores)


# Reports


def test_reports_tell_how_far_it_is() -> None:
    reports, trained = followed(a_run(params=SHORT.replace(steps=10)))
    assert [report.step for report in reports] == [4, 8, 10]  # the last weights are validated, too
    assert {report.steps for report in reports} == {10}
    assert all(report.validation for report in reports)
    assert [report.learning_rate for report in reports] == [
        learning_rate(step, SHORT.replace(steps=10)) for step in (4, 8, 10)
    ]
    assert reports[0].seconds_left > reports[-1].seconds_left == 0
    assert trained.steps_done == 10
    assert trained.seconds > 0


def test_there_are_reports_between_validations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "REPORT_EVERY", 3)
    reports, _ = followed(a_run(params=SHORT.replace(steps=8, validate_every=8)))
    assert [(report.step, report.validation is not None) for report in reports] == [(3, False), (6, False), (8, True)]


# The schedule


def test_learning_rate_warms_up_and_falls() -> None:
    params = TrainParams(steps=1000, learning_rate=0.1, warmup_steps=100, schedule="constant")
    assert [learning_rate(step, params) for step in (0, 49, 99, 500, 999)] == pytest.approx(
        [0.001, 0.05, 0.1, 0.1, 0.1]
    )
    cosine = params.replace(schedule="cosine")
    assert learning_rate(49, cosine) == pytest.approx(0.05 * (1 + math.cos(math.pi * 0.049)) / 2)
    assert [learning_rate(step, cosine) for step in (500, 1000, 2000)] == pytest.approx([0.05, 0, 0])
    falling = [learning_rate(step, cosine) for step in range(100, 1001)]
    assert falling == sorted(falling, reverse=True)
    assert learning_rate(0, params.replace(warmup_steps=0)) == 0.1


def test_the_papers_staircase() -> None:
    params = TrainParams(steps=101_000, learning_rate=1e-4, warmup_steps=0, schedule="staircase")
    rates = [learning_rate(step, params) for step in (0, 4999, 5000, 9999, 10_000, 100_000)]
    assert rates == pytest.approx([1e-4, 1e-4, 0.9e-4, 0.9e-4, 0.81e-4, 0.9**20 * 1e-4])


def test_the_optimiser_takes_the_rate_of_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a rate of next to nothing nothing is learned, whatever the peak."""
    monkeypatch.setattr(training, "learning_rate", lambda *_: 1e-12)
    torch.manual_seed(SHORT.seed)
    start = WNet(TINY)
    trained = drain(train_steps(a_run(params=SHORT.replace(steps=2, ema=0.0))))
    for name, value in trained.network.named_parameters():
        torch.testing.assert_close(value, start.state_dict()[name], atol=1e-9, rtol=0)


# Averaged weights, frozen statistics


def trained_states(params: TrainParams, folder: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The network and its average after a training, from the checkpoint."""
    drain(train_steps(a_run(params=params, validation=[], state=folder / "a.safetensors")))
    tensors = load_state(folder / "a.safetensors")[0]
    return tuple(  # type: ignore[return-value]
        {name.removeprefix(f"{group}."): value for name, value in tensors.items() if name.startswith(f"{group}.")}
        for group in ("network", "average")
    )


def test_no_averaging_is_the_network_itself(tmp_path: Path) -> None:
    network, average = trained_states(SHORT.replace(steps=3, ema=0.0), tmp_path)
    assert same(network, average)


@pytest.mark.parametrize(("ema", "kept"), [(0.99, 0.1), (0.05, 0.05)])
def test_the_average_follows_the_network(tmp_path: Path, ema: float, kept: float) -> None:
    """Early on the average forgets the random start quickly."""
    torch.manual_seed(SHORT.seed)
    start = WNet(TINY).state_dict()
    network, average = trained_states(SHORT.replace(steps=1, ema=ema), tmp_path)
    for name, value in average.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, kept * start[name] + (1 - kept) * network[name], atol=1e-6, rtol=1e-5)
        else:
            assert torch.equal(value, network[name])


def test_frozen_statistics_stay_as_they_are(tmp_path: Path) -> None:
    start = WNet(TINY).state_dict()
    for share, moved in [(0.0, False), (1.0, True)]:
        network, _ = trained_states(SHORT.replace(steps=2, freeze_norm=share), tmp_path)
        for name in network:
            if "running" in name:
                assert torch.equal(network[name], start[name]) is not moved
    half, _ = trained_states(SHORT.replace(steps=4, freeze_norm=0.5), tmp_path)
    assert {int(value) for name, value in half.items() if name.endswith("num_batches_tracked")} == {2}


def test_freezing_touches_batch_statistics_only() -> None:
    network = WNet(TINY).train()
    freeze_norm(network)
    for module in network.modules():
        assert module.training is not isinstance(module, nn.BatchNorm2d)
    network(torch.randn(2, 1, 16, 16)).embedding[:, 0].sum().backward()
    for name, value in network.state_dict().items():
        if "running_mean" in name:
            assert not value.any()
    assert all(parameter.requires_grad for parameter in network.parameters())


# Resume


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[EpochReport], Trained, dict[str, Tensor]]:
    path = tmp_path_factory.mktemp("unbroken") / "a.safetensors"
    reports, trained = followed(a_run(state=path))
    return reports, trained, load_state(path)[0]


def assert_as_if_unbroken(run: TrainingRun, unbroken: tuple[list[EpochReport], Trained, dict[str, Tensor]]) -> None:
    reports, expected, tensors = unbroken
    found_reports, trained = followed(TrainingRun(**{**vars(run), "resume": True}))
    assert same(load_state(run.state)[0], tensors)
    assert same(trained.network.state_dict(), expected.network.state_dict())
    assert (trained.step, trained.steps_done, trained.scores) == (expected.step, expected.steps_done, expected.scores)
    by_step = {report.step: report for report in reports}
    for report in found_reports:
        assert report.validation == by_step[report.step].validation
        assert report.best_step == by_step[report.step].best_step


Unbroken = tuple[list[EpochReport], Trained, dict[str, Tensor]]


def test_a_training_can_be_repeated(unbroken: Unbroken, tmp_path: Path) -> None:
    _, trained = followed(a_run(state=tmp_path / "a.safetensors"))
    assert same(load_state(tmp_path / "a.safetensors")[0], unbroken[2])
    assert same(trained.network.state_dict(), unbroken[1].network.state_dict())
    other = drain(train_steps(a_run(params=SHORT.replace(seed=1))))
    assert not same(other.network.state_dict(), unbroken[1].network.state_dict())


@pytest.mark.parametrize("reports", [1, 2, 3])
def test_a_closed_training_goes_on_to_the_same_bits(unbroken: Unbroken, tmp_path: Path, reports: int) -> None:
    run = a_run(state=tmp_path / "a.safetensors")
    steps = train_steps(run)
    for _ in range(reports):
        next(steps)
    steps.close()
    assert_as_if_unbroken(run, unbroken)


def test_ctrl_c_between_steps_keeps_the_best_and_goes_on_to_the_same_bits(unbroken: Unbroken, tmp_path: Path) -> None:
    run = a_run(state=tmp_path / "a.safetensors")
    steps = train_steps(run)
    next(steps)
    with pytest.raises(StopIteration) as stop:
        steps.throw(KeyboardInterrupt())
    trained = stop.value.value
    assert trained.steps_done == 4
    assert trained.scores == unbroken[0][0].validation
    assert_as_if_unbroken(run, unbroken)


def at_call(number: int, then: Callable[[], None], function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, but `then` something happens in its call of that number."""
    calls = 0

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        result = function(*arguments, **options)
        if calls == number:
            then()
        return result

    return counted


@pytest.mark.parametrize("call", [3, 7])
def test_ctrl_c_within_a_step_lets_it_end(
    unbroken: Unbroken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """After the forward pass the batch statistics have changed already, the weights not yet."""
    run = a_run(state=tmp_path / "a.safetensors")
    with monkeypatch.context() as patch:
        press = at_call(call, lambda: os.kill(os.getpid(), signal.SIGINT), training.total_loss)
        patch.setattr(training, "total_loss", press)
        _, trained = followed(run)
    assert trained.steps_done == call
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert_as_if_unbroken(run, unbroken)


@pytest.mark.parametrize("call", [1, 2, 3])
def test_ctrl_c_while_validating_does_not_lose_that_validation(
    unbroken: Unbroken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    def press() -> None:
        raise KeyboardInterrupt

    run = a_run(state=tmp_path / "a.safetensors")
    with monkeypatch.context() as patch:
        patch.setattr(training, "evaluate_network", at_call(call, press, training.evaluate_network))
        _, trained = followed(run)
    assert trained.steps_done == 4 * call
    assert_as_if_unbroken(run, unbroken)


def test_a_finished_training_resumes_to_itself(unbroken: Unbroken, tmp_path: Path) -> None:
    run = a_run(state=tmp_path / "a.safetensors")
    drain(train_steps(run))
    assert_as_if_unbroken(run, unbroken)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, info: info.pop("config"),
        lambda tensors, info: info.pop("step"),
        lambda tensors, info: info.update(step="many"),
        lambda tensors, info: info.update(best_scores=3),
        lambda tensors, info: info.update(seconds=10**400),
        lambda tensors, info: tensors.clear(),
        lambda tensors, info: tensors.update({"optimizer.x.exp_avg": torch.zeros(1)}),
        lambda tensors, info: tensors.update({"best.a": torch.zeros(1)}),
        lambda tensors, info: tensors.update({"network.a": torch.zeros(1)}),
    ],
)
def test_a_checkpoint_that_is_not_complete_is_told(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "state.safetensors"
    with closing(train_steps(a_run(state=path))) as steps:
        next(steps)
    tensors, info = load_state(path)
    change(tensors, info)
    save_state(path, tensors, info)
    with pytest.raises(
        TrainingError, match=r"state\.safetensors is not complete .*start the training without --resume"
    ):
        next(train_steps(a_run(state=path, resume=True)))


def test_resume_needs_a_checkpoint_of_that_network(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    for state in (path, None):
        with pytest.raises(TrainingError, match=r"no checkpoint to resume .*; start without --resume"):
            next(train_steps(a_run(state=state, resume=True)))
    drain(train_steps(a_run(state=path, params=SHORT.replace(steps=1), validation=[])))
    with pytest.raises(TrainingError, match="belongs to a network of another shape; resume with its configuration"):
        next(train_steps(a_run(state=path, resume=True, config=TINY.replace(embedding_dim=5))))


# The best weights


def scored(monkeypatch: pytest.MonkeyPatch, scores: list[float]) -> list[dict[str, Tensor]]:
    """Let validations give these scores; return the weights they were given to, as they come."""
    seen: list[dict[str, Tensor]] = []

    def evaluated(network: WNet, *_: object) -> SimpleNamespace:
        seen.append({name: value.clone() for name, value in network.state_dict().items()})
        return SimpleNamespace(mean={"symmetric_best_dice": scores[len(seen) - 1]})

    monkeypatch.setattr(training, "evaluate_network", evaluated)
    return seen


@pytest.mark.parametrize(
    ("scores", "best"), [([0.2, 0.9, 0.5], 2), ([0.0, 0.0, 0.0], 1), ([0.1, 0.2, 0.3], 3), ([0.7, 0.7, 0.6], 1)]
)
def test_the_weights_of_the_best_validation_are_kept(
    monkeypatch: pytest.MonkeyPatch, scores: list[float], best: int
) -> None:
    seen = scored(monkeypatch, scores)
    reports, trained = followed(a_run())
    assert trained.step == 4 * best
    assert trained.scores == {"symmetric_best_dice": scores[best - 1]}
    assert same(trained.network.state_dict(), seen[best - 1])
    assert [report.validation for report in reports] == [{"symmetric_best_dice": score} for score in scores]
    running = [4 * (int(np.argmax(scores[:count])) + 1) for count in (1, 2, 3)]
    assert [report.best_step for report in reports] == running


@pytest.mark.parametrize(("margin", "chosen"), [(0.0, 8), (0.25, 16), (1.0, 24)])
def test_later_weights_are_preferred_where_only_chance_speaks_against_them(
    monkeypatch: pytest.MonkeyPatch, margin: float, chosen: int
) -> None:
    count = sum(sample.n_objects for sample in VALIDATION)
    drop = 0.25 / count**0.5  # what chance does to the mean over so many objects
    seen = scored(monkeypatch, [0.5, 0.6, 0.6 - 1.1 * drop, 0.6 - 0.9 * drop, 0.0, 0.6 - 1.5 * drop])
    _, trained = followed(a_run(params=SHORT.replace(steps=24, late_margin=margin)))
    assert trained.step == chosen
    assert same(trained.network.state_dict(), seen[chosen // 4 - 1])


def test_without_validation_the_last_weights_are_kept(tmp_path: Path) -> None:
    reports, trained = followed(a_run(validation=[], state=tmp_path / "a.safetensors"))
    assert (trained.step, trained.scores) == (12, {})
    assert [report.validation for report in reports] == [None] * 3
    average = {
        name.removeprefix("average."): value
        for name, value in load_state(tmp_path / "a.safetensors")[0].items()
        if name.startswith("average.")
    }
    assert same(trained.network.state_dict(), average)


def test_ctrl_c_before_any_validation_keeps_the_averaged_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    press = at_call(2, lambda: os.kill(os.getpid(), signal.SIGINT), training.total_loss)
    monkeypatch.setattr(training, "total_loss", press)
    _, trained = followed(a_run())
    assert (trained.step, trained.steps_done, trained.scores) == (2, 2, {})
    assert all(torch.isfinite(value).all() for value in trained.network.state_dict().values())


def test_weights_to_start_from() -> None:
    torch.manual_seed(77)
    init = WNet(TINY)
    trained = drain(train_steps(a_run(init=init, params=SHORT.replace(steps=1, learning_rate=1e-7, ema=0.0))))
    for name, value in trained.network.named_parameters():
        torch.testing.assert_close(value, init.state_dict()[name], atol=1e-6, rtol=0)


# What goes wrong


def test_divergence_names_the_remedy_and_keeps_the_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"
    steps = train_steps(a_run(state=path))
    first = next(steps)
    monkeypatch.setattr(training, "total_loss", lambda *_: {"total": torch.tensor(math.nan)})
    with pytest.raises(StopIteration) as stop:
        next(steps)
    trained: Trained = stop.value.value
    assert (trained.step, trained.steps_done, trained.scores) == (4, 4, first.validation)
    assert re.search(r"diverged at step 5; .*lower learning rate.*best weights .* step 4", trained.problem)
    tensors, _ = load_state(path)
    best = {name.removeprefix("best."): value for name, value in tensors.items() if name.startswith("best.")}
    assert same(trained.network.state_dict(), best)


def test_intensities_beyond_reason_diverge() -> None:
    glaring = [Sample.checked("a", TRAIN[0].image.astype(np.float32) * 1e20, TRAIN[0].labels)]
    params = SHORT.replace(normalize=NormalizeParams(method="none"))
    with pytest.raises(TrainingError, match="diverged at step 1"):
        drain(train_steps(a_run(samples=glaring, params=params, config=TINY.replace(norm="none"))))


def test_labels_without_objects_are_refused() -> None:
    empty = Sample.checked("a", TRAIN[0].image, TRAIN[0].labels * 0)
    with pytest.raises(TrainingError, match="No training image has an object; check"):
        next(train_steps(a_run(samples=[empty])))


@pytest.mark.parametrize(("crop", "stem", "fitting"), [(33, 2, 36), (50, 4, 56), (32, 3, 36)])
def test_crops_off_the_pooling_grid_are_refused(crop: int, stem: int, fitting: int) -> None:
    run = a_run(params=SHORT.replace(crop_size=crop), config=TINY.replace(stem=stem))
    with pytest.raises(TrainingError, match=f"Crops of {crop} px .* set the crop size to {fitting}"):
        next(train_steps(run))


@pytest.mark.parametrize("use", ["samples", "validation"])
def test_images_with_other_channels_are_refused(use: str) -> None:
    colour = Sample.checked("leaf", TRAIN[0].image.repeat(3, 0), TRAIN[0].labels)
    with pytest.raises(TrainingError, match=r"Image leaf has 3 channel\(s\), the network reads 1; train on images of"):
        next(train_steps(a_run(**{use: [TRAIN[0], colour]})))


# Variants


@pytest.mark.parametrize(
    "config",
    [
        WNetConfig(widths=(4, 8), stem=1, norm="channel", upsample="conv2x2", decoder_convs=2, foreground_head=False),
        WNetConfig(widths=(4, 8, 8), stem=4, norm="none", detach_features=True, normalize_features=False),
    ],
    ids=["channel norm", "no norm"],
)
def test_any_network_can_be_trained(config: WNetConfig) -> None:
    params = SHORT.replace(steps=2, validate_every=2, optimizer="adam", loss__targets="ring", loss__reduction="pixel")
    (report,), trained = followed(a_run(config=config, params=params))
    assert ("foreground" in report.losses) is config.foreground_head
    assert trained.network.config == config
    torch.manual_seed(params.seed)
    start = WNet(config).state_dict()
    moved = [name for name, value in trained.network.named_parameters() if not torch.equal(value, start[name])]
    assert moved == list(dict(trained.network.named_parameters()))  # every weight learns


def test_bfloat16_is_close_to_float32() -> None:
    losses = [
        next(train_steps(a_run(params=SHORT.replace(steps=1, precision=precision)))).losses
        for precision in ("float32", "bfloat16")
    ]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


# Fine-tuning: partial labels, patience, freezing


def partly(first: int) -> Sample:
    picture, labels = disks_picture(first)
    return Sample.checked(f"partly{first}", picture, labels, done=range(1, 6))


def start() -> WNet:
    torch.manual_seed(5)
    return WNet(TINY)


def test_partial_labels_train_and_validate() -> None:
    params = SHORT.replace(loss__steady_weight=1.0, loss__ring_background=0.5)
    reports, trained = followed(a_run(samples=[partly(0)], validation=[partly(50)], init=start(), params=params))
    names = {"distance", "embedding", "foreground", "ring", "ring_background", "steady", "total"}
    assert all(set(report.losses) == names for report in reports)
    assert trained.scores["n_true"] == 5
    assert "steady" not in followed(a_run(samples=[partly(0)], init=start()))[0][0].losses


def test_the_steadying_network_is_the_base_or_the_average() -> None:
    params = SHORT.replace(steps=4, loss__steady_weight=1.0, learning_rate=1e-2, validate_every=4)
    losses = [
        followed(a_run(samples=[partly(0)], init=start(), params=params.replace(loss__steady=which)))[0][0].losses
        for which in ("base", "average")
    ]
    assert losses[0]["steady"] != losses[1]["steady"]
    base = followed(a_run(samples=[partly(0)], init=None, params=params.replace(loss__steady="base")))[0][0].losses
    assert "steady" not in base  # no base, nothing to hold on to


def test_patience_ends_a_training_that_gets_no_better(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = a_run(params=SHORT.replace(steps=40, patience=2), state=tmp_path / "a.safetensors")
    scored(monkeypatch, [0.2, 0.5, 0.4, 0.3, 0.9])
    reports, trained = followed(run)
    assert [report.step for report in reports] == [4, 8, 12, 16]
    assert (trained.step, trained.steps_done) == (8, 16)
    resumed = followed(TrainingRun(**{**vars(run), "resume": True}))
    assert resumed[0] == []
    assert (resumed[1].step, resumed[1].steps_done) == (8, 16)


def test_a_frozen_first_network_stays_as_it_is() -> None:
    init = start()
    params = SHORT.replace(freeze_first=True, learning_rate=1e-2)
    trained = drain(train_steps(a_run(init=init, params=params)))
    before = init.state_dict()
    for name, value in trained.network.state_dict().items():
        if name.startswith("unet1."):
            torch.testing.assert_close(value, before[name])
        elif value.is_floating_point():
            assert not torch.equal(value, before[name]), name


def test_reports_come_as_often_as_asked() -> None:
    reports, _ = followed(a_run(params=SHORT.replace(steps=6, validate_every=6, report_every=2)))
    assert [report.step for report in reports] == [2, 4, 6]


def test_objects_of_which_little_is_known_are_not_scored() -> None:
    picture, labels = disks_picture(3)
    wrong = Sample.checked("a", picture, np.where(labels == 1, 1, 0), done=[1])
    network = WNet(TINY).eval()
    scores = evaluate_network(network, [wrong], SegmentParams(), CPU).images[0]
    assert scores.n_true == 1
    assert scores.n_predicted <= 1


def test_images_against_forgetting_are_drawn() -> None:
    replayed = [Sample.checked("r", TRAIN[0].image * 0 + 7, TRAIN[0].labels)]
    plain, mixed, unused = (
        followed(a_run(params=SHORT.replace(steps=4, replay=share), replay=images))[0][0].losses
        for share, images in ((0.0, []), (0.5, replayed), (0.0, replayed))
    )
    assert plain == unused != mixed
