"""Pairs as a person gives them, cut into what trains and what is held out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fine_tuning import TINY_MODEL
from napari_wnet.core.image import nearest_plane
from napari_wnet.errors import ImageError, TrainingError, WNetError
from napari_wnet.fine_tune import TrainingPair, fine_tune_params, plan_splits
from napari_wnet.fine_tune.data import prepare
from scenes import cells, disks_picture

PARAMS = fine_tune_params(TINY_MODEL).replace(largest_diameter=0.0)


def pair(seed: int = 0, **changes: Any) -> TrainingPair:
    picture, labels = disks_picture(seed)
    return TrainingPair(**{"image": picture[0], "labels": labels, "name": f"p{seed}", **changes})


def test_no_pixel_trains_and_is_held_out() -> None:
    coded = np.arange(96 * 96, dtype=np.float32).reshape(96, 96)  # every pixel has a value of its own
    params = PARAMS.replace(normalize__method="none")
    data = prepare([pair(0, image=coded)], TINY_MODEL, params)
    trains, held = (set(samples[0].image.ravel().tolist()) for samples in (data.train, data.validation))
    assert not trains & held
    assert len(trains) + len(held) == 96 * 96
    split = data.splits[0]
    assert set(coded[split.held_out.slices].ravel().tolist()) == held
    assert data.pieces[0].rectangle == split.held_out


def test_pieces_are_normalised_as_their_whole_image() -> None:
    picture = disks_picture(0)[0][0].copy()
    whole = prepare([pair(0)], TINY_MODEL, PARAMS)
    row, column = 0, 0
    box = whole.splits[0].held_out
    changed = picture.astype(np.float32)
    row, column = box.top, box.left
    changed[row, column] = 255
    assert whole.pieces[0].image.min() < 0.2
    train = prepare([pair(0, image=changed)], TINY_MODEL, PARAMS).train[0]
    assert train.image.max() < 2


def test_images_of_any_kind_and_size_are_taken() -> None:
    pairs = [
        pair(0),
        pair(1, image=disks_picture(1)[0].astype(np.float64) * 1e3),
        pair(2, image=disks_picture(2)[0][0].astype(np.uint16), labels=disks_picture(2)[1].astype(np.uint64) * 7),
        pair(3, image=disks_picture(3, 40)[0][0], labels=disks_picture(3, 40)[1]),
    ]
    data = prepare(pairs, TINY_MODEL, PARAMS)
    assert [one.name for one in data.train] == ["p0", "p1", "p2", "p3"]
    assert all(one.image.dtype == np.float32 for one in data.train)
    for one in data.train:
        assert 0.5 < one.image.max() < 4


def test_large_objects_are_shrunk_to_the_size_asked_for() -> None:
    picture, labels = disks_picture(0)
    large = TrainingPair(image=picture[0].repeat(4, 0).repeat(4, 1), labels=labels.repeat(4, 0).repeat(4, 1), name="a")
    data = prepare([large], TINY_MODEL, PARAMS.replace(largest_diameter=20.0))
    assert data.scale == pytest.approx(20 / data.diameter)
    assert data.train[0].diameter() == pytest.approx(20, rel=0.15)
    assert data.pieces[0].image.shape[1:] == data.pieces[0].labels.shape  # judged at the image's own size
    assert prepare([large], TINY_MODEL, PARAMS).scale == 1
    small = prepare([pair()], TINY_MODEL, PARAMS.replace(largest_diameter=20.0))
    assert small.scale == 1
    told = PARAMS.replace(normalize__diameter=32.0)
    assert prepare([large], TINY_MODEL, told).scale == TINY_MODEL.header.diameter / 32
    nameless = replace(TINY_MODEL, header=replace(TINY_MODEL.header, diameter=0.0))
    with pytest.raises(TrainingError, match="set the object diameter to 0"):
        prepare([large], nameless, told)


def test_labels_are_resampled_at_pixel_centres() -> None:
    labels = cells(60, 9)
    assert np.array_equal(nearest_plane(labels.repeat(3, 0).repeat(3, 1), (60, 60)), labels)
    assert np.array_equal(nearest_plane(labels, (120, 120)), labels.repeat(2, 0).repeat(2, 1))


def test_partial_labels_go_with_the_pieces() -> None:
    labels = disks_picture(0)[1]
    done = list(range(1, 8))
    data = prepare([pair(0, done=done)], TINY_MODEL, PARAMS)
    split = data.splits[0]
    ticked = np.isin(labels, done)
    assert np.array_equal(data.train[0].known, ticked[split.train.slices])
    assert not (data.pieces[0].known & ~ticked[split.held_out.slices]).any()
    assert data.train[0].ring.any()
    region = np.zeros(labels.shape, np.uint8)
    region[:, :60] = 255
    data = prepare([pair(0, region=region)], TINY_MODEL, PARAMS)
    assert np.array_equal(data.train[0].known, region[data.splits[0].train.slices] > 0)


def test_an_object_that_lies_mostly_on_the_other_side_is_not_held_against_anybody() -> None:
    labels = cells(96, 9)
    data = prepare([pair(0, labels=labels)], TINY_MODEL, PARAMS)
    piece = data.pieces[0]
    for number in np.unique(piece.labels[piece.labels > 0]):
        inside, area = (piece.labels == number).sum(), (labels == number).sum()
        counts = True if piece.known is None else piece.known[piece.labels == number].all()
        assert counts == (2 * inside >= area)


def test_names_are_given_and_the_order_of_pairs_does_not_matter() -> None:
    forth, back = (prepare(order, TINY_MODEL, PARAMS) for order in ([pair(0), pair(1)], [pair(1), pair(0)]))
    assert [one.name for one in forth.pairs] == [one.name for one in back.pairs] == ["p0", "p1"]
    assert forth.splits == back.splits
    assert plan_splits([pair(0), pair(1)]) == dict(zip(["p0", "p1"], forth.splits, strict=True))
    unnamed = prepare([pair(0, name=""), pair(1, name="")], TINY_MODEL, PARAMS)
    assert [one.name for one in unnamed.pairs] == ["image 1", "image 2"]


@pytest.mark.parametrize(
    ("pairs", "error", "says"),
    [
        ([], TrainingError, "give at least one image"),
        ([pair(0), pair(0)], TrainingError, "p0 come twice"),
        ([pair(0, labels=np.zeros((96, 90), int))], ImageError, r"p0: image and labels differ in size, \(96, 96\)"),
        ([pair(0, labels=np.zeros((96, 96)))], ImageError, "whole numbers from 0 up, not float64"),
        ([pair(0, labels=np.zeros((96, 96), int))], TrainingError, "No object is labelled"),
        ([pair(0, labels=(disks_picture(0)[1] == 1).astype(int))], TrainingError, "Only one object"),
        ([pair(0, region=np.zeros((96, 96), bool))], TrainingError, "region of p0 covers nothing; draw it"),
        ([pair(0, region=np.ones((9, 9), bool))], TrainingError, "p0: The region has shape"),
        ([pair(0, done=[1, 2])], TrainingError, "Only two objects .* tick more"),
        ([pair(0, done=[999])], TrainingError, "No object is labelled"),
        ([pair(0, image=np.zeros((2, 5, 96, 96)))], TrainingError, "train on single planes"),
        ([pair(0, image=np.full((96, 96), np.nan))], ImageError, "Image p0 has 9216 NaN"),
        ([pair(0), pair(1, image=np.zeros((96, 96, 3)))], TrainingError, r"p0: 1, p1: 3.*one kind"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(pairs: Any, error: type[WNetError], says: str) -> None:
    with pytest.raises(error, match=says):
        prepare(pairs, TINY_MODEL, PARAMS)


def test_an_image_that_comes_twice_is_refused_however_bright() -> None:
    """One copy would train what the other judges."""
    first = pair(1)
    brighter = replace(first, name="again", image=np.asarray(first.image).astype(np.uint16) * 257)
    with pytest.raises(TrainingError, match="again and p1 are the same image"):
        prepare([first, pair(2), brighter], TINY_MODEL, PARAMS)
    with pytest.raises(TrainingError, match="again and p1 are the same image"):
        plan_splits([first, pair(2), brighter])
