"""Own models: what is added is a model and whole, or nothing; and no name leads to a file outside the folder."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import io
import json
import os
import pickle
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from model_server import Server, make_model
from napari_wnet.errors import DownloadError, ModelError, OutputError
from napari_wnet.network import download
from napari_wnet.network.addition import Addition
from napari_wnet.network.catalog import Places, find_model, list_models
from napari_wnet.network.checkpoint import save_state
from napari_wnet.network.measured import MeasuredCard, MeasuredSet
from napari_wnet.network.own import add_steps, remove_model, rename_model
from napari_wnet.network.registry import WrongHashError, load_model
from napari_wnet.network.shelf import fetch_all_steps, shelf_steps
from napari_wnet.reports import Progress, drain


@pytest.fixture(scope="module")
def model_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    torch.manual_seed(0)
    return make_model(tmp_path_factory.mktemp("model") / "tiny.safetensors", name="theirs").read_bytes()


@pytest.fixture
def sha256(model_bytes: bytes) -> str:
    return hashlib.sha256(model_bytes).hexdigest()


@pytest.fixture
def file(tmp_path: Path, model_bytes: bytes) -> Path:
    path = tmp_path / "shared.safetensors"
    path.write_bytes(model_bytes)
    return path


@pytest.fixture
def places(tmp_path: Path, model_bytes: bytes, sha256: str) -> Places:
    """An installation with the models 'tiny' and 'outline', and no own ones."""
    made = Places(package=tmp_path / "package", cache=tmp_path / "cache", user=tmp_path / "user" / "models")
    made.package.mkdir()
    listed = []
    for name, kind in (("tiny", "model"), ("outline", "outline")):
        (made.package / f"{name}.safetensors").write_bytes(model_bytes)
        one = {"name": name, "file": f"{name}.safetensors", "sha256": sha256, "size": len(model_bytes), "kind": kind}
        listed.append(one)
    (made.package / "registry.json").write_text(json.dumps({"models": listed}))
    return made


def add(places: Places, source: object, name: str = "", sha256: str = "") -> Path:
    return drain(add_steps(Addition(source=str(source), name=name, sha256=sha256), places))


def own_files(places: Places) -> list[str]:
    return sorted(path.name for path in places.user.rglob("*")) if places.user.is_dir() else []


# --- added from a file


def test_a_file_is_added_under_its_own_name_byte_for_byte(places: Places, file: Path, model_bytes: bytes) -> None:
    path = add(places, file)
    assert path == places.user / "shared.safetensors"
    assert path.read_bytes() == file.read_bytes() == model_bytes
    assert own_files(places) == ["shared.safetensors"]
    assert [entry.name for entry in list_models(places)] == ["tiny", "shared"]
    assert load_model("shared", places).name == "shared"  # whatever its maker called it


def test_a_file_is_added_under_a_name_that_is_given(places: Places, file: Path, sha256: str) -> None:
    add(places, file, name=" my leaves ", sha256=f"SHA256:{sha256.upper()} ")
    assert find_model("my leaves", places).sha256 == sha256


def test_a_file_that_is_not_named_like_a_model_gets_the_models_name(places: Places, file: Path) -> None:
    copy = shutil.copy(file, file.with_name("shared (1).safetensors"))
    assert add(places, copy).stem == "theirs"


def test_a_model_without_any_name_needs_one(places: Places, tmp_path: Path) -> None:
    nameless = make_model(tmp_path / "(1).safetensors", name="")
    with pytest.raises(ModelError, match="give a name"):
        add(places, nameless)
    assert own_files(places) == []
    assert add(places, nameless, name="now").stem == "now"


def test_another_hash_is_refused_and_both_are_told(places: Places, file: Path, sha256: str) -> None:
    with pytest.raises(WrongHashError, match=f"{sha256}.*{'0' * 64}.*not kept"):
        add(places, file, sha256="0" * 64)
    assert own_files(places) == []


@pytest.mark.parametrize("digits", ["abc", "g" * 64, "0" * 63, "../" + "0" * 61])
def test_what_is_no_hash_is_refused_before_anything_is_done(places: Places, file: Path, digits: str) -> None:
    with pytest.raises(ModelError, match=r"no SHA-256.*Copy it once more, or leave it out"):
        add(places, file, sha256=digits)
    assert not places.user.exists()


def checkpoint(path: Path) -> None:
    save_state(path, {"x": torch.zeros(3)}, {})


def html(path: Path) -> None:
    path.write_text("<html>" * 100)


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"x": 1}))


def torch_file(path: Path) -> None:
    torch.save({"x": torch.zeros(3)}, path)


def cut(path: Path) -> None:
    make_model(path)
    path.write_bytes(path.read_bytes()[:-1])


def not_finite(path: Path) -> None:
    make_model(path)
    data = path.read_bytes()
    path.write_bytes(data[:-4000] + b"\xff" * 4000)


BAD_FILES = {
    checkpoint: "training checkpoint, not a model; go on with",
    html: "damaged or no model file.*Copy or download it again",
    pickled: "Python pickle.*Ask for the model as .safetensors",
    torch_file: "zip archive.*Ask for the model as .safetensors",
    cut: "cut short.*Copy or download it again",
    not_finite: "NaN.*Use an earlier copy",
    Path.mkdir: "is not a file",
}


@pytest.mark.parametrize("make", BAD_FILES)
def test_what_is_no_model_is_not_kept(places: Places, tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "bad.safetensors"
    make(path)
    with pytest.raises(ModelError, match=BAD_FILES[make]) as caught:
        add(places, path)
    assert str(path) in str(caught.value)
    assert str(places.user) not in str(caught.value)  # where it was for the time being is nobody's business
    assert own_files(places) == []


def test_a_folder_that_cannot_be_written_is_named_with_the_remedy(places: Places, file: Path, tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("")
    with pytest.raises(OutputError, match="set NAPARI_WNET_USER_MODELS"):
        add(dataclasses.replace(places, user=tmp_path / "occupied" / "models"), file)


def test_what_a_killed_process_left_is_cleared_up_and_work_that_goes_on_is_not(places: Places, file: Path) -> None:
    places.user.mkdir(parents=True)
    for name, age_s in ((".adding-dead", 2 * 86_400), (".adding-alive", 60)):
        (places.user / name).mkdir()
        (places.user / name / "model").write_bytes(b"half")
        then = time.time() - age_s
        os.utime(places.user / name, (then, then))
    add(places, file)
    assert own_files(places) == [".adding-alive", "model", "shared.safetensors"]


def test_a_disk_that_fails_is_told_from_the_folder_of_the_models(
    places: Places, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    class Failing(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def opened(path: Path, mode: str = "r", **kwargs: object) -> object:
        # Only the copy: what it says of itself was still readable.
        copying = path == file and (places.user.is_dir() and any(places.user.iterdir()))
        return Failing() if copying else real(path, mode, **kwargs)

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(ModelError, match=r"shared\.safetensors cannot be read.*Copy it to this machine first"):
        add(places, file)
    assert own_files(places) == []


# --- added from an address


@pytest.mark.parametrize("vice", ["good", "chunked", "moved", "elsewhere", "endlessmove"])
def test_a_model_is_added_from_an_address(
    places: Places, server: Server, model_bytes: bytes, sha256: str, vice: str
) -> None:
    addition = Addition(source=f" {server.url}/{vice}/from%20afar.safetensors?download=1 ", sha256=sha256)
    reports = []
    steps = add_steps(addition, places)
    try:
        while True:
            reports.append(next(steps))
    except StopIteration as stop:
        path = stop.value
    assert path == places.user / "from afar.safetensors"
    assert path.read_bytes() == model_bytes
    assert own_files(places) == ["from afar.safetensors"]
    assert max(report.done for report in reports) == len(model_bytes)


def test_an_address_that_names_no_file_leaves_the_name_to_the_model(places: Places, server: Server) -> None:
    assert add(places, f"{server.url}/good/content").stem == "theirs"


VICES = {
    "missing": "status 404",
    "broken": "status 500",
    "cut": "was cut off",
    "short": "cut short",
    "wrong": "no model file",
    "other": "is a web page, not a model. Copy the address",
    "page": "is a web page, not a model. Copy the address",
    "pickle": "zip archive.*Ask for the model",
    "giant": "another file",
    "endless": "more than the expected",
    "nothing": "cut off|cannot be reached",
    "loop": "redirects more than",
    "tofile": "no http or https",
    "toftp": "no http or https",
    "tononsense": "cannot be reached",
    "packed": "no model file",
    "negative": "another file",
    "wordy": "another file",
}


@pytest.mark.parametrize("vice", VICES)
def test_a_bad_server_is_an_error_and_leaves_nothing(
    places: Places, server: Server, vice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MAX_FILE_BYTES", 2**20)
    with pytest.raises(ModelError, match=VICES[vice]) as caught:
        add(places, f"{server.url}/{vice}/bad.safetensors")
    assert "NAPARI_WNET_MODELS_URL" not in str(caught.value)  # which has nothing to do with it
    assert str(places.user) not in str(caught.value)
    assert own_files(places) == []


def test_another_hash_from_an_address_is_refused(places: Places, server: Server, sha256: str) -> None:
    with pytest.raises(WrongHashError, match=f"{sha256}.*{'1' * 64}"):
        add(places, f"{server.url}/good/tiny2.safetensors", sha256="1" * 64)
    assert own_files(places) == []


def test_a_server_that_trickles_without_an_end_is_given_up(
    places: Places, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "READ_SECONDS", 0.3)
    monkeypatch.setattr(download, "SLOWEST_BYTES_PER_SECOND", 10**9)
    with pytest.raises(DownloadError, match=r"too slow.*or download the file with a browser"):
        add(places, f"{server.url}/drip/slow.safetensors")
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.2)
    with pytest.raises(DownloadError, match=r"does not answer.*or download the file with a browser"):
        add(places, f"{server.url}/slowhead/slow.safetensors")
    assert own_files(places) == []


def test_no_network_is_said_with_the_remedy(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/x.safetensors"
    with pytest.raises(DownloadError, match=r"cannot be reached.*with a browser and add that"):
        add(places, url)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x.safetensors", "http://", "http://[", "s3://a/b"])
def test_addresses_that_are_not_fetched_from(places: Places, url: str) -> None:
    with pytest.raises(DownloadError, match="no http or https address"):
        add(places, url)
    assert not places.user.exists()


def test_cancelling_leaves_nothing(places: Places, server: Server) -> None:
    steps = add_steps(Addition(source=f"{server.url}/good/x.safetensors"), places)
    assert isinstance(next(steps), Progress)
    assert own_files(places) != []
    steps.close()
    assert own_files(places) == []


# --- names

BAD_NAMES = ["../up", "a/b", "a\\b", ".hidden", "-flag", "x.pt", "x.safetensors", "end.", "new\nline", "a" * 101, "ä"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_cannot_be(places: Places, file: Path, name: str) -> None:
    with pytest.raises(ModelError, match=r"cannot be the name of a model. Use letters"):
        add(places, file, name=name)
    add(places, file, name="good")
    with pytest.raises(ModelError, match=r"cannot be the name of a model. Use letters"):
        rename_model("good", name, places)
    assert own_files(places) == ["good.safetensors"]


@pytest.mark.parametrize("name", ["con", "NUL", "aux", "Com1", "lpt9", "nul.v2", "con .x"])
def test_names_of_devices_on_windows_cannot_be_had(places: Places, file: Path, name: str) -> None:
    with pytest.raises(ModelError, match="is the name of a device on Windows"):
        add(places, file, name=name)
    assert own_files(places) == []


def test_a_file_named_like_a_device_gets_the_models_name(places: Places, file: Path) -> None:
    shutil.copy(file, file.with_name("con.safetensors"))
    assert add(places, file.with_name("con.safetensors")).name == "theirs.safetensors"
    assert add(places, file, name="console").name == "console.safetensors"


@pytest.mark.parametrize("name", ["tiny", "TINY", "outline"])
def test_the_packages_names_are_taken(places: Places, file: Path, name: str) -> None:
    with pytest.raises(ModelError, match=r"comes with napari-wnet.*Give it another name"):
        add(places, file, name=name)
    add(places, file, name="good")
    with pytest.raises(ModelError, match=r"comes with napari-wnet.*Give it another name"):
        rename_model("good", name, places)
    assert own_files(places) == ["good.safetensors"]


def test_an_own_model_is_never_replaced(places: Places, file: Path, server: Server) -> None:
    add(places, file, name="mine")
    before = (places.user / "mine.safetensors").stat().st_mtime_ns
    for name in ("mine", "Mine"):
        for source in (file, f"{server.url}/endless/other.safetensors"):  # which is not even asked
            with pytest.raises(ModelError, match=r"already. Give it another name, or rename or remove that one"):
                add(places, source, name=name)
    assert (places.user / "mine.safetensors").stat().st_mtime_ns == before


def test_who_comes_first_keeps_the_name(places: Places, file: Path) -> None:
    steps = add_steps(Addition(source=str(file), name="both"), places)
    next(steps)
    add(places, file, name="both")
    with pytest.raises(ModelError, match="already"):
        drain(steps)
    assert own_files(places) == ["both.safetensors"]


# --- renamed, removed


def test_a_renamed_model_is_the_same_file(places: Places, file: Path, sha256: str) -> None:
    add(places, file, name="before")
    assert rename_model("before", "after", places) == places.user / "after.safetensors"
    assert own_files(places) == ["after.safetensors"]
    assert load_model("after", places).sha256 == sha256
    assert rename_model("after", "After", places).name == "After.safetensors"
    assert [entry.name for entry in list_models(places)] == ["tiny", "After"]


def test_a_name_that_another_has_is_refused(places: Places, file: Path) -> None:
    for name in ("one", "two"):
        add(places, file, name=name)
    for new in ("two", "Two", "one"):
        with pytest.raises(ModelError, match=f"'{new}' already"):
            rename_model("one", new, places)
    assert own_files(places) == ["one.safetensors", "two.safetensors"]


def test_a_removed_model_is_gone_and_no_other(places: Places, file: Path) -> None:
    for name in ("one", "two"):
        add(places, file, name=name)
    assert remove_model("one", places) == places.user / "one.safetensors"
    assert own_files(places) == ["two.safetensors"]
    with pytest.raises(ModelError, match="no model 'one' that could be removed: choose one of two"):
        remove_model("one", places)


@pytest.mark.parametrize("act", [remove_model, lambda name, places: rename_model(name, "new", places)])
def test_only_files_of_the_own_folder_are_touched(
    places: Places, file: Path, act: Callable[[str, Places], Path]
) -> None:
    add(places, file, name="mine")
    outside = places.user.parent / "outside.safetensors"
    shutil.copy(file, outside)
    before = sorted(path for path in places.user.parent.parent.rglob("*"))
    with pytest.raises(ModelError, match="comes with napari-wnet and cannot be"):
        act("tiny", places)
    for name in ("../outside", str(outside.with_suffix("")), "", ".", "mine.safetensors", "none"):
        with pytest.raises(ModelError, match="choose one of mine"):
            act(name, places)
    assert sorted(path for path in places.user.parent.parent.rglob("*")) == before


def test_of_a_link_only_the_link_is_removed(places: Places, file: Path) -> None:
    places.user.mkdir(parents=True)
    (places.user / "linked.safetensors").symlink_to(file)
    remove_model("linked", places)
    assert own_files(places) == []
    assert file.is_file()


def test_a_move_that_fails_leaves_the_name_free(places: Places, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(places, file, name="before")

    def fail(path: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fail)
        with pytest.raises(OutputError, match="No space left"):
            rename_model("before", "after", places)
        with pytest.raises(OutputError, match="No space left"):
            add(places, file, name="other")
    assert own_files(places) == ["before.safetensors"]
    assert rename_model("before", "after", places).name == "after.safetensors"


def test_an_own_model_that_the_package_hides_is_told_and_can_be_renamed_and_removed(
    places: Places, file: Path, sha256: str
) -> None:
    add(places, file, name="mine")
    hidden = places.user / "tiny.safetensors"
    shutil.copy(places.user / "mine.safetensors", hidden)
    tiny, mine = drain(shelf_steps(places))
    assert (tiny.entry.source, tiny.entry.hides, tiny.hidden, tiny.own) == ("package", True, hidden, hidden)
    assert (mine.entry.hides, mine.hidden, mine.own) == (False, None, places.user / "mine.safetensors")
    assert rename_model("tiny", "own tiny", places) == places.user / "own tiny.safetensors"
    assert load_model("own tiny", places).sha256 == sha256
    assert not find_model("tiny", places).hides
    shutil.copy(places.user / "mine.safetensors", hidden)
    assert remove_model("tiny", places) == hidden
    assert own_files(places) == ["mine.safetensors", "own tiny.safetensors"]
    assert (places.package / "tiny.safetensors").is_file()


def test_a_damaged_model_can_be_removed(places: Places) -> None:
    places.user.mkdir(parents=True)
    (places.user / "bad.safetensors").write_bytes(b"rubbish")
    remove_model("bad", places)
    assert own_files(places) == []


# --- the list


def test_the_shelf_says_what_the_files_say(places: Places, file: Path, sha256: str) -> None:
    add(places, file, name="mine")
    (places.user / "bad.safetensors").write_bytes(b"rubbish")
    package, bad, mine = drain(shelf_steps(places))
    assert (package.entry.name, package.entry.source, package.path) == (
        "tiny",
        "package",
        places.package / "tiny.safetensors",
    )
    assert (mine.entry.name, mine.entry.source, mine.path) == ("mine", "user", places.user / "mine.safetensors")
    assert mine.header is not None
    assert mine.header.description == "the theirs model"
    assert bad.header is None
    assert "damaged" in bad.entry.description
    drain(fetch_all_steps(places))
    assert drain(shelf_steps(places))[0].path == places.cache / "tiny.safetensors"


def test_scores_are_those_of_images_that_nobody_looked_at(places: Places, file: Path) -> None:
    add(places, file, name="mine")
    shelved = drain(shelf_steps(places))[1]
    assert shelved.header is not None
    validation, test = {"sbd": 0.8, "only": 0.1}, {"sbd": 0.7, "odd": "text"}
    scored = dataclasses.replace(
        shelved, header=dataclasses.replace(shelved.header, scores={"validation": validation, "test": test, "x": 3})
    )
    assert scored.score("sbd") == (0.7, "test images")
    assert scored.score("only") == (0.1, "validation images")
    assert scored.score("odd") is None
    assert shelved.score("sbd") is None
    later = MeasuredSet(title="3 pots", seen="never", n_images=3, n_objects=9, scores={"sbd": 0.6})
    measured = dataclasses.replace(scored, measured=MeasuredCard(sha256="ab", sets=(later,)))
    assert measured.score("sbd") == (0.6, "3 pots")
    assert measured.score("only") == (0.1, "validation images")


def test_everything_can_be_fetched_for_offline_use(places: Places, file: Path) -> None:
    add(places, file, name="mine")
    (places.user / "bad.safetensors").write_bytes(b"rubbish")
    paths = drain(fetch_all_steps(places))
    # Own models are here already; nothing is said of whether they are whole.
    assert [path.parent for path in paths] == [places.cache, places.cache]
    assert all(path.is_file() for path in paths)
