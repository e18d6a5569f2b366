"""A fine-tuning whose process was killed goes on from its checkpoint."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fine_tuning import TINY_MODEL
from napari_wnet.errors import ModelError
from napari_wnet.fine_tune import job as job_module
from napari_wnet.fine_tune.data import TrainingPair
from napari_wnet.fine_tune.interrupted import load_request, save_request
from napari_wnet.fine_tune.worker import FineTuneRequest, fine_tune_to_file
from napari_wnet.network.checkpoint import save_model
from napari_wnet.project.training import REQUEST, STATE
from napari_wnet.reports import EpochReport, drain
from napari_wnet.train_params import FINE_TUNE
from scenes import disks_picture


@pytest.fixture
def request_(tmp_path: Path) -> FineTuneRequest:
    (tmp_path / "training").mkdir()
    save_model(tmp_path / "tiny.safetensors", TINY_MODEL.network, TINY_MODEL.header)
    pairs = []
    for seed, name in enumerate(("a/b", "a_b")):
        image, labels = disks_picture(seed, size=96)
        pairs.append(TrainingPair(image=image, labels=labels, name=name))
    pairs[0] = dataclasses.replace(pairs[0], region=np.ones(pairs[0].labels.shape, bool))
    pairs[1] = dataclasses.replace(pairs[1], image=pairs[1].image.astype(">f4"), done=[5, 1, 2, 3, 4])
    return FineTuneRequest(
        pairs=tuple(pairs),
        base=str(tmp_path / "tiny.safetensors"),
        params=FINE_TUNE.replace(steps=8, validate_every=4, report_every=2, crop_size=32, batch_size=1, patience=0),
        device="cpu",
        out=tmp_path / "training" / "new.safetensors",
        resumable=True,
    )


def test_what_was_asked_for_comes_back_as_it_was(request_: FineTuneRequest) -> None:
    path = save_request(request_)
    assert path.name == REQUEST
    again = load_request(path.parent)
    assert [one.name for one in again.pairs] == ["a/b", "a_b"]
    for one, other in zip(request_.pairs, again.pairs, strict=True):
        assert (one.image == other.image).all()
        assert one.labels.dtype == other.labels.dtype
        assert (one.labels == other.labels).all()
    assert again.pairs[0].region.all()
    assert again.pairs[1].done == [1, 2, 3, 4, 5]
    assert {**vars(again), "pairs": ()} == {**vars(request_), "pairs": ()}


def test_it_goes_on_where_it_was_and_ends_the_same(
    request_: FineTuneRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_module, "SAVE_SECONDS", 1e-9)
    whole = drain(fine_tune_to_file(request_))
    (tmp_path / "again").mkdir()
    killed = dataclasses.replace(request_, out=tmp_path / "again" / "new.safetensors")
    steps = fine_tune_to_file(killed)
    report = next(report for report in steps if isinstance(report, EpochReport) and report.step == 4)
    assert report.validation is not None
    (killed.out.parent / STATE).rename(tmp_path / "kept")  # what a kill would leave
    steps.close()
    (tmp_path / "kept").replace(killed.out.parent / STATE)
    reports = []
    resumed = fine_tune_to_file(load_request(killed.out.parent))

    def followed():
        result = yield from resumed
        reports.append(result)

    seen = [one.step for one in followed() if isinstance(one, EpochReport)]
    assert min(seen) > 4
    assert reports[0].comparison.new == whole.comparison.new
    assert reports[0].steps_done == 8


def test_a_damaged_request_is_refused(request_: FineTuneRequest) -> None:
    path = save_request(request_)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelError):
        load_request(path.parent)
    path.unlink()
    with pytest.raises(ModelError):
        load_request(path.parent)
