"""Networks as ONNX files: the maps are the network's own, for any size, and nothing of the machine is in them."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

import napari_wnet
from napari_wnet.errors import ModelError, OutputError
from napari_wnet.network.onnx_file import (
    OPSET,
    TOLERANCE,
    check_exporter,
    check_onnx,
    difference,
    run_network,
    run_onnx,
    to_onnx,
)
from napari_wnet.network.wnet import WNet
from napari_wnet.params import WNetConfig

for needed in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(needed)

CONFIGS = {
    "batch norm": WNetConfig(widths=(4, 8), concat_channels=4, embedding_dim=4),
    "coordinates": WNetConfig(
        in_channels=2,
        widths=(4, 8, 8),
        stem=1,
        norm="channel",
        upsample="conv2x2",
        concat="coordinates",
        embedding_dim=3,
        foreground_head=False,
    ),
}
METADATA = {"name": "tiny", "licence": "MIT"}


def network(config: WNetConfig, seed: int = 0) -> WNet:
    """Return a network whose normalisations have seen something."""
    torch.manual_seed(seed)
    made = WNet(config).train()
    with torch.no_grad():
        for _ in range(3):
            made(2 * torch.rand(2, config.in_channels, 32, 32) + 1)
    return made.eval()


@functools.cache  # an export takes seconds
def export(name: str) -> tuple[WNet, bytes]:
    made = network(CONFIGS[name])
    return made, to_onnx(made, METADATA)


@pytest.fixture(params=CONFIGS)
def exported(request: pytest.FixtureRequest) -> tuple[WNet, bytes]:
    return export(request.param)


def test_maps_are_the_networks_own_for_any_size(exported, rng):
    made, data = exported
    factor, channels = made.config.pooling_factor, made.config.in_channels
    for batch, height, width in ((1, 1, 1), (1, 7, 2), (3, 2, 3)):
        image = rng.normal(size=(batch, channels, height * factor, width * factor)).astype(np.float32)
        own, theirs = run_network(made, image), run_onnx(data, image)
        assert list(theirs) == list(own)
        assert difference(own, theirs) < 1e-4
        assert theirs["embedding"].shape == (batch, made.config.embedding_dim, *image.shape[2:])
        np.testing.assert_allclose(np.linalg.norm(theirs["embedding"], axis=1), 1, atol=1e-4)
        assert theirs["distance"].min() >= 0
        assert theirs["distance"].max() <= 1


def test_the_file_is_valid_and_says_what_it_is(exported):
    import onnx

    made, data = exported
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    assert [(version.domain, version.version) for version in model.opset_import] == [("", OPSET)]
    assert {entry.key: entry.value for entry in model.metadata_props} == METADATA
    assert (model.producer_name, model.producer_version) == ("napari-wnet", napari_wnet.__version__)
    assert [tensor.name for tensor in model.graph.input] == ["image"]
    lengths = [length.dim_param or length.dim_value for length in model.graph.input[0].type.tensor_type.shape.dim]
    assert lengths == ["batch", made.config.in_channels, "height", "width"]
    kinds = {node.op_type for node in model.graph.node}
    assert "Conv" in kinds
    assert "BatchNormalization" not in kinds
    assert {tensor.data_type for tensor in model.graph.initializer} <= {
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.INT64,
    }


def test_nothing_of_the_machine_is_in_the_file(exported):
    _, data = exported
    for path in (Path(napari_wnet.__file__).parent, Path(torch.__file__).parent, Path.home()):
        assert str(path).encode() not in data


def test_the_same_network_gives_the_same_bytes():
    made, data = export("batch norm")
    assert to_onnx(made, METADATA) == data


def test_another_networks_file_is_refused(exported):
    made, data = exported
    assert check_onnx(data, made) < TOLERANCE
    with pytest.raises(ModelError, match=r"differ from the network's own by up to \d.*constraints.txt"):
        check_onnx(data, network(made.config, seed=1))


def test_maps_that_are_no_numbers_are_no_small_difference():
    maps = {"distance": np.zeros((1, 1, 2, 2), np.float32), "embedding": np.full((1, 2, 2, 2), np.nan, np.float32)}
    assert np.isnan(difference(maps, maps))


def test_what_the_exporter_cannot_do_is_told_in_one_sentence(monkeypatch):
    def fail(*args: object, **options: object) -> None:
        raise RuntimeError("Unsupported operator\nfollow these 40 steps to report it")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(ModelError, match=r"to ONNX \(Unsupported operator\).*export as safetensors") as caught:
        to_onnx(network(CONFIGS["batch norm"]), {})
    assert "40 steps" not in str(caught.value)


def test_a_missing_package_is_named(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxscript" else real(name))
    with pytest.raises(OutputError, match=r"needs onnxscript, .*pip install \"napari-wnet\[export\]\""):
        check_exporter()
