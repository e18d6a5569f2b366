"""Everything the Segment dock is set to, as one value that can be saved, replayed and compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from napari_wnet.fields import Params
from napari_wnet.params import DEFAULT_MODEL, SegmentParams

NO_AXIS = -1


@dataclass(frozen=True, kw_only=True)
class SegmentSettings(Params):
    """The state of the Segment dock.

    Attributes
    ----------
    image, foreground : str
        Names of layers; empty: none.
    channel_axis : int
        Axis of the image layer that holds channels; -1: none.
    channels : tuple of int
        Which channels the model reads, in its order; empty: all.
    planes : {"all", "current"}
        What of a stack is segmented.
    area : {"whole", "view"}
        What of an image too large for the memory is segmented: all of it, or what is in view.
    model : str
        A name, or the path of a file.
    device : str
        As :func:`napari_wnet.network.device.available_devices` names it.
    params : SegmentParams
        Everything else.
    """

    image: str = ""
    foreground: str = ""
    channel_axis: int = NO_AXIS
    channels: tuple[int, ...] = ()
    planes: Literal["all", "current"] = "all"
    area: Literal["whole", "view"] = "whole"
    model: str = DEFAULT_MODEL
    device: str = "auto"
    params: SegmentParams = field(default_factory=SegmentParams)

    @property
    def axis(self) -> int | None:
        """The channel axis, None where there is none."""
        return None if self.channel_axis == NO_AXIS else self.channel_axis
