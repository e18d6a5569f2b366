"""Cards beside the package's models: read for their own file only, and told in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from hostile import damaged
from napari_wnet.errors import ModelError
from napari_wnet.network.catalog import Places, package_entries
from napari_wnet.network.measured import card_path, read_measured, told

SET = {
    "title": "2 test images",
    "seen": "never",
    "n_images": 2,
    "n_objects": 7,
    "scores": {"symmetric_best_dice": 0.5, "average_precision_0.5": 0.25, "foreground_iou": 0.1},
    "by_size": [{"label": "below 8 px", "n_true": 7, "recall": 0.5, "best_dice": 0.5}],
}
CARD = {"sha256": "ab", "sets": [SET], "limits": ["It fails at night."], "command": "measure"}


def test_a_card_is_read_for_the_file_it_was_made_of(tmp_path: Path) -> None:
    path = card_path(tmp_path / "mine.safetensors")
    assert path.name == "mine.card.json"
    assert read_measured(path, "ab") is None
    path.write_text(json.dumps(CARD))
    assert read_measured(path, "cd") is None
    card = read_measured(path, "ab")
    assert card is not None
    assert card.sets[0].by_size[0]["recall"] == 0.5
    assert list(told(card).items()) == [
        ("limit 1", "It fails at night."),
        ("2 test images", "mSBD 0.5, AP 0.5 0.25, 7 objects, never"),
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sets": 3}', '{"sets": [{"title": "x"}]}', '{"sets": [], "x": 1}'])
def test_a_damaged_card_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.card.json"
    path.write_text(text)
    with pytest.raises(ModelError, match=r"mine\.card\.json is damaged"):
        read_measured(path, "ab")


@given(values=damaged(CARD))
def test_a_card_with_odd_values_is_damaged_or_can_be_told(
    tmp_path_factory: pytest.TempPathFactory, values: Any
) -> None:
    path = tmp_path_factory.mktemp("card") / "mine.card.json"
    path.write_text(json.dumps(values))
    try:
        card = read_measured(path, "ab")
    except ModelError as error:
        assert "Reinstall" in str(error)
        return
    assert all(isinstance(text, str) for text in (told(card).values() if card else ()))


@given(values=damaged(json.loads((Places.from_environment().package / "registry.json").read_text())))
def test_a_list_of_models_with_odd_values_is_damaged_or_stays_in_its_folder(
    tmp_path_factory: pytest.TempPathFactory, values: Any
) -> None:
    folder = tmp_path_factory.mktemp("package")
    (folder / "registry.json").write_text(json.dumps(values))
    try:
        entries = package_entries(folder)
    except ModelError as error:
        assert "Reinstall" in str(error)
        return
    assert all((folder / entry.file).resolve().parent == folder.resolve() for entry in entries)


def test_each_bundled_model_has_a_card_of_its_own_file() -> None:
    package = Places.from_environment().package
    for entry in package_entries(package):
        if entry.kind == "model":
            card = read_measured(card_path(package / entry.file), entry.sha256)
            assert card is not None, f"{entry.name} has no card; run scripts/model_cards.py"
            assert card.sets, entry.name
            assert card.limits, entry.name
            for one in card.sets:
                assert one.n_objects == sum(size["n_true"] for size in one.by_size), (entry.name, one.title)
