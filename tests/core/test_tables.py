"""Tables of stacks and time series: which plane a row belongs to, and how fast things grow."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wnet.core.measure import measure_plane
from napari_wnet.core.tables import growth, measure, traits, with_growth
from napari_wnet.core.traits import plane_traits
from napari_wnet.errors import ImageError, ParamsError
from scenes import label_pair


def growing(n_frames: int = 4) -> np.ndarray:
    """Return frames of two squares: the side of the first is doubled each time, the second comes in frame 1."""
    labels = np.zeros((n_frames, 40, 40), int)
    for frame in range(n_frames):
        labels[frame, 1 : 1 + 2**frame, 1 : 1 + 2**frame] = 5
        if frame:
            labels[frame, 30:34, 30:34] = 2
    return labels


def test_a_plane_is_a_table_of_its_columns() -> None:
    labels = label_pair(0)[0]
    image = np.random.default_rng(0).random(labels.shape)
    table = measure(labels, image, (0.5, 0.5))
    expected = measure_plane(labels, image[None], (0.5, 0.5))
    assert list(table) == list(expected)
    for name, column in expected.items():
        np.testing.assert_array_equal(table[name], column)


@pytest.mark.parametrize(("axes", "names"), [(None, ["plane_0", "plane_1"]), ("TZYX", ["t", "z"])])
def test_rows_of_a_stack_say_where_they_are(axes: str | None, names: list[str]) -> None:
    labels = np.stack([label_pair(seed)[1] for seed in range(6)]).reshape(2, 3, 40, 48)
    image = np.random.default_rng(0).random((2, 3, 2, 40, 48))
    table = measure(labels, image, axes=axes)
    assert list(table)[:3] == [*names, "label"]
    for index in np.ndindex(2, 3):
        here = table[(table[names[0]] == index[0]) & (table[names[1]] == index[1])]
        expected = measure_plane(labels[index], image[index])
        assert here["mean_intensity_1"].tolist() == expected["mean_intensity_1"].tolist()
        assert here["area_px"].tolist() == expected["area_px"].tolist()


def test_an_image_comes_with_channels_first_or_colours_last() -> None:
    labels = label_pair(0)[0]
    image = np.random.default_rng(0).random((3, *labels.shape))
    first, last = measure(labels, image), measure(labels, np.moveaxis(image, 0, -1))
    assert first.equals(last)
    with pytest.raises(ImageError, match="do not go together"):
        measure(labels, image[:, 1:])


def test_empty_planes_leave_whole_numbers_whole() -> None:
    table = measure(np.stack([np.zeros((4, 4), int), np.eye(4, dtype=int)]), axes="TYX")
    assert table["t"].tolist() == [1]
    assert table["area_px"].dtype.kind == "i"
    assert list(measure(np.zeros((2, 4, 4), int), axes="TYX")) == list(table)


def test_traits_have_a_row_for_each_plane() -> None:
    labels = np.stack([label_pair(seed)[0] for seed in range(3)])
    table = traits(labels, (0.5, 0.5), axes="ZYX")
    assert table["z"].tolist() == [0, 1, 2]
    for row, plane in zip(table.to_dict("records"), labels, strict=True):
        assert {name: row[name] for name in row if name != "z"} == pytest.approx(
            plane_traits(plane, (0.5, 0.5)), nan_ok=True
        )
    assert len(traits(labels[0])) == 1


def test_growth_of_all_objects() -> None:
    table = growth(growing(), interval=0.5, time_unit="h")
    assert table["t"].tolist() == [0, 1, 2, 3]
    assert table["time_h"].tolist() == [0, 0.5, 1, 1.5]
    areas = np.array([1, 4 + 16, 16 + 16, 64 + 16])
    assert table["total_area_px"].tolist() == areas.tolist()
    rate = table["relative_growth_rate_per_h"]
    assert np.isnan(rate[0])
    np.testing.assert_allclose(rate[1:], np.diff(np.log(areas)) / 0.5)


def test_growth_of_each_object_follows_its_label() -> None:
    table = with_growth(measure(growing(), axes="TYX"))
    first = table[table["label"] == 5]
    assert first["t"].tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(first["relative_growth_rate_per_frame"], [np.nan, *3 * [np.log(4)]])
    second = table[table["label"] == 2]
    assert second["t"].tolist() == [1, 2, 3]
    np.testing.assert_allclose(second["relative_growth_rate_per_frame"], [np.nan, 0, 0])


def test_a_missing_frame_counts_as_time_and_an_empty_one_has_no_rate() -> None:
    labels = growing(3)
    labels[1] = 0
    alone = with_growth(measure(labels, axes="TYX"))
    assert alone[alone["label"] == 5]["relative_growth_rate_per_frame"].tolist()[1] == pytest.approx(np.log(16) / 2)
    assert np.isnan(growth(labels)["relative_growth_rate_per_frame"]).all()


def test_growth_needs_a_time_series() -> None:
    with pytest.raises(ImageError, match=r"\(T, Y, X\)"):
        growth(np.zeros((4, 4), int))
    with pytest.raises(ParamsError, match="axes='TYX'"):
        with_growth(measure(growing()))
    with pytest.raises(ParamsError, match="above 0"):
        growth(growing(), interval=0)
    with pytest.raises(ParamsError, match="one plane"):
        with_growth(measure(growing().reshape(2, 2, 40, 40), axes="TZYX"))


@pytest.mark.parametrize("axes", ["YX", "TXY", "TTYX", "CTYX"])
def test_axes_that_do_not_fit_are_refused(axes: str) -> None:
    with pytest.raises(ImageError, match="do not fit"):
        measure(growing(), axes=axes)
    with pytest.raises(ImageError, match="two axes"):
        measure(np.zeros(3, int))
