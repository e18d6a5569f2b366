"""What is told of an error, whichever way it comes."""

from __future__ import annotations

from napari_wnet.errors import ImageError, first_of


def test_of_a_group_within_groups_the_first_error_is_told():
    told = ImageError("told")
    inner = ExceptionGroup("inner", [told, ValueError("second")])
    assert first_of(ExceptionGroup("outer", [inner, KeyError("third")])) is told
    assert first_of(told) is told
