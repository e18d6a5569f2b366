"""The outline network in the viewer: loaded outside the GUI thread, asked in it, as it answers in milliseconds."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
from qtpy.QtCore import QObject, Signal

from napari_wnet.core.prompts import Outline, Prompt
from napari_wnet.reports import Progress
from napari_wnet.ui.runner import Runner

if TYPE_CHECKING:
    from napari_wnet.network.outline.net import OutlineNet


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

    @property
    def ready(self) -> bool:
        """Whether the network is there."""
        return self._network is not None

    def load(self) -> None:
        """Begin to load the network."""
        self.loader.start(_load_steps())

    def outline(self, image: npt.NDArray[Any], prompt: Prompt) -> Outline | None:
        """Outline what is pointed at in an image, (C, Y, X); None until the network is there."""
        if self._network is None:
            return None
        from napari_wnet.network.outline.predict import predict_outline  # torch, which is loaded by now

        return predict_outline(self._network, image, prompt)

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
