"""Memory is reused while a network runs, and the C library told so once, however many run."""

from __future__ import annotations

import ctypes
import sys

import numpy as np
import pytest

from napari_wnet.network import allocator
from napari_wnet.network.allocator import DEFAULT_MMAP_MAX, M_MMAP_MAX, reusing_memory


class Library:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def mallopt(self, option: int, value: int) -> int:
        self.told.append((option, value))
        return 1


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    library = Library()
    monkeypatch.setattr(allocator, "_glibc", lambda: library)
    return library


def blocks(library: Library) -> list[int]:
    return [value for option, value in library.told if option == M_MMAP_MAX]


def test_the_outermost_block_switches_on_and_off(library: Library) -> None:
    with reusing_memory():
        assert blocks(library) == [0]
        with reusing_memory():
            pass
        assert blocks(library) == [0]
    assert blocks(library) == [0, DEFAULT_MMAP_MAX]


def test_an_error_within_switches_off_too(library: Library) -> None:
    with pytest.raises(ValueError, match="within"), reusing_memory():
        raise ValueError("within")
    assert blocks(library) == [0, DEFAULT_MMAP_MAX]


def test_without_that_library_the_block_just_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    ran = []
    with reusing_memory():
        ran.append(allocator._glibc())
    assert ran == [None]


@pytest.mark.skipif(sys.platform != "linux", reason="the settings are those of Linux's C library")
def test_the_library_takes_the_settings() -> None:
    assert allocator._glibc() is not None or not hasattr(ctypes.CDLL(None), "gnu_get_libc_version")
    with reusing_memory():
        large = [np.full(10**7, number, np.int64) for number in range(3)]
    assert [int(array[-1]) for array in large] == [0, 1, 2]
