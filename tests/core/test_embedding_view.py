"""The embedding as colours and angles: what they must tell, and that they stay the same from run to run."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_wnet.core.embedding_view import (
    DARKEST,
    MAX_FIT_PIXELS,
    SMALLEST_SPAN,
    STRETCH,
    ColourAxes,
    angle_between,
    embedding_rgb,
)
from napari_wnet.core.maps import Maps, to_fixed
from napari_wnet.errors import ImageError
from scenes import label_pair

Array = npt.NDArray[Any]


def embedding_of(labels: Array, n_dims: int, noise: float = 0.02) -> Array:
    """Return one direction an object, with noise, of unit length."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((labels.max() + 1, n_dims))[labels]
    vectors += noise * rng.standard_normal(vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.moveaxis(vectors, -1, 0).astype(np.float16)


@pytest.mark.parametrize("n_dims", [1, 2, 3, 4, 8, 16])
def test_objects_have_colours_of_their_own(n_dims: int) -> None:
    labels = label_pair(0)[0]
    picture = embedding_rgb(embedding_of(labels, n_dims), labels > 0)
    assert picture.shape == (*labels.shape, 3)
    assert picture.dtype == np.uint8
    assert (picture[labels == 0] == 0).all()
    assert (picture[labels > 0] >= int(255 * DARKEST)).all()
    if n_dims >= 3:
        means = np.array([picture[labels == label].mean(axis=0) for label in np.unique(labels[labels > 0])])
        apart = np.linalg.norm(means[:, None] - means, axis=-1)[~np.eye(len(means), dtype=bool)]
        spread = max(picture[labels == label].std(axis=0).max() for label in np.unique(labels[labels > 0]))
        assert apart.min() > 2 * spread


def test_colours_span_the_range() -> None:
    embedding = np.random.default_rng(0).standard_normal((8, 60, 70))
    picture = embedding_rgb(embedding)
    for channel in range(3):
        assert picture[..., channel].min() == round(255 * DARKEST)
        assert picture[..., channel].max() == 255


def test_picture_does_not_depend_on_layout_sign_or_offset() -> None:
    labels = label_pair(3)[0]
    embedding = embedding_of(labels, 8)
    picture = embedding_rgb(embedding, labels > 0)
    maps = Maps.empty((40, 48), 8, foreground=False)
    maps.embedding[:] = to_fixed(embedding)
    fixed = embedding_rgb(maps.embedding, labels > 0)
    assert np.abs(fixed.astype(int) - picture).max() <= 1
    np.testing.assert_array_equal(embedding_rgb(np.ascontiguousarray(embedding), labels > 0), picture)
    shifted = embedding_rgb(embedding.astype(np.float64) + 3, labels > 0)
    assert np.abs(shifted.astype(int) - picture).max() <= 1


def test_background_does_not_influence_the_colours() -> None:
    labels = label_pair(5)[0]
    embedding = embedding_of(labels, 8)
    other = np.where(labels > 0, embedding, -embedding[::-1])
    np.testing.assert_array_equal(embedding_rgb(other, labels > 0), embedding_rgb(embedding, labels > 0))


def test_picture_fades_with_the_probability() -> None:
    labels = label_pair(2)[0]
    embedding = embedding_of(labels, 8)
    bright, dim = embedding_rgb(embedding, np.ones(labels.shape)), embedding_rgb(embedding, np.full(labels.shape, 0.6))
    assert np.abs(dim - 0.6 * bright).max() <= 1
    assert (embedding_rgb(embedding, np.zeros(labels.shape, np.float16)) == 0).all()


def test_noise_in_a_component_is_not_blown_up() -> None:
    rng = np.random.default_rng(0)
    embedding = np.stack([rng.uniform(-1, 1, (50, 50)), 1e-4 * rng.standard_normal((50, 50)), np.zeros((50, 50))])
    picture = embedding_rgb(embedding).astype(float)
    assert picture[..., 0].std() > 40
    assert picture[..., 1:].std(axis=(0, 1)).max() < 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (0, 5)])
def test_constant_and_tiny_embeddings(shape: tuple[int, int]) -> None:
    picture = embedding_rgb(np.full((8, *shape), 0.5, np.float16))
    assert picture.shape == (*shape, 3)
    assert np.unique(picture).size <= 1


def test_large_embeddings_are_coloured_to_the_last_pixel() -> None:
    """Pixels beyond the first block and beyond those the colours are fitted to have their object's colour too."""
    labels = np.kron(np.arange(16).reshape(4, 4), np.ones((175, 175), int))
    picture = embedding_rgb(embedding_of(labels, 8, noise=0), labels > 0)
    for label in np.unique(labels[labels > 0]):
        assert np.ptp(picture[labels == label].astype(int), axis=0).max() <= 1


def test_embedding_shapes_are_checked() -> None:
    with pytest.raises(ImageError, match=r"\(E, Y, X\)"):
        embedding_rgb(np.zeros((4, 5)))
    with pytest.raises(ImageError, match="one plane"):
        embedding_rgb(np.zeros((8, 4, 5)), np.ones((5, 4)))


def test_small_changes_of_the_embedding_change_neither_order_nor_sign_of_the_colours() -> None:
    labels = label_pair(4)[0]
    embedding = embedding_of(labels, 8)
    noise = 0.01 * np.random.default_rng(1).standard_normal(embedding.shape)
    picture, other = (embedding_rgb(array, labels > 0).astype(int) for array in (embedding, embedding + noise))
    assert np.abs(picture - other).max() < 40  # another sign or order would turn colours into their opposites
    assert np.abs(picture - other).mean() < 4


def test_the_colours_of_one_image_can_be_given_to_another() -> None:
    labels = label_pair(4)[0]
    embedding = embedding_of(labels, 8)
    axes = ColourAxes.fit(embedding, labels > 0)
    whole = embedding_rgb(embedding, labels > 0)
    np.testing.assert_array_equal(embedding_rgb(embedding, labels > 0, axes), whole)
    # A part that lacks most objects would have other colours of its own, and whole numbers are the same embeddings.
    part = (slice(None), slice(10, 30), slice(5, 25))
    np.testing.assert_array_equal(embedding_rgb(embedding[part], (labels > 0)[part[1:]], axes), whole[part[1:]])
    assert (embedding_rgb(embedding[part], (labels > 0)[part[1:]]) != whole[part[1:]]).any()
    maps = Maps.empty(labels.shape, 8, foreground=False)
    maps.embedding[:] = to_fixed(embedding)
    assert np.abs(embedding_rgb(maps.embedding, labels > 0, axes).astype(int) - whole).max() <= 1
    with pytest.raises(ImageError, match=r"8 dimensions, this one has 4; fit them to an image of the same model"):
        embedding_rgb(embedding[:4], None, axes)


def test_colours_cannot_be_fitted_to_nothing() -> None:
    with pytest.raises(ImageError, match="no pixel"):
        ColourAxes.fit(np.zeros((8, 0, 4)))


@given(st.floats(0, 180), st.floats(0.01, 100), st.integers(2, 16))
def test_angles_are_those_between_the_vectors_whatever_their_length(degrees: float, length: float, n_dims: int) -> None:
    embedding = np.zeros((n_dims, 2, 3))
    embedding[0, 0, 1] = 1
    embedding[0, 1, 2], embedding[1, 1, 2] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    embedding[:, 1, 2] *= length
    assert angle_between(embedding, (0, 1), (1, 2)) == pytest.approx(degrees, abs=1e-6)
    assert angle_between(embedding, (1, 2), (0, 1)) == pytest.approx(degrees, abs=1e-6)
    assert angle_between(embedding, (1, 2), (1, 2)) == 0


def test_angles_of_maps_are_exact_to_a_tenth_of_a_degree() -> None:
    labels = label_pair(4)[0]
    embedding = embedding_of(labels, 8).astype(np.float32)
    maps = Maps.from_floats(np.zeros(labels.shape), embedding)
    for other in [(0, 0), (12, 30), (39, 47)]:
        assert angle_between(maps.embedding, (5, 5), other) == pytest.approx(
            angle_between(embedding, (5, 5), other), abs=0.1
        )


@pytest.mark.parametrize("pixel", [(-1, 0), (0, 3), (2, 0)])
def test_pixels_outside_or_without_embedding_have_no_angle(pixel: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="outside the image"):
        angle_between(np.ones((4, 2, 3)), (0, 0), pixel)
    with pytest.raises(ImageError, match="no embedding"):
        angle_between(np.zeros((4, 2, 3)), (0, 0), (1, 1))


@pytest.mark.parametrize("n_dims", [2, 3, 5])
def test_colours_are_the_principal_components_stretched_over_their_percentiles(n_dims: int) -> None:
    rng = np.random.default_rng(n_dims)
    spread = np.array([3, 1, 0.1, 0.05, 0.02])[:n_dims]  # the third varies less than a tenth of the first
    embedding = (rng.gamma(2, size=(n_dims, 30, 31)).T * spread @ np.linalg.qr(rng.normal(size=(n_dims, n_dims)))[0]).T
    foreground = rng.random(embedding.shape[1:])
    rows = embedding[:, foreground > 0.5].T
    axes = np.linalg.svd(rows - rows.mean(axis=0))[2][:3]
    axes = np.array([axis * np.sign(axis[np.abs(axis).argmax()]) for axis in axes])
    low, high = np.percentile((rows - rows.mean(axis=0)) @ axes.T, STRETCH, axis=0)
    span = np.maximum(high - low, SMALLEST_SPAN * (high - low).max())
    middle = (low + high) / 2
    values = np.full((30, 31, 3), 0.5)
    values[..., : len(axes)] = 0.5 + ((embedding.T.swapaxes(0, 1) - rows.mean(axis=0)) @ axes.T - middle) / span
    expected = 255 * foreground[..., np.newaxis] * (DARKEST + (1 - DARKEST) * np.clip(values, 0, 1))
    picture = embedding_rgb(embedding, foreground)
    assert np.abs(picture - expected).max() < 0.6


def test_where_nothing_is_foreground_everything_gives_the_colours() -> None:
    embedding = np.random.default_rng(0).standard_normal((4, 20, 20))
    everything, nothing = ColourAxes.fit(embedding), ColourAxes.fit(embedding, np.full((20, 20), 0.5))
    np.testing.assert_array_equal(everything.projection, nothing.projection)
    np.testing.assert_array_equal(everything.offset, nothing.offset)


def test_a_large_image_has_the_colours_of_pixels_in_regular_distances() -> None:
    embedding = np.random.default_rng(0).standard_normal((3, 150, 400))
    assert embedding[0].size == 3 * MAX_FIT_PIXELS
    every_third = embedding.reshape(3, -1)[:, ::3].reshape(3, 50, 400)
    whole, part = ColourAxes.fit(embedding), ColourAxes.fit(every_third)
    np.testing.assert_array_equal(whole.projection, part.projection)
    np.testing.assert_array_equal(whole.offset, part.offset)
