"""What a drag with a tool draws, shown while it is drawn."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels

Point = tuple[int, int]


class RubberBand:
    """A box or a line over a labels layer.

    napari has overlays for both, its own selection and polygon tools use them, but no public way to them yet: where a
    version has others, the tools work all the same, only nothing is shown until the button is released.

    Parameters
    ----------
    layer : Labels
    """

    def __init__(self, layer: Labels) -> None:
        self._layer = layer

    def show_box(self, start: Point, end: Point) -> None:
        """Show a box between two pixels, both inside."""
        box = self._overlay("selection_box")
        if box is not None:
            # In the overlay's coordinates the first pixel begins at 0; its centre, 0 for everyone else, is at one half.
            low = [min(ends) for ends in zip(start, end, strict=True)]
            high = [max(ends) + 1 for ends in zip(start, end, strict=True)]
            box.bounds = tuple(low), tuple(high)
            box.visible = True

    def show_line(self, start: Point, end: Point, index: tuple[int, ...]) -> None:
        """Show a line between two pixels of a plane."""
        line = self._overlay("polygon")
        if line is not None:
            line.points = [[*index, *start], [*index, *end]]
            line.visible = True

    def hide(self) -> None:
        """Show nothing."""
        box, line = self._overlay("selection_box"), self._overlay("polygon")
        if box is not None:
            box.visible = False
        if line is not None:
            line.points = []

    def _overlay(self, name: str) -> Any:
        return getattr(self._layer, "_overlays", {}).get(name)
