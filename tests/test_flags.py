"""Flags: one for each field, and what they say is what the parameters become."""

from __future__ import annotations

import argparse
import re
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_wnet.cli import parser as whole_parser
from napari_wnet.errors import ParamsError
from napari_wnet.fields import FieldInfo, Params
from napari_wnet.flags import add_flags, apply_flags, flag_name
from napari_wnet.params import ClusteringParams, SegmentParams, WNetConfig
from napari_wnet.train_params import TrainParams
from test_params import any_params

steady = settings(deadline=None, derandomize=True, max_examples=30)
CLASSES = (SegmentParams, TrainParams, WNetConfig)


@dataclass(frozen=True, kw_only=True)
class Share(Params):
    """A group of one parameter, whose words hold what a format string would read."""

    share: Annotated[float, {"min": 0.0, "max": 1.0, "tooltip": "0: none; 1: 100 %s of it, all 100 %."}] = 0.5


def leaves(cls: type[Params], above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for info in cls.fields():
        if info.nested:
            yield from leaves(info.kind, f"{above}{info.name}__")
        else:
            yield above + info.name, info


def parser_of(cls: type[Params] | Params, **options: Any) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_flags(parser, cls, **options)
    return parser


def written(path: str, info: FieldInfo, value: Any) -> list[str]:
    """A value as a person types it."""
    flag = flag_name(path, info)
    if isinstance(value, bool):
        return [flag if value else flag.replace("--", "--no-", 1)]
    if isinstance(value, tuple):
        return [flag, *map(str, value)]
    return [f"{flag}={value}"]


def value_at(params: Params, path: str) -> Any:
    value: Any = params
    for name in path.split("__"):
        value = getattr(value, name)
    return value


def other_value(info: FieldInfo) -> Any:
    """A value that is allowed and not the default."""
    if info.kind is bool:
        return not info.default
    if typing.get_origin(info.kind) is Literal:
        return next(choice for choice in typing.get_args(info.kind) if choice != info.default)
    if typing.get_origin(info.kind) is tuple:
        return (*info.default, info.options["min"])
    low, high = info.options["min"], info.options["max"]
    return info.kind(low if info.default != low else high)


@pytest.mark.parametrize("cls", CLASSES)
def test_each_field_has_a_flag_that_sets_it_alone(cls: type[Params]) -> None:
    parser = parser_of(cls)
    for path, info in leaves(cls):
        value = other_value(info)
        given_flags = vars(parser.parse_args(written(path, info, value)))
        assert set(given_flags) == {path}
        after = apply_flags(cls(), given_flags)
        assert value_at(after, path) == value
        assert type(value_at(after, path)) is type(value)
        assert after == cls().replace(**{path: value}) != cls()


@pytest.mark.parametrize("cls", CLASSES)
@steady
@given(data=st.data())
def test_given_flags_set_their_fields_and_no_others(cls: type[Params], data: st.DataObject) -> None:
    before, other = data.draw(any_params(cls)), data.draw(any_params(cls))
    chosen = data.draw(st.lists(st.sampled_from(list(leaves(cls))), unique_by=lambda leaf: leaf[0]))
    arguments = [word for path, info in chosen for word in written(path, info, value_at(other, path))]
    after = apply_flags(before, vars(parser_of(cls).parse_args(arguments)))
    paths = {path for path, _ in chosen}
    for path, _ in leaves(cls):
        assert value_at(after, path) == value_at(other if path in paths else before, path)


@pytest.mark.parametrize("cls", CLASSES)
@steady
@given(data=st.data())
def test_all_flags_at_once_give_the_parameters_back(cls: type[Params], data: st.DataObject) -> None:
    params = data.draw(any_params(cls))
    arguments = [word for path, info in leaves(cls) for word in written(path, info, value_at(params, path))]
    assert apply_flags(cls(), vars(parser_of(cls).parse_args(arguments))) == params


def test_entries_of_other_flags_are_left_alone() -> None:
    given_flags = {"model": "nuclei", "out": None, "size": 3, "clustering": "angular", "clustering__angle": 30}
    assert apply_flags(SegmentParams(), given_flags) == SegmentParams(clustering=ClusteringParams(angle=30.0))


@pytest.mark.parametrize("but", ["augment", "augment__flip", "loss"])
def test_some_can_be_left_out(but: str) -> None:
    names = {action.dest for action in parser_of(TrainParams, but=(but,))._actions} - {"help"}
    every = {path for path, _ in leaves(TrainParams)}
    left_out = {path for path in every if path == but or path.startswith(f"{but}__")}
    assert left_out
    assert names == every - left_out


def commands() -> dict[str, argparse.ArgumentParser]:
    actions = whole_parser()._actions
    return dict(next(action for action in actions if isinstance(action, argparse._SubParsersAction)).choices)


@pytest.mark.parametrize("command", sorted(commands()))
def test_names_are_unique_in_a_command(command: str) -> None:
    actions = commands()[command]._actions
    flags = [flag for action in actions for flag in action.option_strings]
    assert len(flags) == len(set(flags))
    targets = [action.dest for action in actions]
    assert len(targets) == len(set(targets))


@pytest.mark.parametrize("command", ["segment", "train"])
def test_every_parameter_is_a_flag_of_its_command(command: str) -> None:
    found = {action.dest: action.option_strings for action in commands()[command]._actions}
    classes = (SegmentParams,) if command == "segment" else (TrainParams, WNetConfig)
    for cls in classes:
        for path, info in leaves(cls):
            if path != "in_channels":  # as many as the images have
                assert flag_name(path, info) in found[path]


@pytest.mark.parametrize("command", sorted(commands()))
def test_help_can_be_shown(command: str) -> None:
    text = commands()[command].format_help()
    assert command in text


def test_help_says_what_a_flag_does_and_its_default() -> None:
    text = " ".join(parser_of(SegmentParams()).format_help().split())
    for _, info in leaves(SegmentParams):
        assert " ".join(info.options["tooltip"].split()) in text
    assert "(default 45.0)" in text
    assert "1: 100 %s of it, all 100 %. (default 0.5)" in " ".join(parser_of(Share).format_help().split())
    assert "(default 24 48 96)" in " ".join(parser_of(WNetConfig).format_help().split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--angle", "200"], "angle is 200; it must lie between 1.0 and 90.0"),
        (["--tile-size", "100.5"], "size must be a whole number"),
        (["--seed-threshold", "nan"], "seed_threshold must be a finite number"),
        (["--min-area", "-1"], "min_area is -1"),
    ],
)
def test_out_of_range_is_told_as_for_any_parameter(arguments: list[str], message: str) -> None:
    given_flags = vars(parser_of(SegmentParams).parse_args(arguments))
    with pytest.raises(ParamsError, match=message):
        apply_flags(SegmentParams(), given_flags)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--clustering", "kmeans"], "invalid choice: 'kmeans'"),
        (["--angle", "wide"], "invalid .* value: 'wide'"),
        (["--fill", "yes"], "unrecognized arguments: yes"),
        (["--angle"], "expected one argument"),
    ],
)
def test_what_cannot_be_read_is_wrong_use(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        parser_of(SegmentParams).parse_args(arguments)
    assert error.value.code == 2
    assert re.search(message, capsys.readouterr().err)
