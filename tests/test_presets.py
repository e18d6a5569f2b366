"""Presets: what the paper did is there to the letter, and can be changed in part."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_wnet import cli
from napari_wnet.commands.config_file import read_config
from napari_wnet.core.image import normalize, resize_plane
from napari_wnet.errors import ParamsError
from napari_wnet.network.inference import predict_tiles
from napari_wnet.network.rescaling import network_shape, predict_rescaled, rescaling
from napari_wnet.network.wnet import WNet, n_parameters
from napari_wnet.params import NormalizeParams, SegmentParams, WNetConfig
from napari_wnet.presets import PRESETS
from napari_wnet.reports import drain
from napari_wnet.train_job import TrainJob
from scenes import disks_picture


def test_the_paper_is_there_to_the_letter():
    paper = PRESETS["paper"]
    assert n_parameters(WNet(paper.network.replace(in_channels=3))) == 15_541_193
    params = paper.params
    assert (params.optimizer, params.learning_rate, params.schedule) == ("adam", 1e-4, "staircase")
    assert (params.epochs, params.batch_size, params.crop_size, params.keep) == (500, 4, 512, "last")
    assert (params.whole, params.smallest_object, params.fewest_objects) == (True, 25, 2)
    assert (params.loss.reduction, params.loss.inter, params.loss.background, params.loss.targets) == (
        "pixel",
        "abs",
        True,
        "ring",
    )
    assert (params.normalize.method, params.normalize.together, params.normalize.square) == ("standardize", True, 512)
    assert (params.weight_decay, params.clip, params.ema, params.warmup_steps) == (0, 0, 0, 0)
    augment = params.augment
    assert not (augment.flip or augment.rotate or augment.elastic or augment.gamma or augment.blur or augment.noise)
    assert augment.scale_low == augment.scale_high == 1
    assert paper.clustering.method == "paper"
    assert paper.clustering.angle == 45
    assert paper.clustering.peak_part == 0.7


def test_the_equation_differs_from_the_paper_in_the_loss_alone():
    paper, equation = PRESETS["paper"], PRESETS["equation"]
    assert equation.params == paper.params.replace(loss__reduction="object", loss__inter="raw")
    assert (equation.network, equation.clustering, equation.tune) == (paper.network, paper.clustering, paper.tune)


def test_the_default_is_what_nothing_said_means():
    assert TrainJob.from_dict({}) == TrainJob()
    assert TrainJob.from_dict({"preset": "default", "params": {"seed": 4}}).params.seed == 4


def test_a_file_changes_parts_of_a_preset():
    job = TrainJob.from_dict(
        {"preset": "paper", "network": {"widths": [8, 16]}, "params": {"loss": {"inter_weight": 10.0}}, "tune": True}
    )
    assert job.network == PRESETS["paper"].network.replace(widths=(8, 16))
    assert job.params == PRESETS["paper"].params.replace(loss__inter_weight=10.0)
    assert job.clustering == PRESETS["paper"].clustering
    assert job.tune


@pytest.mark.parametrize("values", [{"preset": "papr"}, {"preset": "paper", "params": {"los": {}}}, ["paper"]])
def test_what_does_not_fit_is_refused(values):
    with pytest.raises(ParamsError):
        TrainJob.from_dict(values)


def test_the_recipe_in_the_repository_is_the_preset(request):
    job = TrainJob.from_dict(read_config(request.config.rootpath / "training" / "paper.yaml"))
    assert job.params == PRESETS["paper"].params


def test_a_training_by_the_paper_recommends_its_own_rule(tmp_path):
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    for seed in range(3):
        image, labels = disks_picture(seed)
        np.save(tmp_path / "images" / f"{seed}.npy", image[0])
        np.save(tmp_path / "labels" / f"{seed}.npy", labels)
    out = tmp_path / "model.safetensors"
    folders = ["--images", str(tmp_path / "images"), "--labels", str(tmp_path / "labels"), "--out", str(out)]
    small = ["--widths", "4", "8", "--crop-size", "32", "--square", "32", "--epochs", "2", "--batch-size", "1"]
    assert cli.main(["train", "--preset", "paper", *folders, *small, "--device", "cpu"]) == 0
    from napari_wnet.network.checkpoint import read_model

    header = read_model(out).header
    assert header.params.clustering == PRESETS["paper"].clustering
    assert header.params.normalize.square == 32
    assert header.provenance["steps_done"] == header.provenance["best_step"] == 4
    assert "validation_by_method" not in header.scores
    assert "symmetric_best_dice" in header.scores["validation"]


def test_stretched_images_come_back_at_their_own_size():
    torch.manual_seed(0)
    network = WNet(WNetConfig(widths=(4, 8), stem=1)).eval()
    params = SegmentParams(normalize=NormalizeParams(method="standardize", square=48))
    image = normalize(disks_picture(1)[0], params.normalize)[:, :40, :]
    shape = image.shape[1:]
    maps = drain(predict_rescaled(network, [image], params, device=torch.device("cpu")))[0]
    assert maps.shape == shape
    square = drain(predict_tiles(network, resize_plane(image, (48, 48)), params.tiles, device=torch.device("cpu")))
    wanted = resize_plane(square.distance[None], shape)[0]
    assert np.abs(maps.distance - wanted).max() < 2e-3


def test_a_square_is_asked_for_before_a_diameter():
    assert network_shape((100, 50), 0, NormalizeParams(square=64)) == (64, 64)
    assert network_shape((100, 50), 10, NormalizeParams(diameter=20)) == (50, 25)
    assert network_shape((100, 50), 10, NormalizeParams(diameter=20, square=64)) == (64, 64)
    with pytest.raises(ParamsError, match="--square 0"):
        rescaling(10, NormalizeParams(square=64))
