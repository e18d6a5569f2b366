"""Devices: what there is can be chosen, what there is not is refused, and want of memory is recognised."""

from __future__ import annotations

import pytest
import torch

from napari_wnet.errors import DeviceError
from napari_wnet.network import device as device_module
from napari_wnet.network.device import available_devices, choose_device, fast_dtype, is_out_of_memory

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")


def machine(patch: pytest.MonkeyPatch, *, gpus: int = 0, mps: bool = False) -> None:
    patch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    patch.setattr(torch.cuda, "device_count", lambda: gpus)
    patch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("gpus", "mps", "names", "fastest"),
    [
        (0, False, ["auto", "cpu"], "cpu"),
        (1, False, ["auto", "cpu", "cuda"], "cuda"),
        (2, False, ["auto", "cpu", "cuda:0", "cuda:1"], "cuda"),
        (0, True, ["auto", "cpu", "mps"], "mps"),
    ],
)
def test_every_name_offered_can_be_chosen(
    monkeypatch: pytest.MonkeyPatch, gpus: int, mps: bool, names: list[str], fastest: str
) -> None:
    machine(monkeypatch, gpus=gpus, mps=mps)
    assert available_devices() == names
    for name in names[1:]:
        assert choose_device(name) == torch.device(name)
    assert choose_device() == choose_device("auto") == torch.device(fastest)


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps", "meta", "xpu"])
def test_a_device_that_is_not_there_is_refused_naming_those_that_are(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    machine(monkeypatch)
    with pytest.raises(DeviceError, match=f"'{name}' is not available here; choose one of auto, cpu"):
        choose_device(name)


def test_a_gpu_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpus=2)
    with pytest.raises(DeviceError, match="'cuda:2' is not available here; choose one of auto, cpu, cuda:0, cuda:1"):
        choose_device("cuda:2")


@pytest.mark.parametrize("name", ["", "gpu", "CPU", "cuda:x"])
def test_what_is_no_device_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    machine(monkeypatch)
    with pytest.raises(DeviceError, match=f"'{name}' is no device; choose one of auto, cpu"):
        choose_device(name)


@pytest.mark.parametrize("device", [CPU, CUDA, MPS])
def test_a_precision_that_is_asked_for_is_taken(device: torch.device) -> None:
    assert fast_dtype(device, "float32") == torch.float32
    assert fast_dtype(device, "bfloat16") == torch.bfloat16


@pytest.mark.parametrize(("gain", "expected"), [(0.5, torch.float32), (1.0, torch.float32), (2.0, torch.bfloat16)])
def test_bfloat16_is_used_where_the_processor_is_faster_in_it(
    monkeypatch: pytest.MonkeyPatch,
    gain: float,
    expected: torch.dtype,
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    monkeypatch.setattr(device_module, "_gain", lambda: gain)
    assert fast_dtype(CPU) == expected


def test_a_processor_without_the_instructions_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would emulate them, which can take minutes."""

    def never() -> float:
        raise AssertionError("measured")

    for check in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, check, lambda: False, raising=False)
    monkeypatch.setattr(device_module, "_gain", never)
    assert fast_dtype(CPU) == torch.float32


@pytest.mark.parametrize("instructions", [True, False])
def test_bfloat16_is_used_where_the_card_has_it(monkeypatch: pytest.MonkeyPatch, instructions: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: instructions)
    assert fast_dtype(CUDA) == (torch.bfloat16 if instructions else torch.float32)
    assert fast_dtype(MPS) == torch.float32


def test_the_gain_is_the_middle_of_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([3.0, 1.0] * 2 + [1.0, 9.0] + [3.0, 1.0] * 2)
    monkeypatch.setattr(device_module, "_seconds", lambda dtype: next(times))
    device_module._gain.cache_clear()
    try:
        assert device_module._gain() == 3
        assert device_module._gain() == 3  # and not measured again: there are no more times
        assert next(times, None) is None
    finally:
        device_module._gain.cache_clear()


def test_a_convolution_takes_time() -> None:
    assert device_module._seconds(torch.float32) > 0


def test_the_processors_own_want_of_memory_is_recognised() -> None:
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**55, dtype=torch.uint8)
    assert is_out_of_memory(error.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("any words"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_want_of_memory_is_told_from_other_errors(error: BaseException, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
