"""The cards of the bundled models.

python scripts/model_cards.py measure --data DATA    scores each on its sets of images and draws examples
python scripts/model_cards.py page                   writes docs/models.md from the files and what was measured

DATA holds the folders ``nuclei`` and ``cells`` as docs/data.md makes them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from cards.examples import examples
from cards.measuring import measure, plain
from cards.page import page
from cards.sources import SOURCES, Source
from PIL import Image

from napari_wnet.atomic import write_text
from napari_wnet.network.checkpoint import read_model
from napari_wnet.network.measured import MeasuredCard, card_path, read_measured

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "src" / "napari_wnet" / "models"
PICTURES = ROOT / "docs" / "images" / "models"
PAGE = ROOT / "docs" / "models.md"
COMMAND = "python scripts/model_cards.py measure --data DATA"
QUALITY = 80


def write_card(source: Source, data: Path) -> None:
    """Measure a model and write its card and its examples."""
    model = read_model(MODELS / f"{source.name}.safetensors")
    sets = []
    for images in source.sets:
        measured, found = measure(model, images, data)
        sets.append(measured)
        sys.stdout.write(f"{source.name}, {measured.title}: {measured.scores}\n")
        if images.outlined:
            PICTURES.mkdir(parents=True, exist_ok=True)
            for name, good in (("good", True), ("bad", False)):
                picture = Image.fromarray(examples(found, source.window, good=good))
                picture.save(PICTURES / f"{source.name}-{name}.jpg", quality=QUALITY)
    card = MeasuredCard(sha256=model.sha256, sets=tuple(sets), limits=source.limits, command=COMMAND)
    values = {**dataclasses.asdict(card), "sets": plain(card.sets)}
    write_text(card_path(model.path), json.dumps(values, indent=1, ensure_ascii=False) + "\n", overwrite=True)


def made_page() -> str:
    """Return the page as the files and cards have it."""
    found = []
    for source in SOURCES:
        model = read_model(MODELS / f"{source.name}.safetensors")
        card = read_measured(card_path(model.path), model.sha256)
        if card is None:
            raise SystemExit(f"{source.name} has no card, or one of another file; run '{COMMAND}' first.")
        found.append((model, dataclasses.replace(card, limits=source.limits)))
    return page(found)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(required=True, dest="action")
    measuring = actions.add_parser("measure")
    measuring.add_argument("--data", type=Path, required=True)
    measuring.add_argument("--models", nargs="+", default=[source.name for source in SOURCES])
    actions.add_parser("page")
    given = parser.parse_args()
    if given.action == "page":
        write_text(PAGE, made_page(), overwrite=True)
        return
    for source in SOURCES:
        if source.name in given.models:
            write_card(source, given.data)


if __name__ == "__main__":
    main()
