"""What tests of the docks share."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_wnet.ui import archive
from napari_wnet.ui.outliner import Outliner
from napari_wnet.ui.repairer import Repairer
from napari_wnet.ui.segment_widget import SegmentWidget
from ui_stand_ins import Oracle, save_random_model


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> Oracle:
    """Replace the network, and nothing else."""
    oracle = Oracle()
    monkeypatch.setattr(importlib.import_module("napari_wnet.pipeline"), "predict_steps", oracle.predict_steps)
    return oracle


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """A one-channel model."""
    return save_random_model(tmp_path / "grey.safetensors")


@pytest.fixture
def segment(viewer: Any, oracle: Oracle, model_file: Path, qtbot: Any) -> Iterator[SegmentWidget]:
    """A Segment dock with that model, in the viewer of whoever tests."""
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment")
    widget.inputs.model_box.setValue(str(model_file))
    qtbot.waitUntil(lambda: widget.form.value().clustering.angle == 40, timeout=30_000)
    yield widget
    widget.segmenter.close()
    assert widget.segmenter.wait(60)


@pytest.fixture
def rgb_model_file(tmp_path: Path) -> Path:
    """A three-channel model."""
    return save_random_model(tmp_path / "colour.safetensors", in_channels=3)


@pytest.fixture
def repairer(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repairer]:
    """What is behind a Repair dock, without the outline network, in the viewer of whoever tests."""
    monkeypatch.setattr(Outliner, "load", lambda _: None)
    monkeypatch.setattr(archive, "_ours", set())
    repairer = Repairer(viewer)
    yield repairer
    repairer.close()
    assert repairer.wait(60)


@pytest.fixture(autouse=True)
def project_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nothing is saved among the user's own data."""
    monkeypatch.setenv("NAPARI_WNET_PROJECT", str(tmp_path / "autosave"))
    return tmp_path / "autosave"


@pytest.fixture(autouse=True)
def no_left_over_threads() -> Iterator[None]:
    """No test leaves work running."""
    yield
    for thread in threading.enumerate():
        if thread.name == "napari-wnet":
            thread.join(10)
            assert not thread.is_alive()
