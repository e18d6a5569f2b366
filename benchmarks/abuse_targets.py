"""What is abused: for each kind of file, how it is damaged, and what a user does with it then."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import h5py
import numpy as np
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
from abuse_sound import N_BOMBS, RefusedError, Sound, command, training_state, with_model

from napari_wnet.commands.config_file import read_config
from napari_wnet.errors import WNetError
from napari_wnet.fine_tune.interrupted import load_request
from napari_wnet.io.images import read_image, read_labels, read_mask
from napari_wnet.network.catalog import package_entries
from napari_wnet.network.checkpoint import read_header
from napari_wnet.network.measured import read_measured, told
from napari_wnet.network.outline.file import read_outline
from napari_wnet.project import ProjectFolder, ProjectState


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
        command("segment", path, "--out", out, *with_model(sound.folder))
    elif action == 5:
        command("measure", path, "--out", out / "table.csv", "--image", sound.path("packed.tif"))
    elif action == 6:
        command("export", path, "--out", out, "--as", "geojson,roi")
    else:
        command("segment", sound.path("packed.tif"), "--out", out, *with_model(sound.folder), "--foreground", path)


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
        pick(rng, chunks).write_bytes(sound.path(f"bomb{int(rng.integers(N_BOMBS))}").read_bytes())
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
        command("segment", folder / "a.tif", "--out", results, *with_model(sound.folder), "--save", "labels,geojson")


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
        training_state().restore(path)
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
