"""From a model's name to a checked file: package, cache, a real web server on loopback, and all that can go wrong."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import importlib.util
import json
import logging
import os
import shutil
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from model_server import Server, make_model
from napari_wnet.errors import DownloadError, ModelError
from napari_wnet.network import catalog, download
from napari_wnet.network.checkpoint import read_model
from napari_wnet.network.outline.file import save_outline
from napari_wnet.network.outline.net import OutlineConfig, OutlineNet
from napari_wnet.network.registry import (
    ModelEntry,
    Places,
    WrongHashError,
    fetch,
    fetch_steps,
    find_model,
    find_outline,
    list_models,
    load_model,
    load_outline_steps,
    load_steps,
)
from napari_wnet.reports import Progress, drain

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    torch.manual_seed(0)
    return make_model(tmp_path_factory.mktemp("model") / "tiny.safetensors").read_bytes()


def write_registry(folder: Path, *entries: dict[str, Any]) -> None:
    (folder / "registry.json").write_text(json.dumps({"models": entries}))


@pytest.fixture
def entry(model_bytes: bytes) -> dict[str, Any]:
    return {
        "name": "tiny",
        "file": "tiny.safetensors",
        "sha256": hashlib.sha256(model_bytes).hexdigest(),
        "size": len(model_bytes),
        "description": "the tiny model",
        "licence": "CC0-1.0",
    }


@pytest.fixture
def places(tmp_path: Path, model_bytes: bytes, entry: dict[str, Any]) -> Places:
    """An installation with one model, an empty cache, and no server."""
    made = Places(package=tmp_path / "package", cache=tmp_path / "cache", user=tmp_path / "user")
    made.package.mkdir()
    (made.package / "tiny.safetensors").write_bytes(model_bytes)
    write_registry(made.package, entry)
    return made


@pytest.fixture
def bare(places: Places) -> Places:
    """The same, but the model itself is not in the package."""
    (places.package / "tiny.safetensors").unlink()
    return places


# --- a server with every vice


@pytest.fixture
def at(server: Server) -> Callable[[Places, str], Places]:
    return lambda places, vice: dataclasses.replace(places, server=f"{server.url}/{vice}/")


VICES = {
    "missing": "status 404",
    "broken": "status 500",
    "cut": "was cut off",
    "short": "cut off after",
    "other": "another file",
    "endless": "more than the expected",
    "nothing": "cut off|cannot be reached",
    "loop": "redirects more than",
    "tofile": "no http or https",
    "toftp": "no http or https",
    "packed": "another file",
    "negative": "another file",
    "wordy": "another file",
    "tononsense": "cannot be reached",
}


def cached_files(places: Places) -> list[str]:
    return sorted(path.name for path in places.cache.rglob("*")) if places.cache.is_dir() else []


# --- from the package


def test_the_first_run_needs_no_network(places: Places, model_bytes: bytes) -> None:
    path = fetch("tiny", places)
    assert path == places.cache / "tiny.safetensors"
    assert path.read_bytes() == model_bytes
    assert cached_files(places) == ["tiny.safetensors"]
    assert path.stat().st_mode == (places.package / "tiny.safetensors").stat().st_mode  # readable for others too


def test_the_cache_serves_once_it_is_filled(places: Places) -> None:
    fetch("tiny", places)
    (places.package / "tiny.safetensors").unlink()
    assert list(fetch_steps("tiny", places)) == []  # nothing left to do, so no progress
    assert fetch("tiny", places) == places.cache / "tiny.safetensors"


@pytest.mark.parametrize("damage", [b"", b"rubbish"])
def test_a_damaged_copy_is_replaced(places: Places, model_bytes: bytes, damage: bytes) -> None:
    path = fetch("tiny", places)
    path.write_bytes(damage)
    assert fetch("tiny", places).read_bytes() == model_bytes


def test_a_damaged_installation_is_noticed(places: Places) -> None:
    (places.package / "tiny.safetensors").write_bytes(b"rubbish")
    with pytest.raises(WrongHashError, match="Reinstall"):
        fetch("tiny", places)
    assert cached_files(places) == []


def test_an_incomplete_installation_is_noticed(bare: Places) -> None:
    with pytest.raises(DownloadError, match="Reinstall napari-wnet, or set NAPARI_WNET_MODELS_URL"):
        fetch("tiny", bare)


# --- from a server


@pytest.mark.parametrize("vice", ["good", "chunked", "moved", "elsewhere", "endlessmove"])
def test_a_good_file_from_a_server(
    bare: Places, at: Callable[[Places, str], Places], model_bytes: bytes, vice: str
) -> None:
    steps = fetch_steps("tiny", at(bare, vice))
    reports = []
    try:
        while True:
            reports.append(next(steps))
    except StopIteration as stop:
        path = stop.value
    assert path.read_bytes() == model_bytes
    assert cached_files(bare) == ["tiny.safetensors"]
    done = [report.done for report in reports]
    assert done == sorted(done)
    assert done[-1] == reports[-1].total == len(model_bytes)


@pytest.mark.parametrize("vice", VICES)
def test_a_bad_server_is_an_error_and_leaves_nothing(
    bare: Places, at: Callable[[Places, str], Places], vice: str
) -> None:
    with pytest.raises(DownloadError, match=VICES[vice]) as caught:
        fetch("tiny", at(bare, vice))
    assert "NAPARI_WNET_MODELS_URL" in str(caught.value)
    assert cached_files(bare) == []


@pytest.mark.parametrize("vice", VICES)
def test_a_bad_server_does_not_matter_when_the_package_has_the_model(
    places: Places, at: Callable[[Places, str], Places], vice: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert fetch("tiny", at(places, vice)) == places.package / "tiny.safetensors"
    assert "The copy in the package is used" in caplog.text


@pytest.mark.parametrize("model_is_in_package", [True, False])
def test_another_file_than_the_pinned_one_is_never_accepted(
    places: Places, at: Callable[[Places, str], Places], model_is_in_package: bool
) -> None:
    if not model_is_in_package:
        (places.package / "tiny.safetensors").unlink()
    with pytest.raises(WrongHashError, match=r"SHA-256 differs.*NAPARI_WNET_MODELS_URL"):
        fetch("tiny", at(places, "wrong"))
    assert cached_files(places) == []


def test_a_failed_download_leaves_no_half_file_behind_an_older_copy(
    bare: Places, at: Callable[[Places, str], Places], model_bytes: bytes
) -> None:
    bare.cache.mkdir()
    (bare.cache / "tiny.safetensors").write_bytes(b"damaged")
    with pytest.raises(DownloadError):
        fetch("tiny", at(bare, "cut"))
    assert (bare.cache / "tiny.safetensors").read_bytes() == b"damaged"
    assert fetch("tiny", at(bare, "good")).read_bytes() == model_bytes


def test_a_trickling_server_is_given_up(
    bare: Places, at: Callable[[Places, str], Places], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "READ_SECONDS", 0.3)
    monkeypatch.setattr(download, "SLOWEST_BYTES_PER_SECOND", 10**9)
    with pytest.raises(DownloadError, match="too slow"):
        fetch("tiny", at(bare, "trickle"))


def test_a_server_whose_head_has_no_end_is_given_up(
    bare: Places, at: Callable[[Places, str], Places], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(download, "READ_SECONDS", 0.2)
    with pytest.raises(DownloadError, match="does not answer"):
        fetch("tiny", at(bare, "slowhead"))
    assert cached_files(bare) == []


@pytest.mark.parametrize("location", ["http://other.org/m", "//other.org/m", "/m", "m", "https://other.org/m"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_encrypted_connection_stays_encrypted(scheme: str, location: str) -> None:
    if scheme == "https" and location.startswith("http:"):
        with pytest.raises(DownloadError, match="not encrypted"):
            download.redirected("https://host.org/a/m", location, "Ask.")
    else:
        target = download.redirected(f"{scheme}://host.org/a/m", location, "Ask.")
        assert target.startswith(location.split("//")[0] if location.startswith("http") else f"{scheme}://")


def test_a_server_that_accepts_and_says_nothing(bare: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "READ_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(DownloadError, match="does not answer"):
            fetch("tiny", dataclasses.replace(bare, server=url))


def test_offline(bare: Places, at: Callable[[Places, str], Places], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/"
    offline = dataclasses.replace(bare, server=url)
    with pytest.raises(DownloadError, match=r"cannot be reached.*by its path"):
        fetch("tiny", offline)
    fetch("tiny", at(bare, "good"))
    assert fetch("tiny", offline) == bare.cache / "tiny.safetensors"


def test_cancelling_a_download_leaves_nothing(bare: Places, at: Callable[[Places, str], Places]) -> None:
    steps = fetch_steps("tiny", at(bare, "good"))
    assert next(steps).done > 0
    steps.close()
    assert cached_files(bare) == []


def test_several_at_once(bare: Places, at: Callable[[Places, str], Places], model_bytes: bytes) -> None:
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: fetch("tiny", at(bare, "good")), range(8)))
    assert set(paths) == {bare.cache / "tiny.safetensors"}
    assert paths[0].read_bytes() == model_bytes
    assert cached_files(bare) == ["tiny.safetensors"]


@pytest.mark.parametrize("url", ["file:///etc", "ftp://host/", "models", "http://", "http://[", "//host/x", "http:x"])
def test_addresses_that_are_not_fetched_from(bare: Places, url: str) -> None:
    with pytest.raises(DownloadError, match=r"no http or https address.*NAPARI_WNET_MODELS_URL"):
        fetch("tiny", dataclasses.replace(bare, server=url))


# --- a cache that cannot be used


@pytest.fixture
def unwritable(places: Places) -> Places:
    """A file where the cache's parent should be: permissions would not stop an administrator."""
    (places.package.parent / "file").write_text("")
    return dataclasses.replace(places, cache=places.package.parent / "file" / "cache")


def test_an_unwritable_cache_does_not_matter_when_the_package_has_the_model(
    unwritable: Places, caplog: pytest.LogCaptureFixture
) -> None:
    assert load_model("tiny", unwritable).path == unwritable.package / "tiny.safetensors"
    assert "NAPARI_WNET_CACHE" in caplog.text


def test_an_unwritable_cache_is_named_with_the_remedy(unwritable: Places, at: Callable[[Places, str], Places]) -> None:
    (unwritable.package / "tiny.safetensors").unlink()
    with pytest.raises(DownloadError, match="set NAPARI_WNET_CACHE to a folder that can be written"):
        fetch("tiny", at(unwritable, "good"))


def test_a_full_disk(bare: Places, at: Callable[[Places, str], Places], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copy", full)
    with pytest.raises(DownloadError, match="Free some space"):
        fetch("tiny", at(bare, "good"))
    assert cached_files(bare) == []


# --- names


def test_the_list_says_what_there_is(places: Places, entry: dict[str, Any]) -> None:
    assert list_models(places) == (ModelEntry(**entry, source="package"),)


def test_an_unknown_name_lists_the_choices(places: Places) -> None:
    with pytest.raises(ModelError, match=r"no model 'tinny'. Did you mean 'tiny'\?.*choose one of tiny"):
        load_model("tinny", places)
    write_registry(places.package)
    with pytest.raises(ModelError, match="none is installed"):
        load_model("nuclei", places)


def test_own_models_are_the_files_in_a_folder(places: Places) -> None:
    places.user.mkdir()
    mine = make_model(places.user / "mine.safetensors", name="inside")
    make_model(places.user / "tiny.safetensors", name="impostor")
    (places.user / "bad.safetensors").write_bytes(b"rubbish")
    (places.user / "notes.txt").write_text("")
    (places.user / "-odd.safetensors").write_bytes(mine.read_bytes())
    (places.user / "my cells.safetensors").write_bytes(mine.read_bytes())
    listed = {entry.name: entry for entry in list_models(places)}
    assert list(listed) == ["tiny", "bad", "mine", "my cells"]
    assert [listed[name].source for name in listed] == ["package", "user", "user", "user"]
    assert listed["mine"].description == "the inside model"
    assert listed["mine"].sha256 == hashlib.sha256(mine.read_bytes()).hexdigest()
    assert listed["mine"].size == mine.stat().st_size
    assert load_model("mine", places).path == mine
    assert load_model("mine", places).name == "mine"
    assert load_model("my cells", places).name == "my cells"
    assert load_model("tiny", places).header.name == "tiny"
    with pytest.raises(ModelError, match="damaged"):
        load_model("bad", places)


def test_own_models_are_read_through_again_only_where_they_changed(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    places.user.mkdir()
    mine = make_model(places.user / "mine.safetensors", name="mine")
    read: list[str] = []
    digest = hashlib.file_digest

    def counting(file: Any, kind: str) -> Any:
        read.append(file.name)
        return digest(file, kind)

    monkeypatch.setattr(catalog.hashlib, "file_digest", counting)
    for _ in range(3):
        (entry,) = [entry for entry in list_models(places) if entry.source == "user"]
    assert read == [str(mine)]
    make_model(places.package / "another.safetensors", name="another").replace(mine)
    (changed,) = [entry for entry in list_models(places) if entry.source == "user"]
    assert changed.sha256 == hashlib.sha256(mine.read_bytes()).hexdigest() != entry.sha256


def test_a_model_can_be_given_as_a_file(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_bytes: bytes
) -> None:
    path = make_model(tmp_path / "other.safetensors", name="other")
    assert load_model(path, places).name == "other"
    monkeypatch.chdir(tmp_path)
    assert load_model("other.safetensors", places).name == "other"
    (tmp_path / "without_suffix").write_bytes(model_bytes)
    assert load_model("without_suffix", places).name == "tiny"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert load_model("~/other.safetensors", places).path == path
    (tmp_path / "tiny").write_text("a listed name comes first")
    assert load_model("tiny", places).name == "tiny"


@pytest.mark.parametrize("name", ["none.safetensors", "folder/none", "none.pt"])
def test_a_file_that_does_not_exist(places: Places, name: str) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        load_model(name, places)


def test_loading_reports_and_returns_the_listed_file(places: Places, entry: dict[str, Any]) -> None:
    steps = load_steps("tiny", places)
    assert isinstance(next(steps), Progress)
    with pytest.raises(StopIteration) as stop:
        while True:
            next(steps)
    assert stop.value.value.sha256 == entry["sha256"]


@pytest.mark.parametrize(
    "changes",
    [
        {"file": "../tiny.safetensors"},
        {"file": "/etc/passwd"},
        {"file": "a/b.safetensors"},
        {"file": "a\\b.safetensors"},
        {"file": ".safetensors"},
        {"file": "tiny.pt"},
        {"file": "tiny.safetensors\n"},
        {"file": ["tiny.safetensors"]},
        {"name": ""},
        {"name": "a b"},
        {"name": "../tiny"},
        {"sha256": "abc"},
        {"sha256": None},
        {"sha256": "md5:" + "0" * 60},
        {"size": 0},
        {"size": 1e3},
        {"size": 2**40},
        {"licence": None},
        {"surprise": 1},
    ],
)
def test_an_entry_cannot_lead_out_of_its_folder(places: Places, entry: dict[str, Any], changes: dict[str, Any]) -> None:
    write_registry(places.package, {**entry, **changes})
    with pytest.raises(ModelError, match=r"list of models is damaged.*Reinstall"):
        list_models(places)


def test_a_list_that_is_no_list(places: Places, entry: dict[str, Any]) -> None:
    write_registry(places.package, entry, entry)
    with pytest.raises(ModelError, match="appears twice"):
        list_models(places)
    for text in ("", "[]", "{}", '{"models": 3}', '{"models": [3]}'):
        (places.package / "registry.json").write_text(text)
        with pytest.raises(ModelError, match="Reinstall"):
            list_models(places)


def test_places_follow_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("NAPARI_WNET_CACHE", "NAPARI_WNET_MODELS_URL", "NAPARI_WNET_USER_MODELS"):
        monkeypatch.delenv(name, raising=False)
    standard = Places.from_environment()
    assert standard.server == ""
    assert "napari-wnet" in str(standard.cache)
    assert standard.cache != standard.user
    monkeypatch.setenv("NAPARI_WNET_CACHE", str(tmp_path / "c"))
    monkeypatch.setenv("NAPARI_WNET_MODELS_URL", "https://example.org/models ")
    monkeypatch.setenv("NAPARI_WNET_USER_MODELS", str(tmp_path / "u"))
    assert Places.from_environment() == Places(
        package=standard.package, cache=tmp_path / "c", user=tmp_path / "u", server="https://example.org/models"
    )


def test_what_the_package_lists_it_contains(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAPARI_WNET_CACHE", str(tmp_path))
    monkeypatch.setenv("NAPARI_WNET_USER_MODELS", str(tmp_path / "none"))
    monkeypatch.delenv("NAPARI_WNET_MODELS_URL", raising=False)
    places = Places.from_environment()
    entries = list_models(places)
    files = {entry.file for entry in (*entries, find_outline(places))}
    assert files == {path.name for path in places.package.glob("*.safetensors")}
    for listed in entries:
        model = load_model(listed.name)
        assert (model.name, model.sha256, model.path.stat().st_size) == (listed.name, listed.sha256, listed.size)
        assert (model.header.licence, model.header.description) == (listed.licence, listed.description)


# --- the maintainers' script


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("add_model", ROOT / "scripts" / "add_model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_adding_a_model_to_the_package(
    script: ModuleType, places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = make_model(tmp_path / "trained.safetensors", name="leaf")
    assert script.main([str(new), "--models", str(places.package)]) == 0
    assert find_model("leaf", places).sha256 in capsys.readouterr().out
    assert [entry.name for entry in list_models(places)] == ["leaf", "tiny"]
    assert load_model("leaf", places).sha256 == read_model(new).sha256
    better = make_model(tmp_path / "better.safetensors", name="leaf")
    assert script.main([str(better), "--models", str(places.package)]) == 0
    assert [entry.name for entry in list_models(places)] == ["leaf", "tiny"]
    assert load_model("leaf", places).sha256 == read_model(better).sha256


def test_adding_the_outline_network_leaves_the_models_as_they_are(
    script: ModuleType, places: Places, tmp_path: Path
) -> None:
    card = {"name": "outline", "licence": "MIT", "description": "Outlines"}
    sha256 = save_outline(tmp_path / "new.safetensors", OutlineNet(OutlineConfig(side=16, widths=(4, 8))), card)
    before = list_models(places)
    assert script.main([str(tmp_path / "new.safetensors"), "--models", str(places.package)]) == 0
    assert list_models(places) == before
    assert find_outline(places).sha256 == sha256
    assert drain(load_outline_steps(places)).card["name"] == "outline"


@pytest.mark.parametrize(
    ("header", "message"), [({"licence": ""}, "names no licence"), ({"name": "a/b"}, "cannot be listed")]
)
def test_models_that_the_package_cannot_ship(
    script: ModuleType, places: Places, tmp_path: Path, header: dict[str, str], message: str
) -> None:
    before = sorted(places.package.iterdir())
    with pytest.raises(ModelError, match=message):
        script.add_model(make_model(tmp_path / "new.safetensors", **header), places.package)
    assert sorted(places.package.iterdir()) == before


def test_the_script_reports_failure(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main([str(tmp_path / "none.safetensors")]) == 1
    assert "does not exist" in capsys.readouterr().err
