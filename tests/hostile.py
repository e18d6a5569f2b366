"""JSON as nobody expects it: a sound value of which parts, at any depth, are something else."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

NAMES = [
    "",
    ".",
    "..",
    "../outside",
    "/outside",
    "a\0b",
    "a" * 300,
    "CON",
    "C:\\outside",
    "..\\outside",
    "\ud800",
    "\uff0f",
]
NUMBERS = [0, -1, 7, 2**31, 2**63, 2**64, 10**30, 10**400, 0.5, -1e308, float("nan"), float("inf")]
PLAIN = st.sampled_from([None, True, False, [], {}, *NAMES, *NUMBERS])
ODD = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner), max_leaves=4
)


@st.composite
def damaged(draw: st.DrawFn, sound: Any) -> Any:
    """Return a copy of a JSON value with one to three parts replaced or taken away."""
    value = copy.deepcopy(sound)
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(_places(value)))
        if isinstance(holder, dict) and draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = draw(ODD)
        if not _places(value):
            break
    return value


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found += [(value, key), *_places(inner)]
    return found
