"""The traits of an image in a few lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_wnet.ui.table_model import shown


def traits_text(row: Mapping[str, Any]) -> str:
    """Return what is to be said of an image, as rich text.

    Parameters
    ----------
    row : mapping of str to number
        From :func:`napari_wnet.core.traits.plane_traits`.
    """
    known = "total_area_um2" in row
    area, length = ("um2", "um") if known else ("px", "px")
    square, unit = ("µm²", "µm") if known else ("px", "px")

    def number(name: str, ending: str = "") -> str:
        return f"<b>{shown(row[f'{name}_{ending}' if ending else name])}</b>"

    count = int(row["n_objects"])
    lines = [f"<b>{count}</b> object{'s' if count != 1 else ''}"]
    if count:
        lines[0] += f", {number('total_area', area)} {square} in all, {100 * row['cover']:.3g} % of the image"
        lines += [
            f"all together: diameter {number('diameter', length)} {unit}, hull {number('hull_area', area)} {square}, "
            f"compactness {number('compactness')}",
            f"area of one: mean {number('mean_area', area)} {square}, median {number('median_area', area)}, "
            f"quartiles {number('q1_area', area)} to {number('q3_area', area)}",
        ]
        if count > 1:
            lines[-1] += f", sd {number('sd_area', area)}"
    return "<br>".join(lines)
