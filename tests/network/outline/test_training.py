"""The outline network learns to outline, the same each time, and its examples are true to the labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_wnet.core.prompts import Frame
from napari_wnet.errors import TrainingError
from napari_wnet.network.dataset import Sample
from napari_wnet.network.outline.data import (
    Examples,
    beside,
    clicked,
    corrected,
    corrections,
    drawn_box,
    example,
    inner_point,
    things,
)
from napari_wnet.network.outline.net import LESS, MORE, OutlineConfig
from napari_wnet.network.outline.training import OutlineRun, outline_loss, outline_scores, train_outline_steps
from napari_wnet.reports import drain
from napari_wnet.train_params import OutlineParams
from scenes import cells

CONFIG = OutlineConfig(side=32, widths=(8, 16))
FAST = OutlineParams(batch_size=8, warmup_steps=2, learning_rate=5e-3, validate_every=20, steps=40)


def sample(seed: int, size: int = 64) -> Sample:
    """Return light cells on a dark ground."""
    labels = cells(size, 9, seed=seed)
    noise = np.random.default_rng(seed).normal(0, 0.2, labels.shape)
    return Sample.checked(f"s{seed}", ((labels > 0) + noise)[None].astype(np.float32), labels)


def test_a_prompt_points_at_its_object(rng):
    picture = sample(1)
    for thing in things([picture]):
        mask = picture.labels == thing.label
        rows, columns = np.nonzero(mask)
        assert thing.rows == (rows.min(), rows.max() + 1)
        assert thing.columns == (columns.min(), columns.max() + 1)
        click = clicked(thing, mask[slice(*thing.rows), slice(*thing.columns)], rng, 0.2)
        assert mask[click.more[0]]
        exact = drawn_box(thing, rng, 0.0, 0.0)
        assert (exact.rows, exact.columns) == (thing.rows, thing.columns)
        other = beside(picture, thing, exact, rng)
        assert all(picture.labels[point] not in (0, thing.label) for point in other.less)


def test_boxes_are_off_by_what_hands_are_off(rng):
    thing = things([sample(1)])[0]
    tops = [drawn_box(thing, rng, 2.0, 0.0).rows[0] - thing.rows[0] for _ in range(400)]
    assert np.std(tops) == pytest.approx(2, rel=0.2)
    assert abs(np.mean(tops)) < 0.4


def test_an_example_shows_the_object_and_only_that(rng):
    picture = sample(2)
    for thing in things([picture]):
        prompt = drawn_box(thing, rng, 0.0, 0.0)
        channels, target, seen = example(picture, thing, prompt, 64)
        scale = Frame.around(prompt).side / 64
        area = (picture.labels == thing.label).sum()
        assert float(target.sum()) * scale**2 == pytest.approx(area, rel=0.15)
        assert channels.shape == (6, 64, 64)
        assert (target[seen == 0] < 0.6).all()
        assert target[channels[1] < -0.3].max() < 0.5  # nothing of it is far outside its box


def test_an_example_is_the_same_each_time_and_depends_on_its_number():
    one, other = (Examples([[sample(1)], [sample(2)]], 32, FAST) for _ in range(2))
    for number in range(4):
        for a, b in zip(one[number], other[number], strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert not torch.equal(one[0][0], one[1][0])


def test_a_large_data_set_does_not_drown_a_small_one():
    many, few = [sample(seed) for seed in range(12)], [sample(99)]
    examples = Examples([many, few], 32, FAST)
    shares = np.diff(examples.cumulated, prepend=0)
    of_few = sum(share for share, thing in zip(shares, examples.things, strict=True) if thing.sample == 12)
    counts = [sum(thing.sample < 12 for thing in examples.things), sum(thing.sample == 12 for thing in examples.things)]
    assert of_few == pytest.approx(counts[1] ** 0.5 / (counts[0] ** 0.5 + counts[1] ** 0.5))


def test_what_is_wrong_is_clicked_at_and_told_apart():
    target = torch.zeros(3, 32, 32)
    target[:, 8:24, 8:24] = 1
    odds = torch.where(target > 0, 3.0, -3.0)
    odds[0, 8:24, 8:14] = -3  # a part is missing
    odds[1, 2:8, 2:30] = 3  # there is too much
    seen = torch.ones_like(target)
    (missing, place), (lacking, over), nothing = corrections(odds, target, seen)
    assert missing
    assert 8 <= place[1] < 14
    assert not lacking
    assert 2 <= over[0] < 8
    assert nothing is None
    shown = corrected(torch.zeros(3, 6, 32, 32), odds, target, seen)
    assert shown[0, MORE][place] == 1
    assert shown[1, LESS][over] == 1
    assert shown[2].abs().sum() == 0
    assert shown[0, LESS].sum() == 0


def test_the_loss_is_small_for_what_is_right_and_blind_to_what_lies_beyond(rng):
    target = torch.zeros(2, 16, 16)
    target[:, 4:12, 4:12] = 1
    seen = torch.ones_like(target)
    seen[:, :, 12:] = 0
    right = torch.where(target > 0, 9.0, -9.0)
    assert outline_loss(right, target, seen) < 0.05
    assert outline_loss(-right, target, seen) > 2
    beyond = right.clone()
    beyond[:, :, 12:] = 50
    torch.testing.assert_close(outline_loss(beyond, target, seen), outline_loss(right, target, seen))


def test_inner_pixels_are_well_inside(rng):
    mask = np.zeros((21, 21), bool)
    mask[3:18, 3:18] = True
    for _ in range(50):
        row, column = inner_point(mask, rng)
        assert 6 <= row <= 14
        assert 6 <= column <= 14


def run(tmp_path, **changes):
    values = {
        "samples": [[sample(seed) for seed in range(4)]],
        "validation": [[sample(10)]],
        "config": CONFIG,
        "params": FAST,
        "device": "cpu",
        "state": tmp_path / "state.safetensors",
    }
    return OutlineRun(**{**values, **changes})


def test_training_learns_to_outline(tmp_path):
    params = FAST.replace(steps=120, validate_every=60)
    trained = drain(train_outline_steps(run(tmp_path, params=params)))
    untrained = outline_scores(type(trained.network)(CONFIG).eval(), [[sample(10)]], 0.2)
    assert trained.scores["iou_box_0"] > 0.75
    assert trained.scores["iou_box_0"] > untrained["iou_box_0"] + 0.2
    assert trained.step in (60, 120)


def test_a_resumed_training_ends_as_an_uninterrupted_one(tmp_path):
    whole = drain(train_outline_steps(run(tmp_path)))
    steps = train_outline_steps(run(tmp_path, state=tmp_path / "cut.safetensors"))
    while next(steps).validation is None:
        pass
    steps.close()
    resumed = drain(train_outline_steps(run(tmp_path, state=tmp_path / "cut.safetensors", resume=True)))
    assert resumed.steps_done == whole.steps_done == 40
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], value, rtol=0, atol=0)


def test_ctrl_c_keeps_the_best_so_far(tmp_path):
    steps = train_outline_steps(run(tmp_path))
    report = next(steps)
    while report.validation is None:
        report = next(steps)
    with pytest.raises(StopIteration) as stop:
        steps.throw(KeyboardInterrupt())
    assert stop.value.value.step == 20
    assert (tmp_path / "state.safetensors").exists()


def test_nothing_to_learn_from_is_said(tmp_path):
    blank = Sample.checked("blank", np.zeros((1, 20, 20), np.float32), np.zeros((20, 20), np.int32))
    with pytest.raises(TrainingError, match="no object"):
        drain(train_outline_steps(run(tmp_path, samples=[[blank]])))
    with pytest.raises(TrainingError, match="resume"):
        drain(train_outline_steps(run(tmp_path, resume=True)))


def test_without_validation_the_last_weights_are_kept(tmp_path):
    trained = drain(train_outline_steps(run(tmp_path, validation=[[]], params=FAST.replace(steps=6))))
    assert trained.step == 6
    assert trained.scores == {}
