"""Every setting: its declaration holds together, wrong values are refused, and dictionaries come back as they went."""

from __future__ import annotations

import dataclasses
import json
import math
import typing
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_wnet import params, train_params
from napari_wnet.errors import ParamsError
from napari_wnet.fields import FieldInfo, Params
from napari_wnet.params import ClusteringParams, NormalizeParams, SegmentParams, TileParams, WNetConfig
from napari_wnet.train_params import TrainParams

steady = settings(deadline=None, derandomize=True, max_examples=50)
CLASSES = tuple(
    cls
    for module in (params, train_params)
    for cls in vars(module).values()
    if isinstance(cls, type) and issubclass(cls, Params) and cls.__module__ == module.__name__
)
LEAVES = [(cls, info) for cls in CLASSES for info in cls.fields() if not info.nested]
NUMBERS = [(cls, info) for cls, info in LEAVES if info.kind in (int, float)]


def name_of(value: object) -> str | None:
    return value.__name__ if isinstance(value, type) else value.name if isinstance(value, FieldInfo) else None


def fitting(info: FieldInfo) -> st.SearchStrategy[Any]:
    """Any value that the declaration of a field allows."""
    if info.nested:
        return any_params(info.kind)
    if typing.get_origin(info.kind) is Literal:
        return st.sampled_from(typing.get_args(info.kind))
    low, high = info.options.get("min"), info.options.get("max")
    if typing.get_origin(info.kind) is tuple:
        return st.lists(st.integers(low, high), min_size=2, max_size=6).map(tuple)
    if info.kind is bool:
        return st.booleans()
    return st.integers(low, high) if info.kind is int else st.floats(low, high)


def any_params(cls: type[Params]) -> st.SearchStrategy[Params]:
    return st.builds(cls, **{info.name: fitting(info) for info in cls.fields()})


@pytest.mark.parametrize("cls", CLASSES)
def test_defaults_are_what_is_declared(cls: type[Params]) -> None:
    made = cls()
    assert cls.from_dict({}) == made
    assert [info.name for info in cls.fields()] == list(made.to_dict())
    for info in cls.fields():
        assert getattr(made, info.name) == info.default


@pytest.mark.parametrize(("cls", "info"), NUMBERS, ids=name_of)
def test_numbers_have_a_range_and_a_default_within(cls: type[Params], info: FieldInfo) -> None:
    low, high = info.options["min"], info.options["max"]
    assert low <= info.default <= high
    for bound in (low, high):
        assert getattr(cls(**{info.name: bound}), info.name) == bound


@pytest.mark.parametrize("cls", [NormalizeParams, TileParams, ClusteringParams])
def test_what_a_form_shows_has_words(cls: type[Params]) -> None:
    for info in cls.fields():
        assert info.options["label"], info.name
        assert info.options["tooltip"].endswith("."), info.name


@pytest.mark.parametrize("cls", CLASSES)
@steady
@given(data=st.data())
def test_dictionaries_come_back(cls: type[Params], data: st.DataObject) -> None:
    params = data.draw(any_params(cls))
    stored = json.loads(json.dumps(params.to_dict()))
    again = cls.from_dict(stored)
    assert again == params
    assert hash(again) == hash(params)
    assert again.to_dict() == params.to_dict()


@steady
@given(any_params(SegmentParams), st.sets(st.sampled_from(["normalize", "tiles", "clustering"])))
def test_what_a_dictionary_lacks_takes_its_default(params: SegmentParams, left_out: set[str]) -> None:
    values = {name: value for name, value in params.to_dict().items() if name not in left_out}
    again = SegmentParams.from_dict(values)
    for name in params.to_dict():
        assert getattr(again, name) == getattr(SegmentParams() if name in left_out else params, name)


@pytest.mark.parametrize(("cls", "info"), LEAVES, ids=name_of)
def test_a_misspelt_name_suggests_the_right_one(cls: type[Params], info: FieldInfo) -> None:
    wrong = info.name[:2] + info.name[3:] if len(info.name) > 4 else info.name + "s"
    for attempt in (lambda: cls.from_dict({wrong: info.default}), lambda: cls().replace(**{wrong: info.default})):
        with pytest.raises(ParamsError, match=rf"{cls.__name__} has no parameter '{wrong}'.*'{info.name}'"):
            attempt()


def test_a_name_like_no_other_lists_them_all() -> None:
    with pytest.raises(ParamsError, match="'quux'; known are size, overlap"):
        TileParams.from_dict({"quux": 1})
    with pytest.raises(ParamsError, match=r"TileParams has no parameter 'siz'.*'size'"):
        SegmentParams.from_dict({"tiles": {"siz": 64}})


@pytest.mark.parametrize(("cls", "info"), NUMBERS, ids=name_of)
def test_out_of_range_is_refused(cls: type[Params], info: FieldInfo) -> None:
    low, high = info.options["min"], info.options["max"]
    below = low - 1 if info.kind is int else math.nextafter(low, -math.inf)
    above = high + 1 if info.kind is int else math.nextafter(high, math.inf)
    for value in (below, above):
        with pytest.raises(ParamsError, match=rf"{cls.__name__}\.{info.name} is .*between {low} and {high}"):
            cls(**{info.name: value})
        with pytest.raises(ParamsError, match="between"):
            cls.from_dict({info.name: value})
        with pytest.raises(ParamsError, match="between"):
            cls().replace(**{info.name: value})


@pytest.mark.parametrize(
    "value", ["text", None, (), [1.5], {"a": 1}, 1j, b"1", object()], ids=lambda one: type(one).__name__
)
def test_wrong_types_are_refused(value: object) -> None:
    for cls, info in LEAVES:
        with pytest.raises(ParamsError, match=rf"{cls.__name__}\.{info.name}"):
            cls(**{info.name: value})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "1", 10**400], ids=lambda value: str(value)[:9])
def test_no_numbers_are_refused(value: object) -> None:
    for cls, info in NUMBERS:
        with pytest.raises(ParamsError, match=rf"{cls.__name__}\.{info.name}"):
            cls(**{info.name: value})


@pytest.mark.parametrize("value", [0, 1, "true", 1.0])
def test_switches_take_nothing_but_true_and_false(value: object) -> None:
    for cls, info in LEAVES:
        if info.kind is bool:
            with pytest.raises(ParamsError, match=rf"{cls.__name__}\.{info.name} must be true or false"):
                cls(**{info.name: value})


def test_choices_are_listed() -> None:
    with pytest.raises(ParamsError, match=r"'kmeans'; choose one of .*angular, watershed"):
        ClusteringParams(method="kmeans")


def test_whole_numbers() -> None:
    size = TileParams(size=128.0).size
    assert size == 128
    assert type(size) is int
    assert type(ClusteringParams(angle=30).angle) is float
    with pytest.raises(ParamsError, match=r"whole number, not 128\.5"):
        TileParams(size=128.5)


def test_groups_are_groups() -> None:
    with pytest.raises(ParamsError, match="tiles must be a TileParams, not dict"):
        SegmentParams(tiles={"size": 64})
    with pytest.raises(ParamsError, match="tiles must be a TileParams, not ClusteringParams"):
        SegmentParams(tiles=ClusteringParams())
    with pytest.raises(ParamsError, match="TileParams expects named values, not int"):
        SegmentParams.from_dict({"tiles": 64})
    with pytest.raises(ParamsError, match="SegmentParams expects named values, not list"):
        SegmentParams.from_dict([])
    assert SegmentParams.from_dict({"tiles": TileParams(size=64)}).tiles.size == 64


@pytest.mark.parametrize("cls", CLASSES)
def test_nothing_changes_in_place(cls: type[Params]) -> None:
    params = cls()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(params, cls.fields()[0].name, cls.fields()[0].default)


@steady
@given(any_params(SegmentParams), any_params(SegmentParams))
def test_a_path_changes_one_value_of_a_group(params: SegmentParams, other: SegmentParams) -> None:
    changes = {
        f"{group}__{name}": value
        for group in ("normalize", "tiles", "clustering")
        for name, value in getattr(other, group).to_dict().items()
    }
    assert params.replace(**changes) == other
    for path, value in changes.items():
        group, name = path.split("__")
        expected = params.to_dict()
        expected[group][name] = value
        assert params.replace(**{path: value}).to_dict() == expected
    assert params.replace() == params


def test_a_group_and_a_value_of_it_together() -> None:
    params = SegmentParams().replace(tiles=TileParams(overlap=8), tiles__size=128)
    assert params.tiles == TileParams(overlap=8, size=128)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("tiles__siz", "TileParams has no parameter 'siz'; did you mean 'size'"),
        ("tile__size", "SegmentParams has no parameter 'tile'; did you mean 'tiles'"),
        ("tiles__size__more", "TileParams.size is no group"),
    ],
)
def test_wrong_paths_are_refused(path: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        SegmentParams().replace(**{path: 64})


def test_a_path_into_a_choice_is_refused() -> None:
    """A choice is text, and text has a method of the name ``replace``."""
    with pytest.raises(ParamsError, match=r"TrainParams\.schedule is no group"):
        TrainParams().replace(schedule__peak=1)
    with pytest.raises(ParamsError, match=r"SegmentParams\.tiles is no group"):
        SegmentParams().replace(tiles={"size": 64}, tiles__size=64)


@pytest.mark.parametrize("widths", [(), (8,), (8,) * 7])
def test_networks_have_two_to_six_levels(widths: tuple[int, ...]) -> None:
    with pytest.raises(ParamsError, match=f"2 to 6 levels, not {len(widths)}"):
        WNetConfig(widths=widths)


@pytest.mark.parametrize(("stem", "levels", "factor"), [(1, 2, 2), (1, 5, 16), (2, 3, 8), (3, 2, 6), (4, 6, 128)])
def test_pooling_factor(stem: int, levels: int, factor: int) -> None:
    assert WNetConfig(stem=stem, widths=(8,) * levels).pooling_factor == factor


def test_paper_network() -> None:
    paper = WNetConfig.paper()
    assert (paper.in_channels, paper.embedding_dim, paper.concat_channels) == (3, 8, 32)
    assert paper.widths == (32, 64, 128, 256, 512)
    assert (paper.stem, paper.norm, paper.upsample, paper.decoder_convs) == (1, "none", "conv2x2", 2)
    assert (paper.foreground_head, paper.normalize_features, paper.detach_features) == (False, True, False)
    assert WNetConfig.paper(1, 16) == paper.replace(in_channels=1, embedding_dim=16)


def test_what_is_for_some_clusterings_only_names_them() -> None:
    infos = {info.name: info for info in ClusteringParams.fields()}
    methods = typing.get_args(infos["method"].kind)
    named = {method for info in infos.values() for method in info.options.get("only_for", ())}
    assert named == set(methods)
