"""Draw the figures of benchmarks/results for the documentation: python benchmarks/plots.py --out docs/images."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

RESULTS = Path(__file__).parent / "results"
MEMORY = ": memory"
PANELS = (
    ("pixels", "s", "megapixels, 350 objects each", "seconds"),
    ("objects", "s", "objects in one megapixel", "seconds"),
    ("pixels", "MB", "megapixels, 350 objects each", "memory beside the input, MB"),
)
THRESHOLDS = (".5", ".75", ".9")


def curve(figures: list[dict[str, Any]], grows: str, unit: str) -> dict[str, list[tuple[float, float]]]:
    """Return the points of each stage."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for figure in figures:
        if figure["grows"] == grows and figure["unit"] == unit:
            at = figure["pixels"] / 1e6 if grows == "pixels" else figure["objects"]
            curves.setdefault(figure["what"].removesuffix(MEMORY), []).append((at, figure["value"]))
    return curves


def draw(axes: Axes, figures: list[dict[str, Any]], panel: tuple[str, str, str, str]) -> None:
    """Draw a panel, both axes logarithmic: what grows in proportion has a slope of 45 degrees."""
    grows, unit, across, up = panel
    names = list(dict.fromkeys(figure["what"].removesuffix(MEMORY) for figure in figures))
    for name, points in curve(figures, grows, unit).items():
        colour = f"C{names.index(name)}"  # the same in each panel
        axes.plot(*zip(*points, strict=True), color=colour, marker="o", markersize=3, linewidth=1.2, label=name)
    axes.set(xscale="log", yscale="log", xlabel=across, ylabel=up)
    axes.grid(alpha=0.3)


def growth(out: Path) -> None:
    """Draw how time and memory grow."""
    told = json.loads((RESULTS / "growth.json").read_text())
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    for axes, panel in zip(figure.subplots(1, 3), PANELS, strict=True):
        draw(axes, told["figures"], panel)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False, fontsize=9)
    figure.savefig(out / "growth.png", dpi=110)


def peers(out: Path) -> None:
    """Draw the precision of each peer against how exactly an outline has to fit, a panel for each time to train."""
    runs = [json.loads(file.read_text()) for file in sorted(RESULTS.glob("peers*.json"))]
    runs.sort(key=lambda told: told["minutes"])
    names = list(dict.fromkeys(name for told in runs for name in told["peers"] if "bundled" not in name))
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    every = figure.subplots(1, len(runs), sharey=True, squeeze=False)[0]
    for axes, told in zip(every, runs, strict=True):
        for name, row in told["peers"].items():
            if name in names:
                scores = [row["validation"][f"AP {threshold}"] for threshold in THRESHOLDS]
                at, colour = [float(threshold) for threshold in THRESHOLDS], f"C{names.index(name)}"
                axes.plot(at, scores, color=colour, marker="o", markersize=4, label=name)
        axes.set(title=f"trained for {told['minutes']:.0f} minutes", xlabel="IoU that counts as found", ylim=(0, 1))
        axes.grid(alpha=0.3)
    every[0].set_ylabel("average precision, 54 validation images")
    handles, shown = every[0].get_legend_handles_labels()
    figure.legend(handles, shown, loc="outside lower center", ncols=len(shown), frameon=False, fontsize=9)
    figure.savefig(out / "peers.png", dpi=110)


def main() -> None:
    """Draw all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    out = parser.parse_args().out
    growth(out)
    peers(out)


if __name__ == "__main__":
    main()
