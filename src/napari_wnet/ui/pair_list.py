"""The layers to learn from: rows of image, labels and region."""

from __future__ import annotations

from collections.abc import Callable

from napari.components import ViewerModel
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_wnet.ui.access import labelled, name_box
from napari_wnet.ui.chooser import LayerChooser
from napari_wnet.ui.layers import image_for, is_candidate, is_foreground, is_labels
from napari_wnet.ui.trainer import LayerPair

MOST_PAIRS = 50
COLUMNS = ("image", "labels", "region")


class _Row:
    """The boxes of one pair."""

    def __init__(self, viewer: ViewerModel) -> None:
        self.image = LayerChooser(viewer, is_candidate)
        self.labels = LayerChooser(viewer, is_labels)
        self.region = LayerChooser(viewer, is_foreground, none="(none)")
        self.remove = QToolButton()
        self.remove.setText("✕")
        self.remove.setToolTip("Do not learn from this pair.")

    @property
    def boxes(self) -> tuple[LayerChooser, ...]:
        return self.image, self.labels, self.region

    @property
    def widgets(self) -> tuple[QWidget, ...]:
        return *self.boxes, self.remove

    def pair(self) -> LayerPair | None:
        image, labels = self.image.layer(), self.labels.layer()
        if image is None or labels is None:
            return None
        return LayerPair(image=image, labels=labels, region=self.region.layer())

    def release(self) -> None:
        for box in (self.image, self.labels, self.region):
            box.release()


class FolderFields(QWidget):
    """Folders with further pairs: of images, and of labels of the same names."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.edits = {name: QLineEdit() for name in ("images", "labels")}
        self.only_box = QCheckBox("only these, not the layers above")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        for row, (name, edit) in enumerate(self.edits.items()):
            button = QToolButton()
            button.setText("...")
            button.setAccessibleName(f"Choose: folder of {name}")
            button.setToolTip(f"Choose the folder of {name}.")
            button.clicked.connect(self._browsing(name))
            edit.setPlaceholderText(f"folder of {name}")
            edit.setAccessibleName(f"folder of {name}")
            for column, widget in enumerate((labelled(name, edit), edit, button)):
                grid.addWidget(widget, row, column)
        grid.addWidget(self.only_box, len(self.edits), 1)

    def images(self) -> str:
        """Return the folder of images; empty: none."""
        return self.edits["images"].text().strip()

    def labels(self) -> str:
        """Return the folder of labels; empty: that of the images."""
        return self.edits["labels"].text().strip()

    def only(self) -> bool:
        """Return whether the layers do not count."""
        return bool(self.images()) and self.only_box.isChecked()

    def _browsing(self, name: str) -> Callable[[], None]:
        def browse() -> None:
            folder = QFileDialog.getExistingDirectory(self, f"Folder of {name}", self.edits[name].text())
            if folder:
                self.edits[name].setText(folder)

        return browse


class PairList(QWidget):
    """Chooses pairs of layers; there is one row at least.

    Attributes
    ----------
    changed : Signal()
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._rows: list[_Row] = []
        self._headings = [QLabel(text) for text in COLUMNS]
        self._grid = QGridLayout()
        self._grid.setSpacing(4)
        for column, heading in enumerate(self._headings):
            self._grid.addWidget(heading, 0, column)
            self._grid.setColumnStretch(column, 1)
        self.add_button = QPushButton("Add another image")
        self.add_button.clicked.connect(self.add)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._grid)
        layout.addWidget(self.add_button)
        self.add()

    def pairs(self) -> list[LayerPair]:
        """Return the pairs whose layers are chosen."""
        return [pair for pair in (row.pair() for row in self._rows) if pair is not None]

    def add(self) -> None:
        """Add a row, with layers that no other row has where there are any."""
        if len(self._rows) >= MOST_PAIRS:
            return
        row = _Row(self._viewer)
        taken = {id(pair.labels) for pair in self.pairs()}
        free = [layer for layer in self._viewer.layers if is_labels(layer) and id(layer) not in taken]
        if free and self._rows:
            row.labels.setLayer(free[-1])
        self._rows.append(row)
        place = len(self._rows)
        for column, widget in enumerate(row.widgets):
            self._grid.addWidget(widget, place, column)
        row.remove.clicked.connect(lambda: self.remove(row))
        row.labels.layerChanged.connect(lambda: self._match(row))
        for box in (row.image, row.labels, row.region):
            box.layerChanged.connect(self.changed)
        self._match(row)
        self._show_rows()
        self.changed.emit()

    def remove(self, row: _Row) -> None:
        """Take a row away."""
        if len(self._rows) < 2:
            return
        self._rows.remove(row)
        row.release()
        for widget in row.widgets:
            self._grid.removeWidget(widget)
            widget.deleteLater()
        self._show_rows()
        self.changed.emit()

    def show_regions(self, shown: bool) -> None:
        """Show or hide the column of regions."""
        self._headings[2].setVisible(shown)
        self._grid.setColumnStretch(2, 1 if shown else 0)
        for row in self._rows:
            row.region.setVisible(shown)

    def release(self) -> None:
        """Stop following the viewer."""
        for row in self._rows:
            row.release()

    def _match(self, row: _Row) -> None:
        """Choose the image that the labels were made from, or else lie on."""
        labels = row.labels.layer()
        if labels is None:
            return
        image = image_for(labels, self._viewer.layers)
        if image is not None:
            row.image.setLayer(image)

    def _show_rows(self) -> None:
        """Give each row a number, for those who hear it, and let any be removed but the only one."""
        for number, row in enumerate(self._rows, start=1):
            row.remove.setVisible(len(self._rows) > 1)
            row.remove.setAccessibleName(f"Remove pair {number}")
            for box, name in zip(row.boxes, COLUMNS, strict=True):
                name_box(box, f"{name} {number}")
