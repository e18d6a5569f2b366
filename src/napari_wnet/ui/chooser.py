"""Combo boxes that know what they list: the viewer's layers, and models."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QSizePolicy, QWidget

from napari_wnet.network.names import is_path
from napari_wnet.params import DEFAULT_MODEL
from napari_wnet.ui.requests import Catalog, ModelNews


class WideBox(QComboBox):
    """A combo box that takes the width there is, however long its entries are."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(80)


class LayerChooser(WideBox):
    """Chooses one of the viewer's layers; follows them as they come, go, and are renamed.

    Parameters
    ----------
    viewer : ViewerModel
    accepts : callable
        Which layers are listed.
    none : str
        Text of an entry for no layer; empty: there is no such entry.
    follows : bool
        Whether selecting a listed layer in the viewer chooses it here.
    """

    layerChanged = Signal(object)  # noqa: N815

    def __init__(
        self, viewer: ViewerModel, accepts: Callable[[Layer], bool], *, none: str = "", follows: bool = False
    ) -> None:
        super().__init__()
        self._viewer, self._accepts, self._none = viewer, accepts, none
        self._layers: list[Layer | None] = []
        self._current: Layer | None = None
        for event in ("inserted", "removed", "reordered", "renamed"):
            getattr(viewer.layers.events, event).connect(self._refresh)
        if follows:
            viewer.layers.selection.events.active.connect(self._follow)
        self.currentIndexChanged.connect(self._on_index)
        self._refresh()
        if follows:
            self._follow()

    def layer(self) -> Layer | None:
        """Return the chosen layer."""
        return self._current

    def setLayer(self, layer: Layer | None) -> None:  # noqa: N802
        """Choose a layer, if it is listed."""
        if layer in self._layers:
            self.setCurrentIndex(self._layers.index(layer))

    def named(self, name: str) -> Layer | None:
        """Return the listed layer of this name."""
        return next((layer for layer in self._layers if layer is not None and layer.name == name), None)

    def release(self) -> None:
        """Stop following the viewer."""
        for event in ("inserted", "removed", "reordered", "renamed"):
            getattr(self._viewer.layers.events, event).disconnect(self._refresh)
        self._viewer.layers.selection.events.active.disconnect(self._follow)

    def _refresh(self) -> None:
        listed: list[Layer | None] = [layer for layer in self._viewer.layers if self._accepts(layer)]
        self._layers = [None, *listed] if self._none else listed
        self.blockSignals(True)
        self.clear()
        for layer in self._layers:
            self.addItem(self._none if layer is None else layer.name)
            self.setItemData(self.count() - 1, self.itemText(self.count() - 1), Qt.ItemDataRole.ToolTipRole)
        if not self._none and self._current not in self._layers:
            self.setCurrentIndex(self.count() - 1)  # the newest
        else:
            self.setCurrentIndex(self._layers.index(self._current) if self._current in self._layers else 0)
        self.blockSignals(False)
        self._on_index(self.currentIndex())

    def _follow(self) -> None:
        self.setLayer(self._viewer.layers.selection.active)

    def _on_index(self, index: int) -> None:
        layer = self._layers[index] if 0 <= index < len(self._layers) else None
        if layer is not self._current:
            self._current = layer
            self.layerChanged.emit(layer)


class ModelChooser(WideBox):
    """Chooses a model by name, or a file."""

    modelChanged = Signal(str)  # noqa: N815
    FROM_FILE = "from file..."

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = self._gone = ""
        self.addItem(self.FROM_FILE)
        self.activated.connect(self._on_activated)

    def value(self) -> str:
        """Return the chosen name or path; empty before there is one."""
        return self._model

    def setValue(self, model: str) -> None:  # noqa: N802
        """Choose a name, or the path of a file, which is listed from now on."""
        if not model:
            return
        if self.findData(model) < 0:
            self.insertItem(self.count() - 1, Path(model).stem if Path(model).suffix else model, model)
            self.setItemData(self.count() - 2, model, Qt.ItemDataRole.ToolTipRole)
        self.setCurrentIndex(self.findData(model))
        if model != self._model:
            self._model = model
            if self._gone and self._gone != model:
                self._drop(self._gone)
                self._gone = ""
            self.modelChanged.emit(model)

    def setCatalog(self, catalog: Catalog) -> None:  # noqa: N802
        """List what there is; unless something has been chosen, the usual one is, or else the first."""
        self._list(catalog.models)
        if not self._model and catalog.models:
            names = [name for name, _ in catalog.models]
            self.setValue(DEFAULT_MODEL if DEFAULT_MODEL in names else names[0])

    def setNews(self, news: ModelNews) -> None:  # noqa: N802
        """List what there is now; what is chosen stays so, even if it is there no more."""
        names = {name for name, _ in news.models}
        if news.renamed is not None and news.renamed[0] == self._model:
            self._list(news.models)
            self.setValue(news.renamed[1])
        for index in reversed(range(self.count())):
            model = self.itemData(index)
            if model is None or is_path(model) or model in names:
                continue
            if model == self._model:
                self._gone = model
                self.setItemText(index, f"{model} (removed)")
            else:
                self.removeItem(index)
        if self._gone in names:
            self.setItemText(self.findData(self._gone), self._gone)
            self._gone = ""
        self._list(news.models)

    def _list(self, models: Iterable[tuple[str, str]]) -> None:
        for name, description in models:
            if self.findData(name) < 0:
                self.insertItem(self.count() - 1, name, name)
            self.setItemData(self.findData(name), description, Qt.ItemDataRole.ToolTipRole)

    def _drop(self, model: str) -> None:
        if self.findData(model) >= 0:
            self.removeItem(self.findData(model))

    def _on_activated(self, index: int) -> None:
        model = self.itemData(index)
        if model is None:
            model, _ = QFileDialog.getOpenFileName(self, "Choose a model", "", "W-Net models (*.safetensors)")
        if model and model == self._model:
            self.modelChanged.emit(model)  # chosen once more: the file may have been mended
        self.setValue(model)
        self.setCurrentIndex(max(self.findData(self._model), 0))
