from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from hostile import damaged
from napari_wnet.errors import ImageError, OutputError, ParamsError
from napari_wnet.io.sidecar import (
    FORMAT_VERSION,
    RunRecord,
    count_objects,
    file_sha256,
    labels_sha256,
    read_sidecar,
    record_from,
    sidecar_info,
    write_sidecar,
)
from napari_wnet.params import SegmentParams

LABELS = np.array([[[1, 1, 0], [0, 2, 2]], [[0, 0, 0], [7, 0, 0]]])


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    (tmp_path / "ä b.tif").write_bytes(b"pixels")
    (tmp_path / "mask.png").write_bytes(b"mask")
    return RunRecord(
        input_path=str(tmp_path / "ä b.tif"),
        model_name="nuclei",
        model_sha256="ab" * 32,
        shape=(2, 3, 2, 3),
        dtype="uint16",
        file_axes="QCYX",
        axes="TCYX",
        channels=(2, 0),
        lead="T",
        plane=(1,),
        foreground_path=str(tmp_path / "mask.png"),
        pixel_size=(0.5, 0.25),
        unit="um",
        device="cpu",
        threads=2,
        precision="bfloat16",
        outputs={"labels": "ä b_labels.tif"},
        notes=("Two things.", "Another."),
    )


def test_a_sidecar_says_everything_it_was_made_from(tmp_path: Path, record: RunRecord) -> None:
    params = SegmentParams().replace(clustering__angle=30.0, tiles__size=512)
    write_sidecar(tmp_path / "a.json", sidecar_info(record, params, LABELS))
    assert record_from(read_sidecar(tmp_path / "a.json")) == (record, params)


def test_so_does_one_of_the_simplest_run(tmp_path: Path, record: RunRecord) -> None:
    simple = RunRecord(
        input_path=record.input_path, model_name="m", model_sha256="00", shape=(2, 3), dtype="uint8", file_axes="YX"
    )
    write_sidecar(tmp_path / "a.json", sidecar_info(simple, SegmentParams(), LABELS[0]))
    assert record_from(read_sidecar(tmp_path / "a.json")) == (simple, SegmentParams())


def test_it_holds_hashes_counts_and_versions(record: RunRecord) -> None:
    info = sidecar_info(record, SegmentParams(), LABELS)
    assert info["input"]["sha256"] == hashlib.sha256(b"pixels").hexdigest()
    assert info["foreground"]["sha256"] == hashlib.sha256(b"mask").hexdigest()
    assert info["result"]["objects"] == 3
    assert {"napari-wnet", "numpy", "torch", "python"} <= set(info["versions"])
    assert info["versions"]["numpy"] == np.__version__
    assert Path(info["input"]["absolute_path"]).is_absolute()


def test_the_file_is_plain_sorted_json(tmp_path: Path, record: RunRecord) -> None:
    info = sidecar_info(record, SegmentParams(), LABELS) | {"extra": {"n": np.int64(3), "path": Path("x"), "t": (1, 2)}}
    write_sidecar(tmp_path / "a.json", info)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "ä b.tif" in text
    loaded = json.loads(text)
    assert loaded["extra"] == {"n": 3, "path": "x", "t": [1, 2]}
    assert text == json.dumps(loaded, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    with pytest.raises(OutputError, match="--overwrite"):
        write_sidecar(tmp_path / "a.json", info)


def test_the_hash_of_labels_depends_on_values_and_shape_alone() -> None:
    same = [LABELS.astype(np.uint16), np.asfortranarray(LABELS), LABELS[::-1][::-1], LABELS.astype(">i4")]
    assert {labels_sha256(array) for array in same} == {labels_sha256(LABELS)}
    assert labels_sha256(LABELS.reshape(2, 3, 2)) != labels_sha256(LABELS)
    assert labels_sha256(LABELS + 1) != labels_sha256(LABELS)


def test_objects_are_counted_plane_by_plane() -> None:
    assert count_objects(LABELS) == 3
    assert count_objects(np.stack([LABELS[0], LABELS[0]])) == 4
    assert count_objects(np.zeros((4, 4), int)) == 0


def test_an_input_that_has_gone_is_named(record: RunRecord) -> None:
    with pytest.raises(ImageError, match=r"gone\.tif cannot be read"):
        sidecar_info(dataclasses.replace(record, input_path="gone.tif"), SegmentParams(), LABELS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json", "not JSON"),
        ("\xff", "not"),
        ("[1]", "not a napari-wnet result"),
        ('{"format": "other", "format_version": 1}', "not a napari-wnet result"),
        (json.dumps({"format": "napari-wnet result", "format_version": FORMAT_VERSION + 1}), "upgrade"),
    ],
)
def test_what_is_no_sidecar_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="latin-1")
    with pytest.raises(ParamsError, match=words):
        read_sidecar(tmp_path / "a.json")


def test_a_missing_sidecar_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"a\.json cannot be read"):
        read_sidecar(tmp_path / "a.json")


@pytest.mark.parametrize("key", ["input", "model", "run", "params", "result"])
def test_a_sidecar_with_a_part_missing_is_refused(record: RunRecord, key: str) -> None:
    info: dict[str, Any] = sidecar_info(record, SegmentParams(), LABELS)
    del info[key]
    with pytest.raises(ParamsError, match=key):
        record_from(info)


def test_a_sidecar_of_the_first_format_still_loads() -> None:
    info = read_sidecar(Path(__file__).with_name("sidecar_format1.json"))
    record, params = record_from(info)
    assert (record.input_path, record.model_name, record.threads) == ("plate/well A1.tif", "nuclei", 2)
    assert (record.axes, record.channels, record.plane) == ("TCYX", (2, 0), (1,))
    assert (params.clustering.angle, params.tiles.size) == (30.0, 512)
    assert info["result"]["labels_sha256"] == labels_sha256(LABELS)


SOUND = json.loads(Path(__file__).with_name("sidecar_format1.json").read_text(encoding="utf-8"))


@settings(max_examples=400)
@given(info=damaged(SOUND))
def test_a_damaged_sidecar_is_refused_or_can_be_relied_on(tmp_path_factory: pytest.TempPathFactory, info: Any) -> None:
    path = tmp_path_factory.mktemp("damaged") / "a.json"
    path.write_text(json.dumps(info))
    try:
        record, _ = record_from(read_sidecar(path))
    except ParamsError as error:
        assert re.search(r"a\.json.*(name the \.json|upgrade)|[Ss]egment the image again", str(error)), str(error)
        return
    texts = [record.input_path, record.model_name, record.model_path, record.unit, record.device, *record.notes]
    assert all(isinstance(text, str) for text in texts)
    assert all((path.parent / name).parent == path.parent and name != ".." for name in record.outputs.values())
    assert 1 <= record.threads <= 1024
    assert all(type(number) is int for number in (*record.shape, *(record.channels or ()), *(record.plane or ())))


@pytest.mark.parametrize("name", ["../a.tif", "/a.tif", "..", ".", "", "b/a.tif", "b\\a.tif", "a\0.tif", 3, None])
def test_names_of_results_never_lead_out_of_the_folder(name: Any) -> None:
    info = SOUND | {"result": SOUND["result"] | {"files": {"labels": name}}}
    with pytest.raises(ParamsError, match="segment the image again"):
        record_from(info)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, '{"format": NaN}'])
def test_a_sidecar_that_is_nested_without_an_end_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ParamsError, match=r"a\.json is not JSON"):
        read_sidecar(tmp_path / "a.json")


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode there")
def test_a_name_that_is_no_unicode_comes_back(tmp_path: Path, record: RunRecord) -> None:
    image = os.fsencode(tmp_path) + b"/a\xff.tif"
    Path(os.fsdecode(image)).write_bytes(b"pixels")
    odd = dataclasses.replace(record, input_path=os.fsdecode(image))
    write_sidecar(tmp_path / "a.json", sidecar_info(odd, SegmentParams(), LABELS))
    assert os.fsencode(record_from(read_sidecar(tmp_path / "a.json"))[0].input_path) == image


def test_the_hash_of_a_folder_tells_of_any_change_in_it(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a.zarr", "b.zarr")]
    for folder in folders:
        (folder / "0").mkdir(parents=True)
        (folder / "0" / "0.0").write_bytes(b"chunk")
        (folder / ".zattrs").write_text("{}")
    first = file_sha256(folders[0])
    assert file_sha256(folders[1]) == first
    (folders[0] / "0" / "0.0").write_bytes(b"other")
    (folders[1] / "0" / "0.0").rename(folders[1] / "0" / "0.1")
    assert len({first, *map(file_sha256, folders)}) == 3
