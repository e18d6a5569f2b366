"""Put a model file into the package, or replace one: ``python scripts/add_model.py FILE.safetensors``.

The file is read and checked, copied to ``src/napari_wnet/models/NAME.safetensors``, and listed in ``registry.json``
with its SHA-256, size, description and licence, all taken from the file itself.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from napari_wnet.atomic import write_bytes, write_text
from napari_wnet.errors import ModelError, WNetError
from napari_wnet.network.catalog import SUFFIX, ModelEntry, package_entries
from napari_wnet.network.checkpoint import read_model
from napari_wnet.network.container import open_container
from napari_wnet.network.outline.file import OUTLINE_KEY, read_outline

MODELS = Path(__file__).parents[1] / "src" / "napari_wnet" / "models"
MAX_BYTES = 10_000_000
MODEL = ("kind", "model")
"""What an entry is unless it says otherwise."""


def add_model(path: Path, folder: Path) -> ModelEntry:
    """Copy a model file into a folder of models and list it there under the name in its header.

    Raises
    ------
    ModelError
        If the file is no sound model, has no usable name or licence, or is too large to ship.
    OutputError
        If the folder cannot be written.
    """
    with open_container(path) as container:
        outline = OUTLINE_KEY in container.metadata
    said, sha256 = _outline(path) if outline else _model(path)
    data = path.read_bytes()
    if not said["licence"]:
        raise ModelError(f"{path} names no licence; the package ships only models that do.")
    if len(data) > MAX_BYTES:
        raise ModelError(f"{path} has {len(data)} bytes; the package ships models up to {MAX_BYTES}.")
    entry = ModelEntry(
        **said, file=f"{said['name']}{SUFFIX}", sha256=sha256, size=len(data), kind="outline" if outline else "model"
    )
    entry.check()
    others = [other for other in package_entries(folder) if other.name != entry.name]
    listed = [
        {key: value for key, value in dataclasses.asdict(item).items() if key != "source" and (key, value) != MODEL}
        for item in sorted([*others, entry], key=lambda item: item.name)
    ]
    write_bytes(folder / entry.file, data, overwrite=True)
    text = json.dumps({"models": listed}, indent=2, ensure_ascii=False) + "\n"
    write_text(folder / "registry.json", text, overwrite=True)
    return entry


def _model(path: Path) -> tuple[dict[str, str], str]:
    model = read_model(path)
    header = model.header
    return {"name": header.name, "description": header.description, "licence": header.licence}, model.sha256


def _outline(path: Path) -> tuple[dict[str, str], str]:
    model = read_outline(path)
    return {name: str(model.card.get(name, "")) for name in ("name", "description", "licence")}, model.sha256


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="model file made by napari-wnet train")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder with registry.json")
    options = parser.parse_args(arguments)
    try:
        entry = add_model(options.file, options.models)
    except WNetError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{entry.name}: {entry.file}, {entry.size} bytes, sha256 {entry.sha256}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
