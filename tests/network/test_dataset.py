"""Crops: a function of the seed and their number, image and labels warped alike, targets that fit them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.ndimage import binary_erosion
from skimage.measure import label as connected_parts
from skimage.transform import resize

from napari_wnet.core.image import normalize
from napari_wnet.core.targets import distance_map, neighbours
from napari_wnet.errors import ImageError, TrainingError
from napari_wnet.network.augment import warp, whole_coordinates
from napari_wnet.network.dataset import KNOWN, RING, CropDataset, Sample, batches, collate
from napari_wnet.params import NormalizeParams
from napari_wnet.train_params import AugmentParams, LossParams, TrainParams
from scenes import cells, disks_picture

RAW = NormalizeParams(method="none")
PLAIN = AugmentParams(gamma=0, contrast=0, brightness=0, blur=0, noise=0)
STILL = PLAIN.replace(flip=False, rotate=False, scale_low=1, scale_high=1, elastic=0)
PARAMS = TrainParams(crop_size=48, batch_size=3, steps=5, seed=3)


def samples(count: int = 3) -> list[Sample]:
    return [Sample.checked(f"s{seed}", *disks_picture(seed)) for seed in range(count)]


def numbered_image(labels: npt.NDArray[Any]) -> Sample:
    """A sample whose image is its labels."""
    return Sample.checked("numbered", labels[None].astype(np.float32), labels)


def equal(one: tuple[torch.Tensor, ...], other: tuple[torch.Tensor, ...]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# Samples


def test_samples_are_numbered_without_gaps() -> None:
    labels = np.array([[0, 7, 7], [3, 0, 3], [900, 900, 0]])
    sample = Sample.checked("a", np.zeros((1, 3, 3)), labels)
    assert sample.labels.tolist() == [[0, 2, 2], [1, 0, 1], [3, 3, 0]]
    assert sample.labels.dtype == np.int32
    assert sample.n_objects == 3
    without_ground = Sample.checked("a", np.zeros((1, 3, 3)), labels + 1)
    assert np.unique(without_ground.labels).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64, np.uint64])
def test_labels_of_any_integer_type(dtype: type[np.integer[Any]]) -> None:
    labels = np.zeros((4, 5), dtype)
    labels[1, 1], labels[3, 3:] = 5, np.iinfo(dtype).max
    sample = Sample.checked("a", np.zeros((1, 4, 5)), labels)
    assert sample.labels[1, 1] == 1
    assert sample.labels[3].tolist() == [0, 0, 0, 2, 2]


@pytest.mark.parametrize(
    ("image", "labels", "message"),
    [
        (np.zeros((1, 4, 5)), np.zeros((5, 4), int), r"x\.tif: image and labels differ in size, \(4, 5\) against"),
        (np.zeros((1, 4, 5)), np.zeros((4, 5)), "whole numbers from 0 up, not float64"),
        (np.zeros((1, 4, 5)), np.zeros((4, 5), bool), "whole numbers from 0 up, not bool"),
        (np.zeros((1, 4, 5)), np.full((4, 5), -1), "whole numbers from 0 up"),
        (np.full((1, 4, 5), np.nan), np.zeros((4, 5), int), r"Image x\.tif has 20 NaN"),
        (np.zeros((1, 1, 5)), np.zeros((1, 5), int), "at least 2 x 2"),
    ],
)
def test_what_is_no_sample_is_refused(image: npt.NDArray[Any], labels: npt.NDArray[Any], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        Sample.checked("x.tif", image, labels)


def test_diameter_is_that_of_a_typical_object() -> None:
    y, x = np.mgrid[:120, :200]
    labels = np.zeros((120, 200), np.int32)
    for number, (column, radius) in enumerate([(20, 10), (60, 15), (130, 40)], start=1):
        labels[np.hypot(y - 60, x - column) <= radius] = number
    assert Sample.checked("a", np.zeros((1, 120, 200)), labels).diameter() == pytest.approx(30, abs=0.5)
    assert Sample.checked("a", np.zeros((1, 120, 200)), labels * 0).diameter() == 0


# Crops


def test_a_crop_depends_on_the_seed_and_its_number_alone() -> None:
    dataset = CropDataset(samples(), PARAMS)
    first = [dataset[index] for index in range(4)]
    again = CropDataset(samples(), PARAMS)
    for index in (3, 0, 2, 1):
        assert equal(again[index], first[index])
    assert not equal(first[0], first[1])
    assert not equal(first[0], CropDataset(samples(), PARAMS.replace(seed=4))[0])


def test_a_crop_is_what_the_network_and_its_losses_need() -> None:
    dataset = CropDataset(samples(), PARAMS)
    for index in range(20):
        image, labels, distance, pairs = dataset[index]
        assert (image.shape, image.dtype) == ((1, 48, 48), torch.float32)
        assert (labels.shape, labels.dtype) == ((48, 48), torch.int64)
        assert (distance.shape, distance.dtype) == ((1, 48, 48), torch.float32)
        assert (pairs.shape[1:], pairs.dtype) == ((2,), torch.int64)
        count = int(labels.max())
        assert torch.unique(labels[labels > 0]).tolist() == list(range(1, count + 1))
        assert torch.equal(distance[0] > 0, labels > 0)
        assert distance.max() <= 1
        np.testing.assert_array_equal(distance[0], distance_map(labels.numpy()))
        np.testing.assert_array_equal(pairs, neighbours(labels.numpy(), PARAMS.loss.neighbour_distance))


def test_targets_follow_the_settings() -> None:
    params = PARAMS.replace(loss=LossParams(targets="ring", neighbour_distance=3.0))
    _, labels, distance, pairs = CropDataset(samples(), params)[1]
    np.testing.assert_array_equal(distance[0], distance_map(labels.numpy(), "ring"))
    np.testing.assert_array_equal(pairs, neighbours(labels.numpy(), 3))
    assert len(pairs) < len(CropDataset(samples(), PARAMS)[1][3])


def test_image_and_labels_are_warped_alike() -> None:
    """In a crop of an image that shows its own labels, each object still shows a single number."""
    params = PARAMS.replace(normalize=RAW, augment=PLAIN)
    dataset = CropDataset([numbered_image(cells(120, 16, seed=1))], params)
    for index in range(20):
        shown, labels = dataset[index][0][0].numpy(), dataset[index][1].numpy()
        for number in range(labels.max() + 1):
            own = binary_erosion(labels == number, iterations=2)
            values = np.unique(np.round(shown[own], 3))
            assert values.size <= 1
            assert (values == np.rint(values)).all()
            assert number > 0 or not values.any()


def test_a_plain_crop_is_a_part_of_the_image_normalised_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    image, labels = disks_picture(2)
    image = np.concatenate([image, 255 - image // 2])
    image[:, 90:] = 255  # outside of the crop, yet part of its statistics
    for centre in (lambda *_: (23.5, 43.5),):
        monkeypatch.setattr(CropDataset, "_centre", centre)
        params = PARAMS.replace(augment=STILL)
        crop, found, _, _ = CropDataset([Sample.checked("a", image, labels)], params)[0]
        np.testing.assert_allclose(crop, normalize(image, params.normalize)[:, :48, 20:68], atol=5e-6)
        np.testing.assert_array_equal(found > 0, labels[:48, 20:68] > 0)


def test_the_mirror_image_of_an_object_beyond_the_frame_is_another_object() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[4:12, 4:12] = 1
    labels[20:30, 36:] = 2
    dataset = CropDataset([numbered_image(labels)], TrainParams(crop_size=96, augment=STILL, normalize=RAW))
    counts = []
    for index in range(12):
        found = dataset[index][1].numpy()
        parts = connected_parts(found, background=0, connectivity=2)
        assert parts.max() == found.max()
        counts.append(found.max())
    assert max(counts) >= 6


def test_most_crops_of_a_sparse_image_show_an_object() -> None:
    labels = np.zeros((400, 400), np.int32)
    labels[200:210, 300:310] = 1
    dataset = CropDataset([numbered_image(labels)], PARAMS.replace(augment=PLAIN))
    shown = [bool(dataset[index][1].any()) for index in range(100)]
    assert 55 <= sum(shown) <= 85


def test_images_without_objects_are_left_out_and_some_object_is_needed() -> None:
    picture, labels = disks_picture(0)
    empty = Sample.checked("empty", picture, labels * 0)
    dataset = CropDataset([empty, *samples(2), empty], PARAMS)
    assert [sample.name for sample in dataset.samples] == ["s0", "s1"]
    for nothing in ([], [empty]):
        with pytest.raises(TrainingError, match="No training image has an object; check that the labels belong"):
            CropDataset(nothing, PARAMS)


@pytest.mark.parametrize(("balance", "expected"), [(0, [1, 1, 1, 1]), (1, [1, 1, 1, 3]), (0.5, [1, 1, 1, 3**0.5])])
@pytest.mark.parametrize("how", ["size", "contrast"])
def test_small_groups_of_images_are_drawn_more_often(balance: float, expected: list[float], how: str) -> None:
    picture, labels = disks_picture(0)
    alike = Sample.checked("alike", picture, labels)
    if how == "size":
        other = Sample.checked("large", picture.repeat(4, 1).repeat(4, 2), labels.repeat(4, 0).repeat(4, 1))
    else:
        other = Sample.checked("bright ground", 255 - picture, labels)
    params = PARAMS.replace(balance=balance)
    dataset = CropDataset([alike, alike, alike, other], params)
    np.testing.assert_allclose(dataset.weights, np.array(expected) / sum(expected))


def test_images_are_drawn_by_their_weights() -> None:
    parts = [np.full((1, 64, 64), value, np.float32) for value in (1, 2)]
    labels = np.zeros((64, 64), np.int32)
    labels[20:40, 20:40] = 1
    small = np.kron(labels[::4, ::4], np.eye(4, dtype=np.int32))
    one, other = Sample.checked("a", parts[0], labels), Sample.checked("b", parts[1], small)
    dataset = CropDataset([one, one, one, other], PARAMS.replace(balance=1.0, normalize=RAW, augment=PLAIN))
    drawn = [round(dataset[index][0].mean().item()) for index in range(100)]
    assert 35 <= drawn.count(2) <= 65


def test_channels_are_kept() -> None:
    picture, labels = disks_picture(1)
    sample = Sample.checked("a", np.concatenate([picture, picture // 2, 255 - picture]), labels)
    params = PARAMS.replace(augment=PLAIN, normalize=RAW)
    image = CropDataset([sample], params)[0][0]
    assert image.shape == (3, 48, 48)
    np.testing.assert_allclose(image[0] + image[2], 255, atol=1e-3)


# Batches


def test_collate_puts_the_number_of_the_image_before_its_pairs() -> None:
    dataset = CropDataset(samples(), PARAMS)
    items = [dataset[index] for index in range(4)]
    items[2] = (*items[2][:3], torch.zeros((0, 2), dtype=torch.int64))  # an image without neighbours
    image, targets = collate(items)
    assert image.shape == (4, 1, 48, 48)
    assert targets.labels.shape == (4, 48, 48)
    assert targets.distance.shape == (4, 1, 48, 48)
    assert targets.pairs.dtype == torch.int64
    for number, item in enumerate(items):
        assert torch.equal(image[number], item[0])
        assert torch.equal(targets.labels[number], item[1])
        assert torch.equal(targets.distance[number], item[2])
        own = targets.pairs[targets.pairs[:, 0] == number]
        assert torch.equal(own[:, 1:], item[3])
    assert len(targets.pairs) == sum(len(item[3]) for item in items)


def test_batches_go_on_where_they_were_left() -> None:
    dataset = CropDataset(samples(), PARAMS)
    whole = list(batches(dataset, 0))
    rest = list(batches(dataset, 3))
    assert (len(whole), len(rest)) == (5, 2)
    for (image, targets), (other_image, other_targets) in zip(whole[3:], rest, strict=True):
        assert torch.equal(image, other_image)
        assert torch.equal(targets.labels, other_targets.labels)
        assert torch.equal(targets.pairs, other_targets.pairs)
    assert torch.equal(whole[1][0], torch.stack([dataset[index][0] for index in (3, 4, 5)]))
    assert list(batches(dataset, 5)) == []


# Labels that are true in a part


def partly(labels: npt.NDArray[Any], **known: Any) -> Sample:
    return Sample.checked("partly", labels[None].astype(np.float32), labels, **known)


def test_a_sample_is_numbered_by_the_objects_of_which_something_is_known() -> None:
    labels = cells(60, 9)
    sample = partly(labels, done=[9, 3])
    assert sample.n_objects == 2
    assert np.array_equal(sample.labels, np.where(labels == 3, 1, np.where(labels == 9, 2, 0)))
    assert np.array_equal(sample.known, sample.labels > 0)
    assert set(np.unique(sample.states)) == {0, KNOWN, RING}
    assert partly(labels).known is None
    assert (partly(labels).states == KNOWN).all()


def test_what_is_known_is_warped_with_the_labels() -> None:
    """Each known pixel of a crop shows what its label says, and each pixel beside shows another object or ground."""
    labels = cells(120, 16, seed=1)
    params = PARAMS.replace(normalize=RAW, augment=PLAIN)
    dataset = CropDataset([partly(labels, done=[4, 5, 9])], params)
    beside = 0
    for index in range(20):
        image, found, distance, _, known, ring = dataset[index]
        assert known.dtype == torch.bool
        assert torch.equal(known, found > 0)
        assert not (known & (ring > 0)).any()
        assert torch.equal(distance[0] > 0, found > 0)
        np.testing.assert_array_equal(distance[0], distance_map(found.numpy()))
        for number in range(1, int(found.max()) + 1):
            own = binary_erosion((found == number).numpy(), iterations=2)
            shown = set(np.unique(np.round(image[0].numpy()[own], 3)))
            assert shown <= {4, 5, 9}
            assert len(shown) <= 1
        beside += int((ring > 0).sum())
        assert int(ring.max()) <= int(found.max())
    assert beside > 100


def test_distances_are_those_of_whole_objects_also_where_a_region_cuts_them() -> None:
    labels = np.zeros((48, 48), np.int32)
    labels[10:30, 10:40] = 1
    region = np.zeros((48, 48), bool)
    region[:20] = True
    _, found, distance, _, known, ring = CropDataset(
        [partly(labels, region=region)], TrainParams(crop_size=48, augment=STILL, normalize=RAW)
    )[0]
    assert not ring.any()
    assert (known & (found == 0)).any()
    np.testing.assert_array_equal(distance[0], distance_map(found.numpy()))
    assert (distance[0][~known] > 0).any()


def test_crops_show_something_known_and_visit_all_of_a_region() -> None:
    labels = np.zeros((400, 400), np.int32)
    labels[20:30, 20:30] = 1
    labels[300:320, 300:320] = 2
    region = np.zeros((400, 400), bool)
    region[:200, :200] = True
    for known in ({"region": region}, {"done": [1]}):
        dataset = CropDataset([partly(labels, **known)], PARAMS.replace(augment=PLAIN))
        shares = [float(dataset[index][4].float().mean()) for index in range(60)]
        assert min(shares) > 0 or sum(share > 0 for share in shares) >= 55
    empty = [not dataset[index][1].any() for index in range(60)]
    assert sum(empty) < 6


def test_wholly_labelled_images_beside_partly_labelled_ones_are_known_throughout() -> None:
    dataset = CropDataset([*samples(1), partly(cells(120, 16), done=[3])], PARAMS)
    whole = [bool(dataset[index][4].all()) for index in range(20)]
    assert True in whole
    assert False in whole
    _, targets = collate([dataset[index] for index in range(3)])
    assert targets.known.shape == targets.ring.shape == targets.labels.shape


def test_without_partial_labels_crops_and_batches_are_as_ever() -> None:
    dataset = CropDataset(samples(), PARAMS)
    assert len(dataset[0]) == 4
    _, targets = collate([dataset[0], dataset[1]])
    assert targets.known is None
    assert targets.ring is None


def test_a_share_of_the_crops_replays_other_images() -> None:
    others = [numbered_image(cells(64, 4)) for _ in range(3)]
    dataset = CropDataset(samples(2), PARAMS.replace(replay=0.25), others)
    assert dataset.weights[2:].sum() == pytest.approx(0.25)
    assert dataset.weights.sum() == pytest.approx(1)
    without = CropDataset(samples(2), PARAMS, others)
    assert len(without.samples) == 2
    assert equal(without[3], CropDataset(samples(2), PARAMS)[3])


# Whole images, as the paper trains on them


def test_whole_images_are_stretched_exactly_and_all_come_once_an_epoch() -> None:
    shapes = [(40, 60), (64, 64), (30, 96)]
    whole = []
    for number, shape in enumerate(shapes):
        labels = np.zeros(shape, np.int32)
        labels[: shape[0] // 2, : shape[1] // 2] = 1
        labels[shape[0] // 2 :, shape[1] // 2 :] = 2
        whole.append(Sample.checked(str(number), np.full((1, *shape), number, np.uint8), labels))
    params = TrainParams(crop_size=32, whole=True, augment=STILL, normalize=RAW, batch_size=2, epochs=4)
    dataset = CropDataset(whole, params)
    assert dataset.params.steps == 6  # 4 passes over 3 images, 2 a step
    seen = [int(dataset[index][0].max()) for index in range(6)]
    assert sorted(seen[:3]) == sorted(seen[3:]) == [0, 1, 2]
    for index in range(3):
        labels = dataset[index][1].numpy()
        assert (labels[:16, :16] == 1).all()
        assert (labels[16:, 16:] == 2).all()
        assert not labels[:16, 16:].any()
    orders = {tuple(int(dataset[3 * epoch + place][0].max()) for place in range(3)) for epoch in range(20)}
    assert len(orders) > 2


def test_stretching_labels_and_back_loses_next_to_nothing() -> None:
    """Floor sampling would shift every object by up to a pixel."""
    rows, columns = np.mgrid[:100, :150]
    labels = 1 + (rows // 25) * 6 + columns // 25
    stretched = warp(labels, whole_coordinates(labels.shape, 512), order=0)
    back = resize(stretched, labels.shape, order=0, preserve_range=True, anti_aliasing=False)
    assert (back == labels).all()


def test_small_objects_and_images_with_few_of_them_can_be_left_out() -> None:
    labels = np.zeros((32, 32), np.int32)
    labels[2:12, 2:12], labels[20:23, 20:23] = 1, 2
    two = Sample.checked("two", np.zeros((1, 32, 32), np.uint8), labels)
    one = Sample.checked("one", np.zeros((1, 32, 32), np.uint8), (labels == 1).astype(np.int32))
    params = TrainParams(crop_size=32, whole=True, augment=STILL, normalize=RAW)
    assert CropDataset([two], params.replace(smallest_object=9))[0][1].max() == 2
    assert CropDataset([two], params.replace(smallest_object=10))[0][1].max() == 1
    assert [sample.name for sample in CropDataset([one, two], params.replace(fewest_objects=2)).samples] == ["two"]
    with pytest.raises(TrainingError, match="--fewest-objects"):
        CropDataset([one, two], params.replace(fewest_objects=3))
