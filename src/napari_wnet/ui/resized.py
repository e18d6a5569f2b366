"""Parameters for another diameter, without losing to rounding what was set for the one before."""

from __future__ import annotations

from dataclasses import dataclass

from napari_wnet.params import SegmentParams


def with_diameter(now: SegmentParams, usual: SegmentParams, diameter: float, known: float) -> SegmentParams:
    """Return parameters for another diameter; the smallest object goes along from what is usual, unless it was changed.

    From what is usual, since in many small steps the rounding would add up.

    Parameters
    ----------
    now, usual : SegmentParams
        As set, and as the model recommends.
    diameter, known : float
        In pixels: of the objects, and what the model was trained on.
    """
    expected = usual.with_diameter(now.normalize.diameter, known).clustering.min_area
    base = usual if now.clustering.min_area == expected else now
    area = base.with_diameter(diameter, known).clustering.min_area
    return now.replace(normalize__diameter=diameter, clustering__min_area=area)


@dataclass(frozen=True, kw_only=True)
class Resized:
    """What parameters were before their diameter was changed, and what they became.

    Attributes
    ----------
    before, after : SegmentParams
    usual : SegmentParams
        What the model recommends.
    known : float
        In pixels, what the model was trained on.
    """

    before: SegmentParams
    after: SegmentParams
    usual: SegmentParams
    known: float

    def base(self, now: SegmentParams, usual: SegmentParams, known: float) -> SegmentParams:
        """Return `now` with the diameter and the smallest object of before, unless one of them was edited since."""
        if (_size(now), usual, known) != (_size(self.after), self.usual, self.known):
            return now
        diameter, area = _size(self.before)
        return now.replace(normalize__diameter=diameter, clustering__min_area=area)


def _size(params: SegmentParams) -> tuple[float, int]:
    return params.normalize.diameter, params.clustering.min_area
