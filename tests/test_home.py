"""A home that is closed, missing, or not known at all: what can be done is done, and the rest is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tifffile

from napari_wnet import cli
from napari_wnet.errors import OutputError
from napari_wnet.home import cache_folder, data_folder
from napari_wnet.network.catalog import CACHE_VARIABLE, USER_VARIABLE, Places
from napari_wnet.project import ProjectFolder


@pytest.fixture(params=["closed", "unknown"])
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home in which nothing can be made, also by an administrator, or that nobody knows."""
    pytest.importorskip("pwd")
    for variable in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", CACHE_VARIABLE, USER_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "file").write_text("")
    if request.param == "closed":
        monkeypatch.setenv("HOME", str(tmp_path / "file"))

    def nobody(_: int) -> None:
        raise KeyError("no such user")  # as in a container whose user has no entry

    monkeypatch.setattr("pwd.getpwuid", nobody)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def files(tmp_path: Path, nuclei_image) -> Path:
    tifffile.imwrite(tmp_path / "a.tif", nuclei_image[0, :64, :64])
    shutil.copy(Places.from_environment().package / "nuclei.safetensors", tmp_path / "theirs.safetensors")
    return tmp_path


def test_images_are_segmented_without_a_home(files, home, capsys):
    assert cli.main(["segment", str(files / "a.tif"), "--out", str(files / "out"), "--device", "cpu"]) == 0
    assert (files / "out" / "a_labels.tif").exists()
    assert "1 of 1 images" in capsys.readouterr().out
    assert not (files / "~").exists()


def test_a_model_that_cannot_be_kept_is_told_with_the_remedy(files, home, capsys):
    assert cli.main(["models", "add", str(files / "theirs.safetensors"), "--name", "mine"]) == 1
    assert f"set {USER_VARIABLE} to a folder that can be written" in capsys.readouterr().err
    assert cli.main(["models", "list"]) == 0
    assert "nuclei" in capsys.readouterr().out


def test_edits_that_cannot_be_kept_are_told(home):
    with pytest.raises(OutputError, match="choose another folder"):
        ProjectFolder(data_folder("NAPARI_WNET_PROJECT", "autosave"))


def test_variables_win_over_the_home(home, monkeypatch):
    monkeypatch.setenv("NAPARI_WNET_PROJECT", "/somewhere")
    monkeypatch.setenv(CACHE_VARIABLE, "/else")
    assert data_folder("NAPARI_WNET_PROJECT", "autosave") == Path("/somewhere")
    assert cache_folder(CACHE_VARIABLE) == Path("/else")
    monkeypatch.setenv(CACHE_VARIABLE, "~/models")
    assert cache_folder(CACHE_VARIABLE).is_absolute()
