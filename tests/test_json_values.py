from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_wnet.json_values import parse_json, read_json, value_of


@pytest.mark.parametrize(
    "text", ["", "{", b"\xff\xfe", "[NaN]", "Infinity", "1" * 5000, "[" * 100_000, '{"a":' * 100_000, b'"\xed\xa0\x80"']
)
def test_whatever_is_wrong_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_json(text)


def test_a_file_of_gigabytes_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(2**40)  # sparse
    with pytest.raises(ValueError, match="more than 64 MB"):
        read_json(tmp_path / "a.json")


def test_what_is_json_is_read() -> None:
    assert parse_json(b'{"a": [1, null, "\xc3\xa4"]}') == {"a": [1, None, "ä"]}
    assert parse_json("[Infinity]", constants=True) == [float("inf")]
    assert parse_json('{"a": 1}', pairs=lambda pairs: {"n": len(pairs)}) == {"n": 1}


@pytest.mark.parametrize(("value", "kind"), [(True, int), ("1", int), (None, str), ([], dict), (1, bool), (1, str)])
def test_a_value_of_another_kind_is_named(value: Any, kind: type) -> None:
    with pytest.raises(ValueError, match="a"):
        value_of({"a": value}, "a", kind)
    with pytest.raises(KeyError, match="b"):
        value_of({"a": value}, "b", kind)


def test_a_value_of_its_kind_is_returned() -> None:
    assert value_of({"a": 3}, "a", int) == 3
    assert value_of({"a": True}, "a", bool) is True
