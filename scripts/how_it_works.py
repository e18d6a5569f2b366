"""Write the pictures of docs/how-it-works.md: ``python scripts/how_it_works.py --out docs/images``.

They are what the bundled models make of the bundled images, so they are to be made again where a model changes. With
``--runs FOLDER``, the output folder of ``napari-wnet reproduce``, those of U-Net and W-Net, of the constraints and of
lambda are made too, as far as the folder has the runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from matplotlib import rc_context
from matplotlib.figure import Figure
from pictures.angles import shared, touching
from pictures.growth import growth
from pictures.midvein import midvein
from pictures.parts import STYLE, save
from pictures.pipeline import other_objects, pipeline
from pictures.runs import run_figures

IMAGES = Path(__file__).parents[1] / "docs" / "images"
FIGURES: Mapping[str, Callable[[], Figure]] = MappingProxyType(
    {
        "how-pipeline": pipeline,
        "how-objects": other_objects,
        "how-midvein": midvein,
        "how-angles": touching,
        "how-shared": shared,
        "how-growth": growth,
    }
)


def write(out: Path, runs: Path | None = None) -> list[Path]:
    """Write all pictures into a folder; return their paths.

    Parameters
    ----------
    out : Path
    runs : Path, optional
        Output folder of ``napari-wnet reproduce``.
    """
    written = []
    with rc_context(STYLE):
        drawn = {name: draw() for name, draw in FIGURES.items()}
        if runs is not None:
            drawn |= run_figures(runs)
        for name, figure in drawn.items():
            written.append(out / f"{name}.png")
            save(figure, written[-1])
    return written


def main() -> None:
    """Write the pictures."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=Path, default=IMAGES)
    arguments.add_argument("--runs", type=Path, help="output folder of napari-wnet reproduce")
    given = arguments.parse_args()
    write(given.out, given.runs)


if __name__ == "__main__":
    main()
