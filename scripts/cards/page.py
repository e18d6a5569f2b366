"""The page that shows the cards: docs/models.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from napari_wnet.network.checkpoint import Model
from napari_wnet.network.measured import MeasuredCard, MeasuredSet
from napari_wnet.network.wnet import n_parameters, receptive_radius
from napari_wnet.params import SegmentParams

INTRODUCTION = """# The models, and how far to trust them

napari-wnet comes with four models. Each was trained by one command of this repository (`leaf` by two) on openly
licensed data; what follows is made from their files and from what was measured (`python scripts/model_cards.py
measure --data DATA`, then `page`). `napari-wnet models info NAME` says the same in a terminal.

**Which one?** Take the one whose pictures look like yours, and look at the [object diameter](diameter.md). If none
does, take the nearest, correct a few objects and press [Fine-tune](repair-and-fine-tune.md).

| model | for | diameter | size |
|---|---|---|---|
"""
READING = """
## How to read the scores

**mSBD** (symmetric best Dice), **AP** at an overlap (IoU) of .5, .75, .9, **mAP** (AP over .5 to .9) and **count
error** (by how many objects a count is off) are means over images; *pooled* counts all objects of all images together.
**Found** is the part of the true objects of a size that were matched with an overlap of .5 or more. Sizes are diameters
of circles of the same area. Test images chose nothing; validation images chose weights and clustering, so that scores
on them are a little too good.
"""
COLUMNS = {
    "symmetric_best_dice": "mSBD",
    "average_precision_0.5": "AP .5",
    "average_precision_0.75": "AP .75",
    "average_precision_0.9": "AP .9",
    "mean_average_precision": "mAP",
    "pooled_average_precision_0.5": "AP .5 pooled",
    "abs_count_difference": "count error",
    "foreground_dice": "foreground Dice",
}


def page(models: Sequence[tuple[Model, MeasuredCard]]) -> str:
    """Return the page."""
    rows = [
        f"| [{model.name}](#{model.name}) | {model.header.description} | {model.header.diameter:.0f} px | "
        f"{model.path.stat().st_size / 1e6:.1f} MB |"
        for model, _ in models
    ]
    return INTRODUCTION + "\n".join(rows) + "\n" + READING + "".join(_section(model, card) for model, card in models)


def _section(model: Model, card: MeasuredCard) -> str:
    name = model.name
    return "\n".join(
        [
            f"\n## {name}\n",
            f"{model.header.description}.\n",
            *_table(("", ""), _facts(model)),
            "",
            *_table(("", "images, objects", *COLUMNS.values()), [_scores(one) for one in card.sets]),
            "",
            f"By size, {card.sets[-1].title}:",
            "",
            *_table(
                ("diameter", "objects", "found", "mean best Dice"),
                [
                    (one["label"], str(one["n_true"]), f"{100 * one['recall']:.0f} %", f"{one['best_dice']:.2f}")
                    for one in card.sets[-1].by_size
                ],
            ),
            "",
            f"Two good results, images near the best tenth of {card.sets[-1].title} (image, truth, found):",
            "",
            f"![Good results of {name}](images/models/{name}-good.jpg)",
            "",
            "Two bad ones, near the worst tenth, where most is wrong:",
            "",
            f"![Bad results of {name}](images/models/{name}-bad.jpg)",
            "",
            "**Known failures**",
            "",
            *(f"- {limit}" for limit in card.limits),
            "",
        ]
    )


def _facts(model: Model) -> list[tuple[str, str]]:
    header, told = model.header, model.header.provenance
    counts = told["n_images"]
    config = header.config
    return [
        ("trained on", f"{told['data']}: {counts['train']} images, {told['n_objects']:,} objects"),
        (
            "split",
            f"{counts['train']} to train on, {counts['validation']} validate, {counts['test']} for testing "
            f"({told['split']})",
        ),
        ("licence of the weights", header.licence),
        (
            "network",
            f"{'-'.join(map(str, config.widths))} channels on a grid of {config.stem} x {config.stem} px, "
            f"{n_parameters(model.network):,} parameters, sees {receptive_radius(config)} px around a tile",
        ),
        ("made by", f"{_commands(header.name, told['init'])}, seed {told['params']['seed']}"),
        *([("started from", told["init"])] if told["init"] else []),
        ("time, hardware", f"{told['seconds'] / 60:.0f} minutes ({_steps(told)}), {told['hardware']}"),
        ("recommended", _recommended(header.params)),
        ("SHA-256", f"`{model.sha256}`"),
    ]


def _commands(name: str, first: str) -> str:
    """Return what trains a model, in two legs if it started from a `first` one."""
    command = f"`napari-wnet train --config training/{name}.yaml`"
    return f"{command}, then `--config training/{name}-2.yaml --init FIRST`" if first else command


def _steps(told: Mapping[str, Any]) -> str:
    return f"{told['steps_done']:,} steps" + (", after those of the first leg" if told["init"] else "")


def _recommended(params: SegmentParams) -> str:
    chosen = params.clustering
    return (
        f"{chosen.method} clustering, seed threshold {chosen.seed_threshold:g}, foreground threshold "
        f"{chosen.foreground_threshold:g}, angle {chosen.angle:g}°; set when the model is chosen"
    )


def _scores(one: MeasuredSet) -> tuple[str, ...]:
    cells = [f"{one.scores[key]:.2f}" if key == "abs_count_difference" else _part(one.scores[key]) for key in COLUMNS]
    return (f"{one.title} ({one.seen})", f"{one.n_images}, {one.n_objects:,}", *cells)


def _part(value: float) -> str:
    return f"{value:.3f}".removeprefix("0") if value < 1 else "1"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
