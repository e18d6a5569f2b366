"""Fine-tuning from end to end: it gets better, says whether it did, can be stopped, and can be repeated."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import napari_wnet
from fine_tuning import TINY_MODEL
from napari_wnet.core.metrics import evaluate_image
from napari_wnet.core.partial import countable
from napari_wnet.errors import DeviceError, ModelError, TrainingError
from napari_wnet.fine_tune import FineTuned, FineTuneJob, TrainingPair, fine_tune_params, fine_tune_steps
from napari_wnet.fine_tune import job as job_module
from napari_wnet.network import training
from napari_wnet.network.checkpoint import read_model
from napari_wnet.pipeline import segment
from napari_wnet.reports import EpochReport, Progress, drain
from napari_wnet.train_params import AugmentParams, TrainParams
from scenes import disks_picture

QUICK = TrainParams(
    steps=6,
    batch_size=2,
    crop_size=32,
    learning_rate=5e-3,
    warmup_steps=0,
    validate_every=2,
    report_every=1,
    augment=AugmentParams(elastic=0),
)


def pair(seed: int = 0, **changes: Any) -> TrainingPair:
    picture, labels = disks_picture(seed)
    return TrainingPair(**{"image": picture[0], "labels": labels, "name": f"p{seed}", **changes})


def a_job(**changes: Any) -> FineTuneJob:
    return FineTuneJob(**{"pairs": [pair()], "base": TINY_MODEL, "params": QUICK, "device": "cpu", **changes})


def followed(job: FineTuneJob) -> tuple[list[Progress | EpochReport], FineTuned]:
    steps, reports = fine_tune_steps(job), []
    while True:
        try:
            reports.append(next(steps))
        except StopIteration as stop:
            return reports, stop.value


@pytest.fixture(scope="module", params=["everything", "done"])
def learned(request: pytest.FixtureRequest) -> FineTuned:
    """A random network taught disks, from all labels or from half of them."""
    params = fine_tune_params(TINY_MODEL).replace(
        steps=160,
        crop_size=48,
        learning_rate=1e-2,
        validate_every=40,
        augment=AugmentParams(rotate=False, scale_low=1, scale_high=1, elastic=0),
        loss__steady_weight=0.0,
        loss__ring_background=1.0,
    )
    done = {"done": lambda labels: range(1, int(labels.max()) // 2 + 1), "everything": lambda _: None}[request.param]
    pairs = [pair(seed, done=done(disks_picture(seed)[1])) for seed in range(3)]
    return napari_wnet.train(pairs, base=TINY_MODEL, params=params, device="cpu")


def test_it_finds_objects_in_images_it_has_not_seen(learned: FineTuned) -> None:
    image, labels = disks_picture(90)
    score = evaluate_image(labels, segment(image, learned.model, device="cpu").labels).symmetric_best_dice
    before = evaluate_image(labels, segment(image, TINY_MODEL, device="cpu").labels).symmetric_best_dice
    assert score > 0.6
    assert score > before + 0.2
    assert learned.better


def test_scores_are_those_of_the_labels_shown(learned: FineTuned) -> None:
    comparison = learned.comparison
    for scores, which in ((comparison.current, "current"), (comparison.new, "new")):
        each = [
            evaluate_image(countable(piece.true, piece.known), countable(getattr(piece, which), piece.known))
            for piece in comparison.pieces
        ]
        assert scores["symmetric_best_dice"] == pytest.approx(np.mean([one.symmetric_best_dice for one in each]))
        assert scores["average_precision_0.5"] == pytest.approx(
            np.mean([one.matches[0].average_precision for one in each])
        )
        assert scores["n_predicted"] == sum(one.n_predicted for one in each)
        assert scores["n_true"] == sum(one.n_true for one in each) >= 2


def test_the_model_says_where_it_comes_from_and_survives_its_file(learned: FineTuned, tmp_path) -> None:
    learned.save(tmp_path / "mine.safetensors", name="mine")
    model = read_model(tmp_path / "mine.safetensors")
    header = model.header
    assert header.name == "mine"
    assert header.provenance["fine_tuned_from"] == {"name": "tiny", "sha256": TINY_MODEL.sha256}
    images = header.provenance["images"]
    assert [one["name"] for one in images] == ["p0", "p1", "p2"]
    assert len({one["image_sha256"] for one in images} | {one["labels_sha256"] for one in images}) == 6
    assert {one["mode"] for one in images} <= {"everything", "done"}
    for one in images:
        split = learned.splits[one["name"]]
        assert one["held_out"] == list(vars(split.held_out).values())
    assert header.provenance["params"]["steps"] == 160
    assert header.scores["held_out"]["new"] == pytest.approx(learned.comparison.new)
    image = disks_picture(91)[0]
    again, first = (segment(image, one, device="cpu").labels for one in (model, learned.model))
    assert evaluate_image(first, again).symmetric_best_dice > 0.95  # weights are stored in 16 bits


def test_a_training_can_be_repeated_whatever_the_order_of_its_pairs() -> None:
    pairs = [pair(0), pair(1, done=[1, 2, 3])]
    (one, first), (other, second) = (followed(a_job(pairs=order)) for order in (pairs, pairs[::-1]))
    losses = [[report.losses for report in reports if isinstance(report, EpochReport)] for reports in (one, other)]
    assert len(losses[0]) == 6
    assert losses[0] == losses[1]
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name])
    assert first.comparison.new == second.comparison.new


def test_stop_keeps_the_best_so_far_and_close_keeps_nothing() -> None:
    steps = fine_tune_steps(a_job())
    report = next(steps)
    while not (isinstance(report, EpochReport) and report.step == 3):
        report = next(steps)
    report = steps.throw(KeyboardInterrupt())
    assert isinstance(report, Progress)
    steps.throw(KeyboardInterrupt())  # once more: the comparison is not lost either
    tuned = drain(steps)
    assert (tuned.step, tuned.steps_done) == (2, 3)
    closed = fine_tune_steps(a_job())
    next(closed)
    next(closed)
    closed.close()
    with pytest.raises(StopIteration):
        next(closed)


def test_a_loss_that_diverges_keeps_the_best_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = training.total_loss, []

    def diverging(*arguments: Any) -> dict[str, torch.Tensor]:
        calls.append(1)
        return {name: value * (math.nan if len(calls) > 4 else 1) for name, value in real(*arguments).items()}

    monkeypatch.setattr(training, "total_loss", diverging)
    tuned = drain(fine_tune_steps(a_job()))
    assert tuned.step in (2, 4)
    assert "diverged at step 5" in tuned.problem


def test_too_little_memory_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(training, "total_loss", full)
    with pytest.raises(DeviceError, match="smaller batch or crop size"):
        drain(fine_tune_steps(a_job()))


def test_a_worse_model_is_not_called_better() -> None:
    tuned = drain(fine_tune_steps(a_job(params=QUICK.replace(steps=1, validate_every=1, learning_rate=1e-7))))
    assert not tuned.better


def test_other_channels_are_refused_unless_the_first_layer_may_be_changed() -> None:
    picture, labels = disks_picture(0)
    colour = TrainingPair(image=np.moveaxis(picture.repeat(3, 0), 0, -1), labels=labels)
    with pytest.raises(TrainingError, match=r"3 channel\(s\), the model tiny reads 1.*adapt_channels"):
        drain(fine_tune_steps(a_job(pairs=[colour])))
    tuned = drain(fine_tune_steps(a_job(pairs=[colour], adapt_channels=True)))
    assert tuned.network.config.in_channels == 3
    assert segment(colour.image, tuned.model, device="cpu").labels.shape == (96, 96)


def test_the_current_model_is_what_it_was() -> None:
    before = {name: value.clone() for name, value in TINY_MODEL.network.state_dict().items()}
    tuned = drain(fine_tune_steps(a_job()))
    for name, value in TINY_MODEL.network.state_dict().items():
        assert torch.equal(value, before[name])
    assert any(not torch.equal(value, before[name]) for name, value in tuned.network.state_dict().items())


def test_images_against_forgetting() -> None:
    replay = QUICK.replace(replay=0.5)
    with pytest.raises(TrainingError, match="set replay to 0"):
        drain(fine_tune_steps(a_job(params=replay)))
    known = a_job(params=replay, replay_images=[disks_picture(5)[0]])
    with pytest.raises(TrainingError, match="set replay to 0"):
        drain(fine_tune_steps(replace(known, replay_images=[disks_picture(5)[0].repeat(2, 0)])))
    labels = disks_picture(5)[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_module, "cluster", lambda *_: labels)
        assert drain(fine_tune_steps(known)).steps_done == 6


def test_a_few_held_out_objects_do_not_choose_the_clustering() -> None:
    chosen = drain(fine_tune_steps(a_job())).header.params.clustering
    assert chosen == TINY_MODEL.header.params.clustering


def test_a_model_nobody_has_is_refused() -> None:
    with pytest.raises(ModelError, match="nuclei"):
        drain(fine_tune_steps(a_job(base="nothing")))


def test_defaults_see_intensities_as_the_base_does() -> None:
    own = replace(
        TINY_MODEL,
        header=replace(TINY_MODEL.header, params=TINY_MODEL.header.params.replace(normalize__invert=True)),
    )
    assert fine_tune_params(own).normalize.invert
    assert fine_tune_params(own).patience > 0
