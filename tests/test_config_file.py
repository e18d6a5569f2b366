"""What a configuration file may hold, and what is said of one that does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_wnet.commands.config_file import GROUPS, read_config
from napari_wnet.errors import ParamsError
from napari_wnet.fields import Params
from napari_wnet.outline_job import OutlineJob
from napari_wnet.train_job import TrainJob
from napari_wnet.train_params import TrainParams


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "job.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_file_says_what_it_looks_like(tmp_path: Path) -> None:
    text = "\ufeff# comment\nname: mine\nsplit: none\nparams:\n  learning_rate: 1e-3\n  steps: 2000\n  clip: 2.5E+1\n"
    values = read_config(written(tmp_path, text))
    assert values == {
        "name": "mine",
        "split": "none",
        "params": {"learning_rate": 0.001, "steps": 2000, "clip": 25.0},
    }
    assert TrainJob.from_dict(values).params.learning_rate == 0.001


def test_only_what_looks_like_a_number_is_one(tmp_path: Path) -> None:
    text = "a: 010\nb: 1:30\nc: 0x1F\nd: 0b1\ne: 1:30.5\nf: 1.2.3\n"
    assert read_config(written(tmp_path, text)) == dict(
        zip("abcdef", ("010", "1:30", "0x1F", "0b1", "1:30.5", "1.2.3"), strict=True)
    )
    text = "a: 0\nb: -7\nc: 1_000\nd: .5\ne: +1.\nf: 01.5\ng: .inf\nh: 2e3\n"
    assert list(read_config(written(tmp_path, text)).values()) == [0, -7, 1000, 0.5, 1.0, 1.5, float("inf"), 2000.0]
    with pytest.raises(ParamsError, match=r"TrainParams.steps must be a number, not '1:30'"):
        TrainJob.from_dict(read_config(written(tmp_path, "params:\n  steps: 1:30\n")))


def groups(params: type[Params]) -> set[str]:
    nested = [info for info in params.fields() if info.nested]
    return {info.name for info in nested}.union(*(groups(info.kind) for info in nested))


def test_an_empty_group_says_nothing(tmp_path: Path) -> None:
    assert groups(TrainJob) | groups(OutlineJob) == GROUPS
    text = "".join(f"{name}:\n" for name in ("params", "network", "clustering"))
    assert TrainJob.from_dict(read_config(written(tmp_path, text))) == TrainJob()
    text = "params:\n  loss:\n  augment: # none\n  steps: 3\n"
    assert TrainJob.from_dict(read_config(written(tmp_path, text))).params == TrainParams(steps=3)
    with pytest.raises(ParamsError, match="name must be text, not None"):
        TrainJob.from_dict(read_config(written(tmp_path, "name:\n")))


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n", "---\n"])
def test_an_empty_file_says_nothing(tmp_path: Path, text: str) -> None:
    assert read_config(written(tmp_path, text)) == {}
    assert read_config(None) == {}


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("- images: photos\n- labels: masks\n", "holds a list, not named settings"),
        ("photos", "holds a single value"),
        ("images: [a", "line 1"),
        ("name: a\nsteps: 1\nname: b\n", "line 3: 'name' is there twice"),
        ("params:\n  steps: 1\n  steps: 2\n", "line 3: 'steps' is there twice"),
        (BOMB, r"line 2: references to other parts \(\*name\) are not read; write the value out"),
        ("a: &a\n  b: *a\n", "line 2: references"),
        ("name: !!python/object/apply:os.system ['true']\n", "python/object"),
        ("data: 2020-13-45\n", "cannot be read as YAML"),
        ("x: " + "[" * 5000, "nested too deeply"),
        ("name: Bl\u00e4tter".encode("latin-1"), "save it as UTF-8"),
        (b"\x00\x01\x02", "YAML"),
        ("#" * 2**21, "too large"),
    ],
)
def test_what_is_no_settings_is_refused(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(ParamsError, match=says):
        read_config(written(tmp_path, content))


def test_a_path_that_leads_to_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="is a folder; give --config the file in it"):
        read_config(tmp_path)
    with pytest.raises(ParamsError, match=r"nothing\.yaml cannot be read \(No such file"):
        read_config(tmp_path / "nothing.yaml")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"imges": "a"}, "no parameter 'imges'; did you mean 'images'"),
        ({"stps": 3}, "did you mean 'steps' in the group 'params'"),
        ({"learning_rate": 3}, "did you mean 'learning_rate' in the group 'params'"),
        ({"params": {"learnin_rate": 3}}, "did you mean 'learning_rate'"),
        (
            {"params": {"normalize": {"methd": "none"}}},
            "NormalizeParams has no parameter 'methd'; did you mean 'method'",
        ),
        ({"params": {"mask_wait": 1}}, "did you mean 'mask_weight' in the group 'loss'"),
        ({"widths": [8, 16]}, "did you mean 'widths' in the group 'network'"),
        ({"params": None}, "TrainParams expects named values"),
        ({"name": 7}, "must be text, not 7; in a file, put it in quotes"),
        ({7: "a"}, "no parameter '7'"),
    ],
)
def test_a_misspelt_key_is_named_with_the_nearest_one(values: dict[object, object], says: str) -> None:
    with pytest.raises(ParamsError, match=says):
        TrainJob.from_dict(values)  # type: ignore[arg-type]
