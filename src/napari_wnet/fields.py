"""The base of every settings class: frozen, checked against its own declarations, to and from plain dictionaries."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from napari_wnet.errors import ParamsError

LONGEST_SHOWN = 200


@dataclass(frozen=True, kw_only=True)
class FieldInfo:
    """One declared field: what a form, a flag or a check needs to know of it."""

    name: str
    kind: Any
    default: Any
    options: Mapping[str, Any]

    @property
    def nested(self) -> bool:
        """Whether the field is a group of parameters of its own."""
        return isinstance(self.kind, type) and issubclass(self.kind, Params)


@dataclass(frozen=True, kw_only=True)
class Params:
    """A frozen group of checked settings that converts to and from plain dictionaries."""

    def __post_init__(self) -> None:
        for info in self.fields():
            object.__setattr__(self, info.name, _checked(type(self).__name__, info, getattr(self, info.name)))

    @classmethod
    def fields(cls) -> tuple[FieldInfo, ...]:
        """Return the declared fields in order."""
        return _declared(cls)  # type: ignore[arg-type]  # mypy confuses the class's hash with its instances'

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed.

        ``a__b`` names field ``b`` of the group ``a``.

        Raises
        ------
        ParamsError
            If a name is unknown or a value is out of range.
        """
        own: dict[str, Any] = {}
        groups: dict[str, dict[str, Any]] = {}
        for name, value in changes.items():
            head, _, rest = name.partition("__")
            if rest:
                groups.setdefault(head, {})[rest] = value
            else:
                own[head] = value
        _refuse_unknown(type(self), [*own, *groups])
        for name, inner in groups.items():
            group = own.get(name, getattr(self, name))
            if not isinstance(group, Params):
                raise ParamsError(
                    f"{type(self).__name__}.{name} is no group, so it has no '{next(iter(inner))}' to set."
                )
            own[name] = group.replace(**inner)
        return dataclasses.replace(self, **own)

    def updated(self, values: Mapping[str, Any]) -> Self:
        """Return a copy with what a mapping as of :meth:`to_dict` says, however little.

        Raises
        ------
        ParamsError
            As :meth:`from_dict`.
        """
        given = type(self).from_dict(values)
        changes = {
            info.name: getattr(self, info.name).updated(values[info.name])
            if info.nested and not isinstance(values[info.name], Params)
            else getattr(given, info.name)
            for info in self.fields()
            if info.name in values
        }
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, numbers and strings, ready for JSON or YAML."""
        return {
            info.name: value.to_dict()
            if isinstance(value, Params)
            else list(value)
            if isinstance(value, tuple)
            else value
            for info in self.fields()
            for value in [getattr(self, info.name)]
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make the group from a mapping; what is missing takes its default.

        Raises
        ------
        ParamsError
            If a key is unknown (the message suggests the nearest) or a value does not fit.
        """
        if not isinstance(values, Mapping):
            raise ParamsError(f"{cls.__name__} expects named values, not {type(values).__name__}.")
        _refuse_unknown(cls, list(values))
        kinds = {info.name: info for info in cls.fields()}
        return cls(
            **{
                name: kinds[name].kind.from_dict(value)
                if kinds[name].nested and not isinstance(value, Params)
                else value
                for name, value in values.items()
            }
        )


@functools.cache  # reading the annotations takes milliseconds, and forms do it with every move of a slider
def _declared(cls: type[Params]) -> tuple[FieldInfo, ...]:
    hints = typing.get_type_hints(cls, include_extras=True)
    infos = []
    for item in dataclasses.fields(cls):
        hint, options = hints[item.name], {}
        if typing.get_origin(hint) is Annotated:
            hint, options = typing.get_args(hint)[:2]
        default = item.default_factory() if callable(item.default_factory) else item.default
        infos.append(FieldInfo(name=item.name, kind=hint, default=default, options=options))
    return tuple(infos)


def _refuse_unknown(cls: type[Params], names: list[str]) -> None:
    known = [info.name for info in cls.fields()]
    for name in names:
        if name not in known:
            raise ParamsError(f"{cls.__name__} has no parameter {_shown(str(name))}; {_nearest(cls, str(name), known)}")


def _nearest(cls: type[Params], name: str, known: list[str]) -> str:
    """Return which parameter may be meant: one of the group itself, else one of a group within it."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    groups: dict[str, str] = {}
    for inner, group in _inner_fields(cls):
        groups.setdefault(inner, group)
    near = difflib.get_close_matches(name, list(groups), n=1)
    if near:
        return f"did you mean '{near[0]}' in the group '{groups[near[0]]}'?"
    return f"known are {', '.join(known)}."


def _inner_fields(cls: type[Params], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield the fields of the groups within a group, each with the path of its own."""
    for info in cls.fields():
        if info.nested:
            path = f"{above}.{info.name}" if above else info.name
            yield from ((inner.name, path) for inner in info.kind.fields() if not inner.nested)
            yield from _inner_fields(info.kind, path)


def _checked(owner: str, info: FieldInfo, value: Any) -> Any:
    where = f"{owner}.{info.name}"
    kind = info.kind
    if info.nested:
        if not isinstance(value, kind):
            raise ParamsError(f"{where} must be a {kind.__name__}, not {type(value).__name__}.")
        return value
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        if value not in choices:
            raise ParamsError(f"{where} is {_shown(value)}; choose one of {', '.join(map(str, choices))}.")
        return value
    if typing.get_origin(kind) is tuple:
        return _checked_items(owner, info, value)
    if kind is bool:
        if not isinstance(value, bool):
            raise ParamsError(f"{where} must be true or false, not {_shown(value)}.")
        return value
    if kind in (int, float):
        return _checked_number(where, info, value)
    if not isinstance(value, kind):
        raise ParamsError(f"{where} must be text, not {_shown(value)}; in a file, put it in quotes.")
    return value


def _shown(value: Any) -> str:
    """Return a value for a message; it may come from a file that holds megabytes, or lists without an end."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # the latter of a number with thousands of digits
        return f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _checked_items(owner: str, info: FieldInfo, value: Any) -> tuple[Any, ...]:
    item = dataclasses.replace(info, kind=typing.get_args(info.kind)[0])
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise ParamsError(f"{owner}.{info.name} must be a list of {item.kind.__name__}, not {_shown(value)}.")
    return tuple(_checked(owner, item, entry) for entry in value)


def _checked_number(where: str, info: FieldInfo, value: Any) -> Any:
    words = info.options.get("words", {})
    if isinstance(value, str) and value in words:
        return words[value]
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise ParamsError(f"{where} must be a number, not {_shown(value)}.")
    try:
        number = float(value)
    except (OverflowError, ValueError, TypeError):  # a whole number of hundreds of digits, or an odd type
        number = math.nan
    if not math.isfinite(number) or (info.kind is int and number != int(number)):
        raise ParamsError(f"{where} must be a {'whole' if info.kind is int else 'finite'} number, not {_shown(value)}.")
    if number in words.values():
        return info.kind(number)
    low, high = info.options.get("min", -math.inf), info.options.get("max", math.inf)
    if not low <= number <= high:
        raise ParamsError(f"{where} is {_shown(value)}; it must lie between {low} and {high}.")
    return info.kind(value)
