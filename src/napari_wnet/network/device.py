"""Where the network runs, and in which precision."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Iterator
from functools import cache
from typing import Literal

import torch

from napari_wnet.errors import DeviceError

MOST_THREADS = 64
"""More than there are processors serve the same order of sums alone; where the system refuses one, all of it ends."""
CLEARLY_FASTER = 1.2
"""What bfloat16 must win over float32 on a processor. It is half as fast on some, and twice or four times as fast on
others, far from this: so the choice, and with it the labels, do not hang on how busy the processor is."""


def available_devices() -> list[str]:
    """Return the names a user can choose from here; ``auto`` takes the fastest."""
    names = ["auto", "cpu"]
    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        names += ["cuda"] if count == 1 else [f"cuda:{i}" for i in range(count)]
    if torch.backends.mps.is_available():
        names.append("mps")
    return names


def choose_device(name: str = "auto") -> torch.device:
    """Return the named device; ``auto`` is CUDA, else Apple's GPU, else the CPU.

    Raises
    ------
    DeviceError
        If there is no such device here.
    """
    if name == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(kind)
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"'{name}' is no device; choose one of {', '.join(available_devices())}.") from error
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(device.type, False):
        raise DeviceError(f"Device '{name}' is not available here; choose one of {', '.join(available_devices())}.")
    return device


def usable_threads(count: int) -> int:
    """Return how many processor threads to have where so many are asked for, as by a file from a larger machine."""
    return min(count, max(MOST_THREADS, os.cpu_count() or 1))


@contextlib.contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Compute with a number of processor threads, None: with as many as it is.

    Sums come out in another order with another number, and so a few pixels of labels. See :func:`usable_threads`.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(usable_threads(count or before))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fast_dtype(device: torch.device, precision: Literal["auto", "float32", "bfloat16"] = "auto") -> torch.dtype:
    """Return the number format for autocast: bfloat16 where the hardware multiplies it faster than float32.

    On a processor with the instructions this is measured once, in some tenths of a second: there are some on which a
    convolution in bfloat16 takes twice as long as in float32.
    """
    if precision != "auto":
        return torch.bfloat16 if precision == "bfloat16" else torch.float32
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        # Without the instructions bfloat16 is emulated, hundreds of times slower; torch has no public question for it.
        checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        fast = any(getattr(torch.cpu, check, bool)() for check in checks) and _gain() > CLEARLY_FASTER
    else:
        fast = False
    return torch.bfloat16 if fast else torch.float32


@cache
def _gain() -> float:
    """Return how many times faster than in float32 a convolution like the network's is in bfloat16 on this processor.

    The two take turns, so that whatever else the processor does disturbs both.
    """
    gains = []
    with torch.inference_mode():
        for _ in range(5):
            single, half = (_seconds(dtype) for dtype in (torch.float32, torch.bfloat16))
            gains.append(single / half)
    return statistics.median(gains)


def _seconds(dtype: torch.dtype) -> float:
    """Return the time of one such convolution."""
    image = torch.ones(1, 48, 256, 256, dtype=dtype).to(memory_format=torch.channels_last)
    kernels = torch.ones(48, 48, 3, 3, dtype=dtype).to(memory_format=torch.channels_last)
    began = time.perf_counter()
    torch.nn.functional.conv2d(image, kernels, padding=1)
    return time.perf_counter() - began


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether torch failed for want of memory, on whichever device."""
    text = str(error).lower()
    signs = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")  # the last: cuDNN, cuBLAS
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(sign in text for sign in signs)
    )
