"""Damaged texts that are found by what they make the program do: atheris, on what is parsed in Python.

pip install atheris
python benchmarks/abuse_guided.py sidecar -runs=100000 -seed=1

What is parsed: sidecar, project, header, list, card or settings. Whatever follows goes to libFuzzer. It
stops at the first input that ends in anything but a refusal in words, and writes that input to a file.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import atheris
import numpy as np
from abuse_damage import damaged_json

with atheris.instrument_imports(include=["napari_wnet", "json", "yaml"]):
    from napari_wnet.commands.config_file import read_config
    from napari_wnet.errors import WNetError
    from napari_wnet.io.sidecar import read_sidecar, record_from
    from napari_wnet.network.catalog import Places, package_entries
    from napari_wnet.network.checkpoint import read_header
    from napari_wnet.network.header import ModelHeader
    from napari_wnet.network.measured import read_measured, told
    from napari_wnet.project.parse import parse_record
    from napari_wnet.train_job import TrainJob

ROOT = Path(__file__).parents[1]
PACKAGE = Places.from_environment().package
FOLDER = Path(tempfile.mkdtemp(prefix="abuse-guided-"))
PROJECT = {
    "format": "napari-wnet project",
    "format_version": 1,
    "project": "0" * 8,
    "settings": {"dock": {"angle": 30}},
    "images": [
        {
            "name": "a",
            "path": "a.tif",
            "shape": [4, 4],
            "sha256": "0" * 64,
            "settings": {},
            "labels": [
                {
                    "name": "l",
                    "labels": {
                        "file": f"labels-{'0' * 8}-{'0' * 32}.tif",
                        "sha256": "0" * 64,
                        "shape": [4, 4],
                        "dtype": "uint16",
                        "size": 200,
                    },
                    "cleared": None,
                    "done": [[[], [1, 2]]],
                    "locked": [],
                    "seeds": [[1.0, 2.5]],
                }
            ],
        }
    ],
}


def _file(data: bytes, name: str = "a.json") -> Path:
    path = FOLDER / name
    path.write_bytes(data)
    return path


def sidecar(data: bytes) -> None:
    record_from(read_sidecar(_file(data)))


def project(data: bytes) -> None:
    parse_record(data, FOLDER)


def header(data: bytes) -> None:
    ModelHeader.from_json(data.decode("utf-8", "replace"), FOLDER)


def models(data: bytes) -> None:
    _file(data, "registry.json")
    package_entries(FOLDER)


def card(data: bytes) -> None:
    found = read_measured(_file(data), "ab")
    if found is not None:
        told(found)


def settings(data: bytes) -> None:
    TrainJob.from_dict(read_config(_file(data, "a.yaml")))


PARSERS: Mapping[str, tuple[Callable[[bytes], None], bytes]] = MappingProxyType(
    {
        "sidecar": (sidecar, (ROOT / "tests" / "io" / "sidecar_format1.json").read_bytes()),
        "project": (project, json.dumps(PROJECT).encode()),
        "header": (header, read_header(PACKAGE / "nuclei.safetensors").to_json().encode()),
        "list": (models, (PACKAGE / "registry.json").read_bytes()),
        "card": (card, (PACKAGE / "nuclei.card.json").read_bytes()),
        "settings": (settings, json.dumps(TrainJob(images="a", labels="b", out="c").to_dict()).encode()),
    }
)


def attempt(parse: Callable[[bytes], None], data: bytes) -> None:
    """Parse an input; a refusal in words is fine."""
    try:
        parse(data)
    except WNetError as error:
        assert len(str(error)) > 20, "no words"


def mutated(data: bytes, most: int, seed: int) -> bytes:
    """Return another input: JSON whose values are damaged, so that it is parsed to its end, or bytes."""
    if seed % 4:
        try:
            value = damaged_json(np.random.default_rng(seed), json.loads(data))
            return json.dumps(value).encode("utf-8", "replace")[:most]
        except (ValueError, RecursionError, TypeError):  # no JSON any more
            pass
    return bytes(atheris.Mutate(data, most))


def main() -> None:
    parse, sound = PARSERS[sys.argv.pop(1)]
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    (corpus / "sound").write_bytes(sound)
    try:
        attempt(parse, sound)
        atheris.Setup([*sys.argv, str(corpus)], functools.partial(attempt, parse), custom_mutator=mutated)
        atheris.Fuzz()
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
