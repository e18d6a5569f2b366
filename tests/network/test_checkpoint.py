"""Model files: what is saved comes back, and what is damaged, hostile or too new is refused with a remedy."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import importlib.util
import json
import os
import pickle
import struct
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_wnet.errors import ModelError, OutputError
from napari_wnet.network.checkpoint import (
    ModelHeader,
    load_state,
    read_header,
    read_model,
    save_model,
    save_state,
)
from napari_wnet.network.wnet import WNet
from napari_wnet.params import ClusteringParams, NormalizeParams, SegmentParams, WNetConfig

DATA = Path(__file__).parents[1] / "data"
CONFIG = WNetConfig(embedding_dim=4, widths=(4, 8), stem=1, concat_channels=4)
HEADER = ModelHeader(
    name="tiny",
    description="for tests",
    config=CONFIG,
    params=SegmentParams(normalize=NormalizeParams(method="standardize"), clustering=ClusteringParams(angle=30.0)),
    channels=("nuclei",),
    diameter=20.0,
    licence="CC0-1.0",
    provenance={"steps": 3, "data": ["a", "b"]},
    scores={"SBD": 0.5},
)
IMAGE = torch.linspace(-1, 2, 16 * 24).sin().reshape(1, 1, 16, 24)


@pytest.fixture
def network() -> WNet:
    torch.manual_seed(1)
    made = WNet(CONFIG).train()
    for _ in range(3):
        made(IMAGE + torch.randn_like(IMAGE))
    return made.eval()


@pytest.fixture
def model_file(tmp_path: Path, network: WNet) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_model(path, network, HEADER)
    return path


def header_json(**changes: Any) -> dict[str, Any]:
    return {**json.loads(HEADER.to_json()), **changes}


def write_model(path: Path, network: WNet, header: Any, **tensors: torch.Tensor) -> Path:
    """Write a file as another program could: any header, any tensors."""
    text = header if isinstance(header, str) else json.dumps(header)
    path.write_bytes(safetensors.torch.save({**network.state_dict(), **tensors}, {"napari_wnet": text}))
    return path


def raw_file(path: Path, header: bytes, *, length: int | None = None, data: bytes = b"") -> Path:
    path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + data)
    return path


# --- what is saved comes back


def test_model_comes_back_exactly(tmp_path: Path, network: WNet) -> None:
    path = tmp_path / "full.safetensors"
    sha256 = save_model(path, network, HEADER, half=False)
    model = read_model(path)
    assert model.header == HEADER == read_header(path)
    assert model.sha256 == sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (model.name, model.path) == ("tiny", path)
    with torch.inference_mode():
        for before, after in zip(network(IMAGE)[:3], model.network(IMAGE)[:3], strict=True):
            assert torch.equal(before, after)


def test_half_precision_predicts_the_same_within_its_rounding(tmp_path: Path, network: WNet, model_file: Path) -> None:
    save_model(tmp_path / "full.safetensors", network, HEADER, half=False)
    assert model_file.stat().st_size < (tmp_path / "full.safetensors").stat().st_size
    loaded = read_model(model_file).network
    assert not loaded.training
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32, torch.int64}
    assert all(tensor.device.type == "cpu" for tensor in (*loaded.parameters(), *loaded.buffers()))
    with torch.inference_mode():
        for before, after in zip(network(IMAGE)[:3], loaded(IMAGE)[:3], strict=True):
            assert torch.allclose(before, after, atol=2e-2)
    assert torch.equal(  # statistics keep their 32 bits
        loaded.state_dict()["unet1.encoder.0.0.1.running_var"], network.state_dict()["unet1.encoder.0.0.1.running_var"]
    )


@pytest.mark.parametrize("value", [1e5, 1e-9])
def test_weights_that_16_bits_cannot_hold_keep_32(tmp_path: Path, network: WNet, value: float) -> None:
    with torch.no_grad():
        network.distance.weight.fill_(value)
    save_model(tmp_path / "m.safetensors", network, HEADER)
    assert torch.equal(read_model(tmp_path / "m.safetensors").network.distance.weight, network.distance.weight)


def test_loaded_network_can_be_trained_on(model_file: Path) -> None:
    loaded = read_model(model_file).network.train()
    loaded(IMAGE).embedding.square().sum().backward()
    assert all(parameter.requires_grad for parameter in loaded.parameters())


def test_reading_leaves_random_numbers_alone(model_file: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    read_model(model_file)
    assert torch.equal(torch.rand(3), expected)


def test_the_same_model_is_the_same_file(tmp_path: Path, network: WNet) -> None:
    hashes = {save_model(tmp_path / f"{i}.safetensors", network, HEADER) for i in range(3)}
    assert len(hashes) == 1


@pytest.mark.parametrize("norm", ["none", "batch", "channel"])
def test_every_normalisation_can_be_saved(tmp_path: Path, norm: Any) -> None:
    network = WNet(CONFIG.replace(norm=norm, foreground_head=False)).eval()
    save_model(tmp_path / "m.safetensors", network, dataclasses.replace(HEADER, config=network.config), half=False)
    with torch.inference_mode():
        assert torch.equal(read_model(tmp_path / "m.safetensors").network(IMAGE).embedding, network(IMAGE).embedding)


def test_header_stores_what_a_training_run_may_report(tmp_path: Path, network: WNet) -> None:
    odd = {"AP": np.float32(0.5), "DiC": float("nan"), "n": np.int64(3), "file": Path("a"), "all": np.arange(2)}
    save_model(tmp_path / "m.safetensors", network, dataclasses.replace(HEADER, scores=odd))
    scores = read_header(tmp_path / "m.safetensors").scores
    assert scores == {"AP": 0.5, "DiC": None, "n": 3, "file": "a", "all": [0, 1]}


def test_the_first_format_loads_for_good() -> None:
    """A file made before the first release, and its predictions."""
    maker = _module(DATA / "make_model_format1.py")
    expected = json.loads((DATA / "model_format1.json").read_text())
    model = read_model(DATA / "model_format1.safetensors")
    assert model.header.channels == ("nuclei", "membrane")
    assert (model.header.diameter, model.header.params.clustering.angle) == (17.5, 40.0)
    assert not model.header.notes
    with torch.inference_mode():
        maps = model.network(maker.pattern())
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(maps, name)[0, :, ::5, ::7].numpy().ravel(), values, atol=1e-4)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- saving


def test_an_existing_file_is_replaced_only_on_request(model_file: Path, network: WNet) -> None:
    before = model_file.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        save_model(model_file, network, HEADER)
    assert model_file.read_bytes() == before
    save_model(model_file, network, dataclasses.replace(HEADER, name="new"), overwrite=True)
    assert read_header(model_file).name == "new"


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    model_file: Path, network: WNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = model_file.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="Make room"):
        save_model(model_file, network, HEADER, half=False, overwrite=True)
    assert model_file.read_bytes() == before
    assert list(model_file.parent.iterdir()) == [model_file]


def test_a_folder_that_cannot_be_made(tmp_path: Path, network: WNet) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="could not be written"):
        save_model(tmp_path / "file" / "m.safetensors", network, HEADER)


def test_diverged_weights_are_not_saved(tmp_path: Path, network: WNet) -> None:
    with torch.no_grad():
        network.distance.weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(ModelError, match="diverged"):
        save_model(tmp_path / "m.safetensors", network, HEADER)


def test_the_header_must_describe_the_network(tmp_path: Path, network: WNet) -> None:
    with pytest.raises(ModelError, match="another network"):
        save_model(tmp_path / "m.safetensors", network, dataclasses.replace(HEADER, config=WNetConfig()))


@pytest.mark.parametrize("changes", [{"channels": ("a", "b")}, {"diameter": -1.0}, {"diameter": float("nan")}])
def test_contradictory_headers_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        dataclasses.replace(HEADER, **changes)


# --- other versions


def test_a_newer_format_is_refused_with_the_remedy(tmp_path: Path, network: WNet) -> None:
    path = write_model(tmp_path / "m.safetensors", network, header_json(format_version=2, config="unreadable here"))
    with pytest.raises(ModelError, match=r"newer napari-wnet.*pip install --upgrade"):
        read_model(path)


def test_unknown_parts_of_the_header_survive_a_round_trip(tmp_path: Path, network: WNet) -> None:
    path = write_model(tmp_path / "m.safetensors", network, header_json(citation={"doi": "10.1/x"}))
    header = read_header(path)
    assert header.extra == {"citation": {"doi": "10.1/x"}}
    save_model(tmp_path / "n.safetensors", network, header)
    assert read_header(tmp_path / "n.safetensors") == header


def test_unknown_recommendations_are_ignored_with_a_note(tmp_path: Path, network: WNet) -> None:
    params = HEADER.params.to_dict()
    params["clustering"] |= {"snap": 3, "method": "telepathy"}
    params["edges"] = {"width": 2}
    header = read_header(write_model(tmp_path / "m.safetensors", network, header_json(params=params)))
    assert header.params == HEADER.params
    assert len(header.notes) == 3
    assert all(any(word in note for note in header.notes) for word in ("snap", "telepathy", "edges"))


def test_missing_recommendations_take_their_defaults(tmp_path: Path, network: WNet) -> None:
    path = write_model(tmp_path / "m.safetensors", network, {"format_version": 1, "config": CONFIG.to_dict()})
    model = read_model(path)
    assert model.header.params == SegmentParams()
    assert model.name == "m"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {**CONFIG.to_dict(), "attention": True}}, "attention.*pip install --upgrade"),
        ({"config": {**CONFIG.to_dict(), "norm": "group"}}, "pip install --upgrade"),
        ({"params": {"normalize": {"method": "retinex"}}}, "normalised as in training.*pip install --upgrade"),
    ],
)
def test_what_changes_the_maps_is_not_ignored(
    tmp_path: Path, network: WNet, changes: dict[str, Any], message: str
) -> None:
    path = write_model(tmp_path / "m.safetensors", network, header_json(**changes))
    with pytest.raises(ModelError, match=message):
        read_model(path)


# --- files that are no models


@pytest.mark.parametrize("zipped", [True, False])
def test_pickles_are_recognised_and_never_opened(tmp_path: Path, network: WNet, zipped: bool) -> None:
    torch.save(network.state_dict(), tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match=r"run code.*\.safetensors"):
        read_model(tmp_path / "m.pt")


def test_a_pickle_named_safetensors_runs_nothing(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        (tmp_path / "m.safetensors").write_bytes(pickle.dumps(Trap(), protocol))
        with pytest.raises(ModelError):
            read_model(tmp_path / "m.safetensors")
    assert not (tmp_path / "sprung").exists()


def test_a_header_length_that_looks_like_a_pickle_is_none(tmp_path: Path, network: WNet) -> None:
    """A header of 640 bytes, for one, makes the file start with a pickle's mark."""
    state, text = network.state_dict(), HEADER.to_json()
    length = int.from_bytes(safetensors.torch.save(state, {"napari_wnet": text})[:8], "little")
    padding = " " * ((0x0280 - length) % 2**16)
    data = safetensors.torch.save(state, {"napari_wnet": text + padding})
    assert data.startswith(b"\x80\x02")
    (tmp_path / "m.safetensors").write_bytes(data)
    assert read_model(tmp_path / "m.safetensors").header == HEADER


@pytest.mark.parametrize("content", [b"", b"\x01", b"<!DOCTYPE html><html>", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_other_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="download it again"):
        read_model(tmp_path / "m.safetensors")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        read_model(tmp_path / "none.safetensors")
    with pytest.raises(ModelError, match="is not a file"):
        read_model(tmp_path)


def test_somebody_elses_safetensors(tmp_path: Path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(2)}, tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match="not a napari-wnet model"):
        read_model(tmp_path / "m.safetensors")


# --- damage


@settings(max_examples=60, deadline=None)
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(tmp_path_factory: pytest.TempPathFactory, part: float) -> None:
    whole = (DATA / "model_format1.safetensors").read_bytes()
    path = tmp_path_factory.mktemp("cut") / "m.safetensors"
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(ModelError, match="download it again"):
        read_model(path)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damage_anywhere_is_an_error_or_harmless(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    damaged = bytearray((DATA / "model_format1.safetensors").read_bytes())
    in_header = data.draw(st.booleans())
    end = 8 + int.from_bytes(damaged[:8], "little") if in_header else len(damaged)
    for position in data.draw(st.lists(st.integers(0, end - 1), min_size=1, max_size=5)):
        damaged[position] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("bad") / "m.safetensors"
    path.write_bytes(damaged)
    try:
        model = read_model(path)
    except ModelError:
        return
    assert all(torch.isfinite(tensor).all() for tensor in model.network.state_dict().values())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers(tmp_path: Path, network: WNet, value: float) -> None:
    weight = network.distance.weight.detach().clone()
    weight[0, 0, 1, 1] = value
    path = write_model(tmp_path / "m.safetensors", network, header_json(), **{"distance.weight": weight})
    with pytest.raises(ModelError, match="NaN or infinite"):
        read_model(path)


def test_tensors_that_are_not_the_networks(tmp_path: Path, network: WNet) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(ModelError, match="besides the network's the tensor 'virus'"):
        read_model(write_model(path, network, header_json(), virus=torch.zeros(1)))
    with pytest.raises(ModelError, match=r"distance\.weight has shape \(2, 2\)"):
        read_model(write_model(path, network, header_json(), **{"distance.weight": torch.zeros(2, 2)}))
    larger = WNet(CONFIG.replace(norm="none"))
    with pytest.raises(ModelError, match="lacks the tensor"):
        read_model(write_model(path, larger, header_json()))


@pytest.mark.parametrize(
    "header",
    [
        "not json",
        "[]",
        "{}",
        '{"format_version": 1}',
        '{"format_version": true}',
        '{"format_version": 0}',
        '{"format_version": "1"}',
        '{"format_version": 1, "format_version": 1}',
        '{"format_version": 1, "config": {"in_channels": NaN}}',
        '{"format_version": 1, "config": {"in_channels": 1' + "0" * 400 + "}}",
        '{"format_version": 1, "config": {"in_channels": 1' + "0" * 5000 + "}}",
        '{"format_version": 1, "config": {"in_channels": 1e999}}',
        '{"format_version": 1, "config": {"widths": 7}}',
        '{"format_version": 1, "config": {"widths": [[4], [8]]}}',
        '{"format_version": 1, "config": {"norm": ["batch"]}}',
        '{"format_version": 1, "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"format_version": 1, "x": ' + '{"a":' * 900 + "1" + "}" * 900 + "}",
    ],
)
def test_headers_that_make_no_sense(tmp_path: Path, network: WNet, header: str) -> None:
    path = write_model(tmp_path / "m.safetensors", network, header)
    for read in (read_header, read_model):
        with pytest.raises(ModelError):
            read(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": 3},
        {"channels": "nuclei"},
        {"channels": ["a", "b"]},
        {"diameter": "wide"},
        {"diameter": -3},
        {"provenance": []},
        {"scores": 0.9},
        {"params": []},
        {"params": {"clustering": 3}},
        {"params": {"normalize": {"low": "deep"}}},
        {"config": []},
    ],
)
def test_headers_with_a_wrong_type(tmp_path: Path, network: WNet, changes: dict[str, Any]) -> None:
    path = write_model(tmp_path / "m.safetensors", network, header_json(**changes))
    with pytest.raises(ModelError):
        read_header(path)


def test_control_characters_cannot_reach_a_terminal(tmp_path: Path, network: WNet) -> None:
    changes = {"name": "a\x1b[2Jb\ud800", "description": "one\ntwo\r\x07", "provenance": {"k\x1b": ["v\x1b"]}}
    header = read_header(write_model(tmp_path / "m.safetensors", network, header_json(**changes)))
    assert (header.name, header.description) == ("a[2Jb", "one\ntwo")
    assert header.provenance == {"k": ["v"]}


# --- hostile sizes


@pytest.mark.parametrize(
    "config",
    [
        {"in_channels": 10**9},
        {"in_channels": 64, "widths": [2048] * 6, "embedding_dim": 64},  # within the limits, but 8 GB
        {"widths": [2048] * 100_000},
        {"embedding_dim": 10**18},
    ],
)
def test_a_network_larger_than_its_file_is_never_built(tmp_path: Path, network: WNet, config: dict[str, Any]) -> None:
    resource = pytest.importorskip("resource")
    path = write_model(tmp_path / "m.safetensors", network, header_json(config={**CONFIG.to_dict(), **config}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError):
        read_model(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


@pytest.mark.parametrize("length", [0, 10**6, 100_000_000, 2**40, 2**63, 2**64 - 1])
def test_a_header_length_that_lies(tmp_path: Path, length: int) -> None:
    with pytest.raises(ModelError):
        read_model(raw_file(tmp_path / "m.safetensors", b'{"__metadata__":{}}', length=length))


def test_a_header_of_100_mb_is_not_parsed(tmp_path: Path) -> None:
    path = raw_file(tmp_path / "m.safetensors", b"{", length=100_000_000)
    with path.open("r+b") as file:
        file.truncate(100_000_008)  # sparse
    with pytest.raises(ModelError, match="does not begin like"):
        read_model(path)


def test_a_file_of_more_than_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "U8", "shape": [2**30], "data_offsets": [0, 2**30]}}).encode()
    path = raw_file(tmp_path / "m.safetensors", header)
    with path.open("r+b") as file:
        file.truncate(8 + len(header) + 2**30)  # sparse
    with pytest.raises(ModelError, match="larger than 1024 MB"):
        load_state(path)


def test_nothing_is_written_that_could_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too large to be read again"):
        save_state(tmp_path / "s.safetensors", {"a": torch.zeros(1)}, {"log": "x" * 2**23})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1] * 100_000, "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
        {"dtype": "F32", "shape": [1], "data_offsets": "anywhere"},
        {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]},
        {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]},
        {"shape": [1]},
        "x",
    ],
)
def test_tensor_entries_that_lie(tmp_path: Path, entry: Any) -> None:
    header = json.dumps({"__metadata__": {"napari_wnet_training": '{"format_version": 1, "info": {}}'}, "a": entry})
    with pytest.raises(ModelError):
        load_state(raw_file(tmp_path / "m.safetensors", header.encode(), data=bytes(4)))


@pytest.mark.parametrize("metadata", [[], {"napari_wnet": 3}, "x"])
def test_metadata_that_is_no_text(tmp_path: Path, metadata: Any) -> None:
    with pytest.raises(ModelError):
        read_header(raw_file(tmp_path / "m.safetensors", json.dumps({"__metadata__": metadata}).encode()))


# --- training checkpoints


def test_training_state_comes_back_exactly(tmp_path: Path) -> None:
    shared = torch.rand(4)
    tensors = {
        "step": torch.tensor(3.0),
        "random": torch.get_rng_state(),
        "half": torch.rand(2, 3).bfloat16(),
        "a": shared,
        "b": shared,
        "view": torch.rand(3, 4).T,
        "empty": torch.zeros(0, 2),
    }
    info = {"step": 3, "best": float("-inf"), "seed": 2**100, "log": [{"loss": 0.1}], "name": "ü"}
    save_state(tmp_path / "s.safetensors", tensors, info)
    loaded, loaded_info = load_state(tmp_path / "s.safetensors")
    assert loaded_info == info
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)


def test_a_failed_checkpoint_leaves_the_previous_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.safetensors"
    save_state(path, {"a": torch.ones(2)}, {"step": 1})
    save_state(path, {"a": torch.ones(2)}, {"step": 2})

    def interrupted(_file: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_state(path, {"a": torch.zeros(2)}, {"step": 3})
    assert load_state(path)[1] == {"step": 2}
    assert list(tmp_path.iterdir()) == [path]


def test_models_and_checkpoints_are_not_mistaken_for_each_other(tmp_path: Path, model_file: Path) -> None:
    save_state(tmp_path / "s.safetensors", {"a": torch.ones(2)}, {})
    with pytest.raises(ModelError, match="training checkpoint, not a model"):
        read_model(tmp_path / "s.safetensors")
    with pytest.raises(ModelError, match="no training checkpoint"):
        load_state(model_file)


def test_a_checkpoint_from_another_version(tmp_path: Path) -> None:
    text = json.dumps({"format_version": 2, "info": {}})
    safetensors.torch.save_file({"a": torch.ones(1)}, tmp_path / "s.safetensors", {"napari_wnet_training": text})
    with pytest.raises(ModelError, match="another version"):
        load_state(tmp_path / "s.safetensors")
