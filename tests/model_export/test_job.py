"""Exporting a model as a use case and as a command: what is written, and what is refused before any work is done."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_wnet import cli
from napari_wnet.commands import models_export
from napari_wnet.errors import ModelError, OutputError, ParamsError
from napari_wnet.model_export import job as job_module
from napari_wnet.model_export.job import SUFFIXES, ModelExportJob, export_model, export_model_steps
from napari_wnet.network.checkpoint import Model, ModelHeader, read_model, save_model
from napari_wnet.network.onnx_file import TOLERANCE
from napari_wnet.network.outline.file import save_outline
from napari_wnet.network.outline.net import OutlineConfig, OutlineNet
from napari_wnet.network.registry import load_model
from napari_wnet.network.wnet import WNet, receptive_radius
from napari_wnet.params import SegmentParams, WNetConfig
from napari_wnet.reports import Progress

CONFIG = WNetConfig(widths=(4, 8), concat_channels=4, embedding_dim=4)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    torch.manual_seed(0)
    params = SegmentParams().replace(clustering__angle=30.0)
    header = ModelHeader(name="tiny", config=CONFIG, params=params, licence="CC0-1.0", diameter=20.0, channels=("dye",))
    save_model(path, WNet(CONFIG), header)
    return read_model(path)


def test_a_copy_is_the_models_file(tmp_path):
    out = tmp_path / "folder" / "mine.safetensors"
    exported = export_model("nuclei", out, "safetensors")
    assert (exported.path, exported.sha256, exported.deviation) == (out, load_model("nuclei").sha256, 0.0)
    assert read_model(out).sha256 == exported.sha256
    assert [path.name for path in out.parent.iterdir()] == ["mine.safetensors"]


def test_a_model_that_changes_while_it_is_copied_is_not_kept(tiny, tmp_path):
    path = shutil.copy(tiny.path, tmp_path / "mine.safetensors")
    model = replace(tiny, path=Path(path))
    model.path.write_bytes(b"something else")
    with pytest.raises(ModelError, match="changed while it was copied"):
        export_model(model, tmp_path / "out" / "copy.safetensors", "safetensors")
    assert list((tmp_path / "out").iterdir()) == []
    model.path.unlink()
    with pytest.raises(ModelError, match="cannot be read any more"):
        export_model(model, tmp_path / "out" / "copy.safetensors", "safetensors")


def test_an_onnx_file_says_how_the_model_is_used(tiny, tmp_path):
    onnx = pytest.importorskip("onnx")
    out = tmp_path / "tiny.onnx"
    steps = export_model_steps(ModelExportJob(model=tiny, out=out, format="onnx"))
    reports = []
    while True:
        try:
            reports.append(next(steps))
        except StopIteration as stop:
            exported = stop.value
            break
    assert [(report.done, report.total) for report in reports if isinstance(report, Progress)] == [(0, 2), (1, 2)]
    assert exported.deviation < TOLERANCE
    assert exported.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    told = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    assert (told["name"], told["licence"], told["model"]) == ("tiny", "CC0-1.0", "tiny")
    assert told["model_sha256"] == tiny.sha256
    assert json.loads(told["pooling_factor"]) == CONFIG.pooling_factor
    assert json.loads(told["receptive_radius_px"]) == receptive_radius(CONFIG)
    assert json.loads(told["clustering"]) == tiny.header.params.clustering.to_dict()
    assert json.loads(told["normalize"]) == tiny.header.params.normalize.to_dict()
    assert json.loads(told["channels"]) == ["dye"]
    assert "10.48550/arXiv.2007.06660" in told["cite"]


def test_what_is_there_is_replaced_on_request_only(tmp_path):
    out = tmp_path / "nuclei.safetensors"
    out.write_text("precious")
    with pytest.raises(OutputError, match=r"exists already.*--overwrite"):
        export_model("nuclei", out, "safetensors")
    assert out.read_text() == "precious"
    export_model("nuclei", out, "safetensors", overwrite=True)
    assert read_model(out).name == "nuclei"


@pytest.mark.parametrize(("file_format", "name"), [("onnx", "a.zip"), ("bioimageio", "a.onnx"), ("safetensors", "a")])
def test_a_name_that_belies_the_format_is_refused(tmp_path, file_format, name):
    with pytest.raises(ParamsError, match=rf"should end in \{SUFFIXES[file_format]}"):
        export_model("nuclei", tmp_path / name, file_format)


def test_an_unknown_format_lists_the_known(tmp_path):
    with pytest.raises(ParamsError, match=r"no format 'torchscript'.*safetensors, onnx, bioimageio"):
        export_model("nuclei", tmp_path / "a.pt", "torchscript")


def test_the_network_that_outlines_is_no_model(tmp_path):
    path = tmp_path / "mine.safetensors"
    config = OutlineConfig()
    save_outline(path, OutlineNet(config), {})
    for model in ("outline", path, str(path)):
        with pytest.raises(ModelError, match=r"is no W-Net.*models list"):
            export_model(model, tmp_path / "out.safetensors", "safetensors")


def test_a_file_beside_the_user_does_not_hide_a_model_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("nuclei").write_text("notes on nuclei")
    assert export_model("nuclei", "out.safetensors", "safetensors").sha256 == load_model("nuclei").sha256


def test_an_unknown_or_damaged_model_is_explained(tmp_path):
    with pytest.raises(ModelError, match="Did you mean 'nuclei'"):
        export_model("nuclie", tmp_path / "out.onnx", "onnx")
    (tmp_path / "bad.safetensors").write_bytes(b"1234")
    with pytest.raises(ModelError, match="damaged"):
        export_model(tmp_path / "bad.safetensors", tmp_path / "out.onnx", "onnx")


@pytest.mark.skipif(sys.platform == "win32", reason="permissions work otherwise there")
@pytest.mark.parametrize("file_format", SUFFIXES)
def test_a_folder_that_may_not_be_written_is_refused_before_the_work(tiny, locked_folder, monkeypatch, file_format):
    def work(*given: object) -> None:
        raise AssertionError("work was done for nothing")

    monkeypatch.setattr(job_module, "to_onnx", work)
    with pytest.raises(OutputError, match="no permission"):
        export_model(tiny, locked_folder / f"a{SUFFIXES[file_format]}", file_format)


def test_nothing_is_left_of_an_export_that_fails(tiny, tmp_path, monkeypatch):
    pytest.importorskip("onnxscript")

    def fail(*given: object) -> None:
        raise ModelError("This network cannot be translated.")

    monkeypatch.setattr(job_module, "to_onnx", fail)
    with pytest.raises(ModelError, match="cannot be translated"):
        export_model(tiny, tmp_path / "tiny.onnx", "onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_package_without_an_author_is_refused_before_the_work(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(job_module, "to_onnx", lambda *given: pytest.fail("work was done for nothing"))
    with pytest.raises(ParamsError, match="--author"):
        export_model(tiny, tmp_path / "tiny.zip", "bioimageio")


def test_the_command_exports_and_explains(tmp_path, capsys):
    out = tmp_path / "nuclei.safetensors"
    arguments = ["models", "export", "nuclei", "--format", "safetensors", "--out", str(out)]
    assert cli.main(arguments) == 0
    assert f"{out}, SHA-256 {load_model('nuclei').sha256}" in capsys.readouterr().out
    assert cli.main(arguments) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert cli.main([*arguments, "--overwrite"]) == 0
    assert cli.main([*arguments[:-1], str(tmp_path / "nuclei.onnx")]) == 2
    assert "should end in .safetensors" in capsys.readouterr().err


def test_the_command_knows_every_format():
    assert set(models_export.FORMATS) == set(SUFFIXES)
