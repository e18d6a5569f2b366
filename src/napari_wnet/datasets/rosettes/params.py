"""The settings of synthetic rosettes, declared once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from napari_wnet.errors import ParamsError
from napari_wnet.fields import Params

SIDES = 2


@dataclass(frozen=True, kw_only=True)
class RosetteParams(Params):
    """What synthetic rosettes look like; all else is drawn at random."""

    size: Annotated[
        tuple[int, ...],
        {
            "min": 96,
            "max": 4096,
            "label": "size (px)",
            "tooltip": "Height and width of an image; one number for a square.",
        },
    ] = (448, 448)
    min_leaves: Annotated[
        int, {"min": 2, "max": 60, "label": "fewest leaves", "tooltip": "Fewest leaves of a plant."}
    ] = 2
    max_leaves: Annotated[
        int,
        {
            "min": 2,
            "max": 60,
            "label": "most leaves",
            "tooltip": "Most leaves of a plant, those wholly hidden by others included.",
        },
    ] = 40
    min_area: Annotated[
        int,
        {
            "min": 1,
            "max": 10_000,
            "label": "smallest leaf (px)",
            "tooltip": "A leaf of which less can be seen is left out of the picture.",
        },
    ] = 25
    groups: Annotated[
        float,
        {
            "min": 0.0,
            "max": 1.0,
            "step": 0.01,
            "label": "groups",
            "tooltip": "Share of the images that show several plants.",
        },
    ] = 0.12

    def __post_init__(self) -> None:
        super().__post_init__()
        sides = self.size * SIDES if len(self.size) == 1 else self.size
        if len(sides) != SIDES:
            raise ParamsError(f"RosetteParams.size needs a height and a width, not {len(sides)} numbers.")
        object.__setattr__(self, "size", sides)
        if self.min_leaves > self.max_leaves:
            raise ParamsError(
                f"RosetteParams.min_leaves is {self.min_leaves}, more than max_leaves, {self.max_leaves}; lower it."
            )
