"""docs/models.md is what the script makes of the models' files and cards."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("model_cards")


def test_the_page_is_up_to_date_and_its_pictures_are_there(script):
    page = script.made_page()
    assert (ROOT / "docs" / "models.md").read_text(encoding="utf-8") == page, "run 'python scripts/model_cards.py page'"
    for source in script.SOURCES:
        for kind in ("good", "bad"):
            assert f"images/models/{source.name}-{kind}.jpg" in page
            assert 5_000 < (ROOT / "docs" / "images" / "models" / f"{source.name}-{kind}.jpg").stat().st_size < 250_000


def test_the_page_and_the_card_that_the_package_shows_name_the_same_limits(script):
    for source in script.SOURCES:
        card = json.loads((script.MODELS / f"{source.name}.card.json").read_text(encoding="utf-8"))
        assert tuple(card["limits"]) == source.limits


def test_a_model_without_a_card_of_its_file_is_told(script, tmp_path, monkeypatch):
    for path in script.MODELS.glob("*.safetensors"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "nuclei.card.json").write_text('{"sha256": "ab", "sets": []}')
    monkeypatch.setattr(script, "MODELS", tmp_path)
    with pytest.raises(SystemExit, match="nuclei has no card"):
        script.made_page()
