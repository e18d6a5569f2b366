"""Several processes share the cache of models and the folder of own ones; one of them may be killed at any moment."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from model_server import Server, make_model
from napari_wnet.network import registry
from napari_wnet.network.catalog import Places

FETCH = """
import sys
from pathlib import Path
from napari_wnet.network.registry import Places, fetch
package, cache, server = sys.argv[1:]
print(fetch("tiny", Places(package=Path(package), cache=Path(cache), user=Path(cache, "none"), server=server)))
"""
ADD = """
import sys
from pathlib import Path
from napari_wnet.network.addition import Addition
from napari_wnet.network.catalog import Places
from napari_wnet.network.own import add_steps
from napari_wnet.errors import ModelError
from napari_wnet.reports import drain
package, user, source = sys.argv[1:]
places = Places(package=Path(package), cache=Path(user), user=Path(user))
try:
    drain(add_steps(Addition(source=source, name="mine"), places))
except ModelError as error:
    sys.exit(str(error))
"""


@pytest.fixture(scope="module")
def model_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    torch.manual_seed(0)
    return make_model(tmp_path_factory.mktemp("model") / "tiny.safetensors").read_bytes()


@pytest.fixture
def package(tmp_path: Path, model_bytes: bytes) -> Path:
    """An installation that lists a model and does not have it."""
    folder = tmp_path / "package"
    folder.mkdir()
    sha256 = hashlib.sha256(model_bytes).hexdigest()
    entry = {"name": "tiny", "file": "tiny.safetensors", "sha256": sha256, "size": len(model_bytes)}
    (folder / "registry.json").write_text(json.dumps({"models": [entry]}))
    return folder


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_two_processes_fetch_the_same_model_at_once(tmp_path, package, server: Server, model_bytes):
    cache = tmp_path / "cache"
    both = [start(FETCH, package, cache, f"{server.url}/good") for _ in range(2)]
    for process in both:
        said, complaint = process.communicate(timeout=120)
        assert (process.returncode, said.strip(), complaint) == (0, str(cache / "tiny.safetensors"), "")
    assert (cache / "tiny.safetensors").read_bytes() == model_bytes
    assert files(cache) == ["tiny.safetensors"]


def test_one_that_is_killed_does_not_harm_the_other_and_is_cleared_up_after(
    tmp_path, package, server: Server, model_bytes
):
    cache = tmp_path / "cache"
    killed = start(FETCH, package, cache, f"{server.url}/trickle")
    while not any(path.is_file() and path.stat().st_size for path in cache.glob(f"{registry.PREFIX}*/*")):
        assert killed.poll() is None, killed.communicate()
        time.sleep(0.05)
    places = Places(package=package, cache=cache, user=tmp_path / "own", server=f"{server.url}/good")
    assert registry.fetch("tiny", places).read_bytes() == model_bytes  # while the other one is still at it
    killed.kill()
    killed.communicate(timeout=60)
    (left,) = cache.glob(f"{registry.PREFIX}*")
    (cache / "tiny.safetensors").write_bytes(b"damaged")
    registry.fetch("tiny", places)
    assert left.exists()  # it may be at work: what is young stays
    long_ago = time.time() - 2 * 86_400
    os.utime(left, (long_ago, long_ago))
    (cache / "tiny.safetensors").write_bytes(b"damaged")
    assert registry.fetch("tiny", places).read_bytes() == model_bytes
    assert files(cache) == ["tiny.safetensors"]


def test_of_two_that_add_a_model_of_one_name_one_is_told_and_nothing_is_half_there(tmp_path, package, model_bytes):
    user, source = tmp_path / "user", tmp_path / "theirs.safetensors"
    source.write_bytes(model_bytes)
    both = [start(ADD, package, user, source) for _ in range(2)]
    said = [process.communicate(timeout=120)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 1], said
    assert "You have a model 'mine' already" in "".join(said)
    assert files(user) == ["mine.safetensors"]
    assert (user / "mine.safetensors").read_bytes() == model_bytes
