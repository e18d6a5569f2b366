"""What is abused: for each kind of file, how a sound one is made, how it is damaged, and what a user does with it."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py
import numcodecs
import numpy as np
import tifffile
import torch
import zarr
from abuse_damage import (
    Rng,
    damaged_bytes,
    damaged_jpeg,
    damaged_npy,
    damaged_png,
    damaged_safetensors,
    damaged_tiff,
    json_text,
    pick,
)
from PIL import Image

from napari_wnet.cli import main
from napari_wnet.commands.config_file import read_config
from napari_wnet.errors import WNetError
from napari_wnet.fine_tune.data import TrainingPair
from napari_wnet.fine_tune.interrupted import load_request, save_request
from napari_wnet.fine_tune.worker import FineTuneRequest
from napari_wnet.io.images import read_image, read_labels, read_mask
from napari_wnet.network.catalog import Places, package_entries
from napari_wnet.network.checkpoint import ModelHeader, read_header, save_model
from napari_wnet.network.measured import read_measured, told
from napari_wnet.network.outline.file import read_outline
from napari_wnet.network.training_state import State
from napari_wnet.network.wnet import WNet
from napari_wnet.params import WNetConfig
from napari_wnet.project import ImageState, LabelsState, ProjectFolder, ProjectState
from napari_wnet.train_params import TrainParams

CONFIG = WNetConfig(widths=(4, 8), embedding_dim=2, stem=1, concat_channels=2)
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


# --- sound files


def make_sound(folder: Path) -> Sound:
    """Make one of each kind, small: what is tested is what is said of pixels, not how many there are."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 60_000, (24, 36), np.uint16)
    labels = np.zeros((24, 36), np.uint16)
    labels[2:9, 3:12], labels[12:20, 5:14], labels[4:18, 20:33] = 1, 2, 3
    _make_pictures(folder, grey, labels)
    _make_zarr(folder, grey, labels)
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
    _state().save(folder / "request" / "state.safetensors", TrainParams())
    pair = TrainingPair(
        image=np.zeros((1, 24, 36), np.float32), labels=np.zeros((24, 36), np.int32), name="a", done=[1]
    )
    save_request(
        FineTuneRequest(
            pairs=(pair,), base="nuclei", params=TrainParams(), device="cpu", out=folder / "request" / "new.safetensors"
        )
    )


def _state() -> State[WNet]:
    network = WNet(CONFIG)
    return State(network=network, average=WNet(CONFIG), optimizer=torch.optim.AdamW(network.parameters()))


def _make_results(folder: Path) -> None:
    """Segment an image, as a whole and in blocks, for sidecars to damage."""
    for name, more in (("result", ("--save", "labels,geojson")), ("slide", ("--blocks", "64"))):
        (folder / name).mkdir()
        shutil.copy(folder / "packed.tif", folder / name / "a.tif")
        command("segment", folder / name / "a.tif", "--out", folder / name / "out", *MODEL(folder), *more)


def MODEL(folder: Path) -> tuple[object, ...]:  # noqa: N802 - as good as a constant
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


# --- what is done with a damaged one


def _read_any(rng: Rng, path: Path, out: Path, sound: Sound) -> None:
    """Do one of the things that are done with a file of pixels."""
    action = int(rng.integers(8))
    if action < 2:
        read_image(path)
    elif action == 2:
        read_labels(path)
    elif action == 3:
        read_mask(path)
    elif action == 4:
        command("segment", path, "--out", out, *MODEL(sound.folder))
    elif action == 5:
        command("measure", path, "--out", out / "table.csv", "--image", sound.path("packed.tif"))
    elif action == 6:
        command("export", path, "--out", out, "--as", "geojson,roi")
    else:
        command("segment", sound.path("packed.tif"), "--out", out, *MODEL(sound.folder), "--foreground", path)


def picture(names: tuple[str, ...], damage: Callable[[Rng, bytes], bytes]) -> Callable[[Rng, Path, Sound], None]:
    """Return the abuse of a file of pixels."""

    def abuse(rng: Rng, case: Path, sound: Sound) -> None:
        name = pick(rng, names)
        path = case / name
        path.write_bytes(damage(rng, sound.path(name).read_bytes()))
        _read_any(rng, path, case / "out", sound)

    return abuse


def _zarr(rng: Rng, case: Path, sound: Sound) -> None:
    path = sound.copy(pick(rng, ("v2-0.zarr", "v2-1.zarr", "v2-2.zarr", "v3-0.zarr")), case)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    metadata = [file for file in files if file.name.startswith((".z", "zarr.json"))]
    chunks = [file for file in files if file not in metadata]
    kind = int(rng.integers(10))
    if kind < 5:
        file = pick(rng, metadata)
        file.write_bytes(json_text(rng, json.loads(file.read_text())))
    elif kind < 7:
        file = pick(rng, chunks)
        file.write_bytes(damaged_bytes(rng, file.read_bytes()))
    elif kind == 7:
        one, other = pick(rng, chunks), pick(rng, files)
        one.write_bytes(other.read_bytes())
    elif kind == 8:
        size = int(pick(rng, (10**4, 3 * 10**7, 3 * 10**8)))
        packing = pick(rng, (numcodecs.Zstd(), numcodecs.GZip(1), numcodecs.Blosc()))
        pick(rng, chunks).write_bytes(bytes(packing.encode(bytes(size))))
    else:
        file = pick(rng, files)
        file.unlink()
        file.symlink_to(pick(rng, (case.parent / "secret" / "secret.tif", file, case, "/dev/zero", "nowhere")))
    _read_any(rng, path, case / "out", sound)


def _sidecar(rng: Rng, case: Path, sound: Sound) -> None:
    folder = sound.copy("result", case)
    path = folder / "out" / "a.json"
    path.write_bytes(json_text(rng, json.loads(path.read_text())))
    if rng.random() < 0.5:
        more = ("--out", case / "out", "--overwrite") if rng.random() < 0.5 else ()
        command("replay", path, *more)
    else:
        results = folder / "out"
        (case / "out").symlink_to(results)
        command("segment", folder / "a.tif", "--out", results, *MODEL(sound.folder), "--save", "labels,geojson")


def _slide(rng: Rng, case: Path, sound: Sound) -> None:
    folder = sound.copy("slide", case)
    path = folder / "out" / "a.json"
    path.write_bytes(json_text(rng, json.loads(path.read_text())))
    more = ("--out", case / "out", "--overwrite") if rng.random() < 0.5 else ()
    command("replay", path, *more)


def _project(rng: Rng, case: Path, sound: Sound) -> None:
    folder = sound.copy("project", case)
    arrays = sorted(folder.glob("*.tif"))
    record = folder / "project.json"
    if rng.random() < 0.7:
        record.write_bytes(json_text(rng, json.loads(record.read_text())))
    else:
        path = pick(rng, arrays)
        path.write_bytes(damaged_tiff(rng, path.read_bytes()))
    with ProjectFolder(folder) as project:
        state = project.load()
        project.save(ProjectState(images=state.images, settings=state.settings))


def _settings(rng: Rng, case: Path, sound: Sound) -> None:
    path = sound.copy("train.yaml", case)
    if rng.random() < 0.5:
        path.write_bytes(damaged_bytes(rng, path.read_bytes()))
    else:  # JSON is YAML
        path.write_bytes(json_text(rng, read_config(path)))
    (case / "empty").mkdir()
    command("train", "--config", path, "--images", case / "empty", "--labels", case / "empty")


def _model(rng: Rng, case: Path, sound: Sound) -> None:
    path = case / "m.safetensors"
    path.write_bytes(damaged_safetensors(rng, sound.path("tiny.safetensors").read_bytes()))
    action = int(rng.integers(4))
    if action == 0:
        read_header(path)
    elif action == 1:
        command("models", "info", path, *pick(rng, ((), ("--json",))))
    elif action == 2:
        command("models", "add", path, *pick(rng, ((), ("--name", "mine"), ("--name", "../mine"))))
        command("models", "list")
    else:
        command("segment", sound.path("packed.tif"), "--out", case / "out", "--model", path, "--device", "cpu")


def _outline(rng: Rng, case: Path, sound: Sound) -> None:
    path = case / "m.safetensors"
    path.write_bytes(damaged_safetensors(rng, sound.path("outline.safetensors").read_bytes()))
    read_outline(path)


def _request(rng: Rng, case: Path, sound: Sound) -> None:
    """Damage what a training that was cut short has left: how far it had come, and what it was to learn."""
    folder = sound.copy("request", case)
    if rng.random() < 0.5:
        path = folder / "state.safetensors"
        path.write_bytes(damaged_safetensors(rng, path.read_bytes()))
        _state().restore(path)
        return
    path = folder / "request.safetensors"
    path.write_bytes(damaged_safetensors(rng, path.read_bytes()))
    load_request(folder)


def _lists(rng: Rng, case: Path, sound: Sound) -> None:
    """Damage what lies beside the package's models, and the list of ticked objects."""
    kind = int(rng.integers(3))
    if kind == 0:
        path = sound.copy("registry.json", case)
        path.write_bytes(json_text(rng, json.loads(path.read_text())))
        package_entries(case)
    elif kind == 1:
        path = sound.copy("a.card.json", case)
        info = json.loads(path.read_text())
        path.write_bytes(json_text(rng, info))
        card = read_measured(path, info["sha256"])
        if card is not None:
            told(card)
    else:
        (case / "images").mkdir()
        sound.copy("packed.tif", case / "images")
        (case / "done.json").write_bytes(json_text(rng, {"nothing": [1, 2]}))
        command(
            "train", "--fine-tune", "--images", case / "images", "--labels", case / "images", "--steps", "1",
            "--done", case / "done.json", "--out", case / "out" / "m.safetensors",
            "--init", sound.path("tiny.safetensors"),
        )  # fmt: skip


def _hdf5(rng: Rng, case: Path, sound: Sound) -> None:
    path = sound.copy("plants.h5", case)
    if rng.random() < 0.8:
        path.write_bytes(damaged_bytes(rng, path.read_bytes()))
    else:
        with h5py.File(path, "r+") as file:
            del file["A1/plant001/label"]
            file["A1/plant001/label"] = pick(
                rng,
                (
                    h5py.ExternalLink(str(case.parent / "secret" / "secret.h5"), "/label"),
                    h5py.SoftLink("/A1/plant001/label"),
                    np.zeros((2, 2), complex),
                    np.full((24, 36), -5),
                    np.array([b"text"]),
                ),
            )
    command("convert", "cvppp", path, case / "out")


TARGETS: Mapping[str, Callable[[Rng, Path, Sound], None]] = MappingProxyType(
    {
        "tiff": picture(
            ("pages.tif", "imagej.tif", "packed.tif", "tiled.tif", "ome.ome.tif", "big.tif", "lzw.tif", "palette.tif"),
            damaged_tiff,
        ),
        "png": picture(("grey.png", "palette.png", "colour.png"), damaged_png),
        "jpeg": picture(("colour.jpg", "grey.jpg"), damaged_jpeg),
        "npy": picture(("grey.npy",), damaged_npy),
        "labels": picture(("truth.tif",), damaged_tiff),
        "zarr": _zarr,
        "sidecar": _sidecar,
        "slide": _slide,
        "project": _project,
        "settings": _settings,
        "model": _model,
        "outline": _outline,
        "request": _request,
        "lists": _lists,
        "hdf5": _hdf5,
    }
)
ORDER = (
    "tiff", "zarr", "model", "sidecar", "png", "project", "tiff", "settings", "jpeg", "labels",
    "npy", "hdf5", "request", "zarr", "model", "sidecar", "lists", "slide", "project", "outline",
)  # fmt: skip
"""The kinds in turn, those with more to be damaged more often."""
CLEAN = (WNetError, RefusedError)
