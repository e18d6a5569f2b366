"""Files of outline networks: whole, checked, and told from models."""

from __future__ import annotations

import json

import pytest
import torch

from napari_wnet.errors import ModelError, OutputError
from napari_wnet.network.checkpoint import read_model
from napari_wnet.network.container import open_container, write_container
from napari_wnet.network.outline.file import OUTLINE_KEY, read_outline, save_outline
from napari_wnet.network.outline.net import IN_CHANNELS, OutlineConfig, OutlineNet
from napari_wnet.network.registry import Places, find_outline, list_models, load_outline_steps
from napari_wnet.reports import drain

SMALL = OutlineConfig(side=16, widths=(4, 8))


@pytest.fixture
def path(tmp_path):
    torch.manual_seed(0)
    save_outline(tmp_path / "outline.safetensors", OutlineNet(SMALL), {"name": "mine", "licence": "MIT"})
    return tmp_path / "outline.safetensors"


def changed(path, **header):
    """Write the file anew with another header."""
    with open_container(path) as container:
        stored = json.loads(container.metadata[OUTLINE_KEY])
        tensors, _ = container.load()
    write_container(path, tensors, {OUTLINE_KEY: json.dumps({**stored, **header})}, overwrite=True)


def test_what_is_read_answers_as_what_was_saved(tmp_path):
    torch.manual_seed(1)
    network = OutlineNet(SMALL).eval()
    sha256 = save_outline(tmp_path / "a.safetensors", network, {"scores": {"right": float("nan")}})
    model = read_outline(tmp_path / "a.safetensors")
    squares = torch.randn(2, IN_CHANNELS, 16, 16)
    torch.testing.assert_close(model.network(squares), network(squares), rtol=1e-2, atol=1e-2)
    assert model.sha256 == sha256
    assert model.card["scores"] == {"right": None}
    assert not model.network.training


def test_nothing_is_replaced_unasked(path):
    with pytest.raises(OutputError, match="exists"):
        save_outline(path, OutlineNet(SMALL), {})


def test_other_files_are_refused_with_a_reason(path, tmp_path):
    with pytest.raises(ModelError, match="not a napari-wnet model"):
        read_model(path)
    with pytest.raises(ModelError, match="does not exist"):
        read_outline(tmp_path / "none.safetensors")
    write_container(tmp_path / "other.safetensors", {"a": torch.zeros(2)}, {})
    with pytest.raises(ModelError, match="no outline network"):
        read_outline(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"format_version": 2}, "later version"),
        ({"config": {"side": -1}}, "damaged"),
        ({"config": {"no": 1}}, "damaged"),
        ({"config": {"side": 16, "widths": [4, 16]}}, "damaged"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(path, header, said):
    changed(path, **header)
    with pytest.raises(ModelError, match=said):
        read_outline(path)


def test_a_card_cannot_steer_a_terminal(path):
    changed(path, card={"name": "a\x1b[31mb"})
    assert read_outline(path).card == {"name": "a[31mb"}
    changed(path, card=["no", "card"])
    assert read_outline(path).card == {}


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    network = OutlineNet(SMALL)
    with torch.no_grad():
        network.head.bias[0] = float("inf")
    with pytest.raises(ModelError, match="NaN"):
        save_outline(tmp_path / "b.safetensors", network, {})


def test_the_package_has_one_and_does_not_offer_it_as_a_model():
    places = Places.from_environment()
    entry = find_outline(places)
    assert entry.licence
    assert entry.name not in {model.name for model in list_models(places)}
    model = drain(load_outline_steps(places))
    assert model.card["name"] == entry.name
    assert model.card["licence"] == entry.licence
    assert (places.cache / entry.file).exists()


def test_an_installation_without_it_says_so(tmp_path):
    (tmp_path / "registry.json").write_text('{"models": []}')
    with pytest.raises(ModelError, match="Reinstall"):
        find_outline(Places(package=tmp_path, cache=tmp_path, user=tmp_path))
