"""One sound file of each kind, small: what is tested is what is said of pixels, not how many there are."""

from __future__ import annotations

import contextlib
import io
import itertools
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import tifffile
import torch
import zarr
from PIL import Image

from napari_wnet.cli import main
from napari_wnet.fine_tune.data import TrainingPair
from napari_wnet.fine_tune.interrupted import save_request
from napari_wnet.fine_tune.worker import FineTuneRequest
from napari_wnet.network.catalog import Places
from napari_wnet.network.checkpoint import ModelHeader, save_model
from napari_wnet.network.training_state import State
from napari_wnet.network.wnet import WNet
from napari_wnet.params import WNetConfig
from napari_wnet.project import ImageState, LabelsState, ProjectFolder, ProjectState
from napari_wnet.train_params import TrainParams

CONFIG = WNetConfig(widths=(4, 8), embedding_dim=2, stem=1, concat_channels=2)
PACKINGS = (numcodecs.Zstd(), numcodecs.GZip(1), numcodecs.Blosc())
BOMB_SIZES = (10**4, 3 * 10**7, 3 * 10**8, 10**9)
N_BOMBS = len(PACKINGS) * len(BOMB_SIZES)
PACKAGE = Places.from_environment().package


class RefusedError(Exception):
    """A clean refusal of the command line: status and what was said."""


@dataclass(frozen=True)
class Sound:
    """Files that are as they should be, made once: by name, each a file or a folder."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / name

    def copy(self, name: str, to: Path) -> Path:
        """Copy a file or folder, and return where."""
        target = to / name
        if self.path(name).is_dir():
            shutil.copytree(self.path(name), target)
        else:
            shutil.copy(self.path(name), target)
        return target


def command(*arguments: object) -> None:
    """Run the command line as a user would."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse
            status = int(stop.code or 0)
    said = err.getvalue()
    if "Traceback" in said or "unexpected error" in said:
        raise AssertionError(f"told the user: {said[:900]}")
    if status not in (0, 1, 2) or (status and not said.strip()):
        raise AssertionError(f"status {status}: {said[-500:]!r}")
    if status:
        raise RefusedError(said[-500:])


def make_sound(folder: Path) -> Sound:
    """Make one of each kind, small: what is tested is what is said of pixels, not how many there are."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 60_000, (24, 36), np.uint16)
    labels = np.zeros((24, 36), np.uint16)
    labels[2:9, 3:12], labels[12:20, 5:14], labels[4:18, 20:33] = 1, 2, 3
    _make_pictures(folder, grey, labels)
    _make_zarr(folder, grey, labels)
    _make_bombs(folder)
    _make_models(folder)
    _make_results(folder)
    _make_project(folder / "project", labels)
    _make_hdf5(folder / "plants.h5", labels)
    (folder / "train.yaml").write_text(
        "images: empty\nlabels: empty\nout: out/model.safetensors\nnetwork:\n  widths: [4, 8]\n  stem: 1\n"
        "params:\n  steps: 1\n  batch_size: 1\n  loss:\n    delta: 0.5\nclustering: {}\n"
    )
    return Sound(folder)


def _make_pictures(folder: Path, grey: Any, labels: Any) -> None:
    stack = np.stack([grey, grey // 2, grey // 3])
    plain: dict[str, Any] = {"photometric": "minisblack"}
    tifffile.imwrite(folder / "pages.tif", stack, metadata=None, **plain)
    tifffile.imwrite(folder / "imagej.tif", stack, imagej=True, resolution=(2.0, 2.0), metadata={"unit": "um"})
    tifffile.imwrite(folder / "packed.tif", grey, compression="zlib", **plain)
    tifffile.imwrite(folder / "tiled.tif", grey, tile=(16, 16), compression="zlib", predictor=True, **plain)
    tifffile.imwrite(folder / "ome.ome.tif", stack, metadata={"axes": "CYX", "PhysicalSizeX": 0.5}, **plain)
    tifffile.imwrite(folder / "big.tif", grey, bigtiff=True, **plain)
    Image.fromarray((grey >> 8).astype(np.uint8)).save(folder / "lzw.tif", compression="tiff_lzw")
    Image.fromarray(labels.astype(np.uint8)).convert("P").save(folder / "palette.tif")
    Image.fromarray(grey).save(folder / "grey.png")
    Image.fromarray(labels.astype(np.uint8)).convert("P").save(folder / "palette.png")
    colour = np.dstack([grey >> 8, grey >> 9, grey & 255]).astype(np.uint8)
    Image.fromarray(colour).save(folder / "colour.png")
    Image.fromarray(colour).save(folder / "colour.jpg")
    Image.fromarray((grey >> 8).astype(np.uint8)).save(folder / "grey.jpg", progressive=True)
    np.save(folder / "grey.npy", grey)
    tifffile.imwrite(folder / "truth.tif", labels, compression="zlib", **plain)
    Image.fromarray(labels.astype(np.uint8)).save(folder / "truth.png")


def _make_zarr(folder: Path, grey: Any, labels: Any) -> None:
    axes = [{"name": "y", "type": "space", "unit": "micrometer"}, {"name": "x", "type": "space", "unit": "micrometer"}]
    scale = {"coordinateTransformations": [{"type": "scale", "scale": [0.5, 0.5]}]}
    packings = {2: (numcodecs.Blosc(), numcodecs.Zstd(), numcodecs.GZip()), 3: ("auto",)}
    for version, compressors in packings.items():
        for number, packing in enumerate(compressors):
            group = zarr.open_group(folder / f"v{version}-{number}.zarr", mode="w", zarr_format=version)
            for name, array in (("0", grey), ("labels/objects/0", labels)):
                group.create_array(name, data=array, chunks=(12, 18), compressors=packing)
            for inner in (group, group["labels/objects"]):
                told: Any = {"multiscales": [{"version": "0.4", "axes": axes, "datasets": [{"path": "0", **scale}]}]}
                inner.attrs.update(told if version == 2 else {"ome": {"version": "0.5", **told}})
            group["labels"].attrs.update({"labels": ["objects"]} if version == 2 else {"ome": {"labels": ["objects"]}})


def _make_bombs(folder: Path) -> None:
    """Make chunks of zeros, of which a few bytes unpack to many; here, where memory is not limited."""
    for number, (packing, size) in enumerate(itertools.product(PACKINGS, BOMB_SIZES)):
        (folder / f"bomb{number}").write_bytes(bytes(packing.encode(bytes(size))))


def _make_models(folder: Path) -> None:
    torch.manual_seed(0)
    header = ModelHeader(
        name="tiny",
        config=CONFIG,
        diameter=9.0,
        provenance={"date": "2024"},
        scores={"test": {"x": 1}},
    )
    save_model(folder / "tiny.safetensors", WNet(CONFIG).eval(), header)
    shutil.copy(PACKAGE / "outline.safetensors", folder / "outline.safetensors")
    shutil.copy(PACKAGE / "registry.json", folder / "registry.json")
    shutil.copy(next(PACKAGE.glob("*.card.json")), folder / "a.card.json")
    (folder / "request").mkdir()
    training_state().save(folder / "request" / "state.safetensors", TrainParams())
    pair = TrainingPair(
        image=np.zeros((1, 24, 36), np.float32), labels=np.zeros((24, 36), np.int32), name="a", done=[1]
    )
    save_request(
        FineTuneRequest(
            pairs=(pair,), base="nuclei", params=TrainParams(), device="cpu", out=folder / "request" / "new.safetensors"
        )
    )


def training_state() -> State[WNet]:
    network = WNet(CONFIG)
    return State(network=network, average=WNet(CONFIG), optimizer=torch.optim.AdamW(network.parameters()))


def _make_results(folder: Path) -> None:
    """Segment an image, as a whole and in blocks, for sidecars to damage."""
    for name, more in (("result", ("--save", "labels,geojson")), ("slide", ("--blocks", "64"))):
        (folder / name).mkdir()
        shutil.copy(folder / "packed.tif", folder / name / "a.tif")
        command("segment", folder / name / "a.tif", "--out", folder / name / "out", *with_model(folder), *more)


def with_model(folder: Path) -> tuple[object, ...]:
    """Return the flags for the small model."""
    return "--model", folder / "tiny.safetensors", "--device", "cpu"


def _make_project(folder: Path, labels: Any) -> None:
    cleared = np.zeros(labels.shape, bool)
    cleared[:3] = True
    kept = LabelsState(
        name="a",
        labels=labels.astype(np.int32),
        done={(): frozenset({1})},
        cleared=cleared,
        seeds=np.array([[3.0, 4.0]]),
    )
    image = ImageState(
        name="a",
        path="a.tif",
        shape=labels.shape,
        sha256="0" * 64,
        settings={"model": "nuclei", "params": {}},
        labels=(kept,),
    )
    with ProjectFolder(folder) as project:
        project.save(ProjectState(images=(image,), settings={"dock": {"angle": 30}}))


def _make_hdf5(path: Path, labels: Any) -> None:
    with h5py.File(path, "w") as file:
        for name in ("A1/plant001", "A4/plant002"):
            file.create_dataset(f"{name}/rgb", data=np.zeros((*labels.shape, 3), np.uint8), compression="gzip")
            file.create_dataset(f"{name}/label", data=labels.astype(np.uint8), chunks=(12, 18), compression="gzip")
            file.create_dataset(f"{name}/fg", data=(labels > 0).astype(np.uint8))
