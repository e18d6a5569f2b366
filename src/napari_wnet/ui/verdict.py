"""New against current: scores side by side, the labels of both in the viewer, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.components import ViewerModel
from napari.layers import Labels, Layer
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_wnet.ui.access import labelled
from napari_wnet.ui.colours import GREEN, RED, striped
from napari_wnet.ui.layers import MARK, piece_placement

if TYPE_CHECKING:
    from napari_wnet.fine_tune.worker import FineTuneOutcome

ROWS = (
    ("symmetric best Dice", "symmetric_best_dice", "{:.3f}"),
    ("average precision, IoU .5", "average_precision_0.5", "{:.3f}"),
    ("average precision, IoU .75", "average_precision_0.75", "{:.3f}"),
    ("objects found", "n_predicted", "{:.0f}"),
    ("objects labelled", "n_true", "{:.0f}"),
)
TOGGLE_KEY = "Y"


def _right(label: QLabel) -> QLabel:
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return label


class Verdict(QWidget):
    """Shows the outcome of a training.

    Attributes
    ----------
    adopted : Signal(str)
        The user wants the new model, under this name.
    discarded : Signal()
        The user does not.
    """

    adopted = Signal(str)
    discarded = Signal()

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layers: dict[str, list[Labels]] = {"current": [], "new": []}
        self._outcome: FineTuneOutcome | None = None
        self._sources: dict[str, Layer] = {}
        self._hidden: list[Layer] = []
        self.headline = QLabel()
        self.headline.setWordWrap(True)
        self.cells = {(key, column): QLabel() for _, key, _ in ROWS for column in ("current", "new")}
        self.name_edit = QLineEdit()
        self.show_button = QPushButton("Compare in the viewer")
        self.adopt_button, self.discard_button = QPushButton("Adopt"), QPushButton("Discard")
        self._lay_out()
        self.show_button.clicked.connect(self.toggle)
        self.adopt_button.clicked.connect(self._on_adopt)
        self.discard_button.clicked.connect(self.discarded)
        self.name_edit.returnPressed.connect(self._on_adopt)

    def show_outcome(self, outcome: FineTuneOutcome, sources: dict[str, Layer]) -> None:
        """Show what was learned; `sources` are the images by the names of their pairs."""
        self.clear_layers()
        self._outcome, self._sources = outcome, sources
        comparison = outcome.comparison
        for _, key, form in ROWS:
            self.cells[key, "current"].setText(form.format(comparison.current[key]))
            self.cells[key, "new"].setText(f"<b>{form.format(comparison.new[key])}</b>")
        words = "The new model is better" if comparison.better else "The new model is NOT better"
        self.headline.setText(
            f"<b>{words}</b> on the {len(comparison.pieces)} held-out piece(s), which never trained "
            f"(best weights: step {outcome.step} of {outcome.steps_done}, {outcome.seconds:.0f} s). {outcome.problem}"
        )
        self.headline.setStyleSheet(striped(GREEN if comparison.better else RED))
        self.name_edit.setText(f"{outcome.base}-tuned")
        self.setVisible(True)

    def toggle(self) -> None:
        """Show the labels of the one model on the held-out pieces, or those of the other."""
        if not any(layer in self._viewer.layers for layers in self._layers.values() for layer in layers):
            self._add_layers()
        if not self._layers["new"]:
            self.show_button.setText("The images are not open")
            return
        shown = "new" if not any(layer.visible for layer in self._layers["new"]) else "current"
        for kind, layers in self._layers.items():
            for layer in layers:
                layer.visible = kind == shown
        self.show_button.setText(f"Shown: {shown} ({TOGGLE_KEY} changes)")

    def clear_layers(self) -> None:
        """Take the labels of the comparison out of the viewer."""
        for layers in self._layers.values():
            for layer in layers:
                if layer in self._viewer.layers:
                    self._viewer.layers.remove(layer)
            layers.clear()
        for layer in self._hidden:
            layer.visible = True
        self._hidden = []
        self._viewer.bind_key(TOGGLE_KEY, None)
        self.show_button.setText("Compare in the viewer")

    def _lay_out(self) -> None:
        table = QGridLayout()
        table.setVerticalSpacing(2)
        table.setColumnStretch(0, 1)
        for place, column in enumerate(("current", "new"), start=1):
            table.addWidget(_right(QLabel(f"<b>{column}</b>")), 0, place)
            for row, (label, key, _) in enumerate(ROWS, start=1):
                table.addWidget(QLabel(label), row, 0)
                table.addWidget(_right(self.cells[key, column]), row, place)
            table.setColumnMinimumWidth(place, 60)
        self.show_button.setToolTip(f"Show what either model finds in the held-out pieces; {TOGGLE_KEY} changes over.")
        self.adopt_button.setToolTip("Keep the new model under this name, and choose it in every dock.")
        self.discard_button.setToolTip("Forget the new model; nothing is left of it.")
        row = QHBoxLayout()
        row.addWidget(labelled("name", self.name_edit))
        row.addWidget(self.name_edit, 1)
        row.addWidget(self.adopt_button)
        row.addWidget(self.discard_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.headline)
        layout.addLayout(table)
        layout.addWidget(self.show_button)
        layout.addLayout(row)

    def _add_layers(self) -> None:
        outcome = self._outcome
        if outcome is None:
            return
        opened = [piece for piece in outcome.comparison.pieces if self._sources.get(piece.name) in self._viewer.layers]
        seen = [layer for layer in self._viewer.layers if opened and isinstance(layer, Labels) and layer.visible]
        for layer in seen:
            layer.visible = False
        self._hidden += seen
        for layers in self._layers.values():
            layers.clear()
        for piece in opened:
            source = self._sources[piece.name]
            for kind, labels in (("current", piece.current), ("new", piece.new)):
                layer = self._viewer.add_labels(
                    labels,
                    name=f"{piece.name} held out: {kind}",
                    **piece_placement(source, (piece.rectangle.top, piece.rectangle.left)),
                    visible=False,
                    metadata={MARK: {"kind": "comparison"}},
                )
                self._layers[kind].append(layer)
        first = next(iter(self._layers["new"]), None)
        if first is not None:
            camera = self._viewer.scene.camera
            camera.center = (*camera.center[:-2], *first.extent.world.mean(axis=0)[-2:])
        self._viewer.bind_key(TOGGLE_KEY, lambda _: self.toggle(), overwrite=True)

    def may_go(self) -> bool:
        """Ask whether the new model, which is neither adopted nor discarded, may make room for another."""
        answer = QMessageBox.question(
            self,
            "A new model",
            "The new model is not adopted. Discard it, and begin another training?",
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No,
            QMessageBox.StandardButton.No,
        )
        return answer == QMessageBox.StandardButton.Yes

    def _on_adopt(self) -> None:
        outcome = self._outcome
        if outcome is None:
            return
        if not outcome.comparison.better and not self._confirmed():
            return
        self.adopted.emit(self.name_edit.text())

    def _confirmed(self) -> bool:
        answer = QMessageBox.question(
            self,
            "Adopt a model that is not better?",
            "On the held-out pieces the new model is no better than the current one. Adopt it all the same?",
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No,
            QMessageBox.StandardButton.No,
        )
        return answer == QMessageBox.StandardButton.Yes
