"""The outline network in the viewer: loaded outside the GUI thread, asked in it, as it answers in milliseconds."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
from napari.layers import Labels, Layer
from qtpy.QtCore import QObject, Signal

from napari_wnet.core.prompts import Frame, Outline, Prompt
from napari_wnet.errors import WNetError
from napari_wnet.reports import Progress
from napari_wnet.ui.layers import MARK, Index
from napari_wnet.ui.runner import Runner
from napari_wnet.ui.sources import source_of

if TYPE_CHECKING:
    from napari_wnet.network.outline.net import OutlineNet

LARGEST_PX = 4096
"""Side of the largest square that is looked at: more would cost memory, and seconds without an answer."""


class Outliner(QObject):
    """Outlines what a person points at.

    Attributes
    ----------
    loader : Runner
        Loads the network; says why if it cannot.
    loaded : Signal()
        The network is there.
    """

    loaded = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.loader = Runner(self)
        self.loader.returned.connect(self._on_loaded)
        self._network: OutlineNet | None = None
        self._seen: tuple[Any, Index, npt.NDArray[Any]] | None = None

    @property
    def ready(self) -> bool:
        """Whether the network is there."""
        return self._network is not None

    def load(self) -> None:
        """Begin to load the network."""
        self.loader.start(_load_steps())

    def outline(self, image: Layer, labels: Labels, index: Index, prompt: Prompt) -> Outline | None:
        """Outline what is pointed at in a plane; None until the network is there, or if the image does not fit.

        Also for what is far too large to be an object: the maps have to do.
        """
        plane = self.plane(image, labels, index)
        if self._network is None or plane is None or Frame.around(prompt).side > LARGEST_PX:
            return None
        from napari_wnet.network.outline.predict import predict_outline  # torch, which is loaded by now

        return predict_outline(self._network, plane, prompt)

    def plane(self, image: Layer, labels: Labels, index: Index) -> npt.NDArray[Any] | None:
        """Return what would be looked at, (C, Y, X): the plane of the image, if it is as large as the labels."""
        if not self.ready:
            return None
        if self._seen is None or self._seen[0] is not image.data or self._seen[1] != index:
            try:
                source = source_of(image, labels, labels.metadata.get(MARK, {}).get("settings"))
                self._seen = image.data, index, source.plane(index)
            except (WNetError, IndexError):  # an image of something else: the maps alone have to do
                return None
        plane = self._seen[2]
        return plane if plane.shape[-2:] == labels.data.shape[-2:] else None

    def forget(self) -> None:
        """Let go of the image."""
        self._seen = None

    def _on_loaded(self, network: OutlineNet) -> None:
        self._network = network
        self.loaded.emit()


def _load_steps() -> Generator[Progress, None, OutlineNet]:
    """Load the network and let it work once: the first time takes longer."""
    import numpy as np

    from napari_wnet.network.inference import fused
    from napari_wnet.network.outline.predict import predict_outline  # seconds, and not on the GUI thread
    from napari_wnet.network.registry import load_outline_steps

    network = fused((yield from load_outline_steps()).network)
    predict_outline(network, np.zeros((1, 16, 16), np.uint8), Prompt.click((8, 8), 10.0))
    return network
