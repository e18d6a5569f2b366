"""The configuration file of a training: YAML that means what it looks like, or a refusal that says why not."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from napari_wnet.errors import ParamsError

MOST_BYTES = 2**17
"""A page of settings is a few kilobytes; what is larger is some other file, and takes seconds to find that out."""
INT_TAG, FLOAT_TAG = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
GROUPS = frozenset({"network", "params", "clustering", "normalize", "loss", "augment"})
EXAMPLE = "write one setting a line, such as 'images: photos'"


class _Loader(yaml.SafeLoader):
    """Plain data only, and nothing that silently means something else than it says."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        # A few lines of aliases of aliases would stand for billions of values.
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(
                None, None, "references to other parts (*name) are not read; write the value out", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{name}' is there twice; leave one of them out", key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


# YAML 1.1 takes 1e-3, without a point, for a word, 010 for 8 and 1:30 for 90.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (INT_TAG, FLOAT_TAG)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(INT_TAG, re.compile(r"^[-+]?(0|[1-9][0-9_]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    FLOAT_TAG,
    re.compile(r"^[-+]?([0-9][0-9_]*(\.[0-9]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)|\.[0-9]+([eE][-+]?[0-9]+)?)$"),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver(FLOAT_TAG, re.compile(r"^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"), list("-+."))


def read_config(path: Path | None) -> dict[str, Any]:
    """Return what a configuration file says, as it says it; an empty file or group, or none, says nothing.

    Raises
    ------
    ParamsError
        If the file cannot be read, is no YAML, or holds something else than named settings.
    """
    if path is None:
        return {}
    try:
        if path.is_dir():
            raise ParamsError(f"{path} is a folder; give --config the file in it.")
        if path.stat().st_size > MOST_BYTES:
            raise ParamsError(f"{path} is too large to be settings; give --config a YAML file.")
        values = yaml.load(path.read_text(encoding="utf-8-sig"), _Loader)
    except OSError as error:
        raise ParamsError(f"{path} cannot be read ({error.strerror}); check the name given to --config.") from error
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path} is not text in UTF-8; save it as UTF-8, or give --config a YAML file.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a 13th month
        raise ParamsError(f"{path} cannot be read as YAML: {_reason(error)}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        kind = "a list" if isinstance(values, list) else "a single value"
        raise ParamsError(f"{path} holds {kind}, not named settings; {EXAMPLE}.")
    return _filled(values)


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with groups of which nothing is said, or not any more, as empty ones."""
    return {
        name: {} if value is None and name in GROUPS else _filled(value) if isinstance(value, dict) else value
        for name, value in values.items()
    }


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply; a setting is at most in a group of a group."
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"{problem}." if mark is None else f"line {mark.line + 1}: {problem}."
