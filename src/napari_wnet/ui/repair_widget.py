"""The Repair dock: a click or two mends an object, and a list says which ones to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import (
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_wnet.core.doubt import Doubts
from napari_wnet.errors import EditError
from napari_wnet.params import EditParams, SegmentParams
from napari_wnet.reports import Progress
from napari_wnet.ui.autosave import SAVED_AT, Found
from napari_wnet.ui.chooser import LayerChooser
from napari_wnet.ui.doubt_table import DoubtModel, DoubtTable
from napari_wnet.ui.form import ParamsForm
from napari_wnet.ui.layers import MARK, is_candidate
from napari_wnet.ui.repairer import NO_MAPS, Repairer
from napari_wnet.ui.section import Section
from napari_wnet.ui.seed_layer import SeedLayer
from napari_wnet.ui.tools import CLICK_TOOLS, HERE_TOOLS, Tool, Tools

if TYPE_CHECKING:
    from napari.viewer import Viewer

COLOURS = {"info": "", "warning": "color: #e0a030;", "error": "color: #e8655a;"}
TOOL_STYLE = """
QPushButton { padding: 3px 1px; }
QPushButton:checked { background-color: #2f7d4f; color: white; }
"""
READY = "Choose a tool and click in the image; Q gives the mouse back, Ctrl+Z takes an edit back."
NOTHING = "Open labels, or press Run in the Segment dock: there is nothing to repair yet."
LEAST_ZOOM_PX = 250
"""Screen pixels that go around an object when the list leads to it."""


class RepairWidget(QWidget):
    """Edits a labels layer object by object.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # Layers are told apart by identity, which napari's proxy for plugins does not keep.
        self._viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.repairer = Repairer(self._viewer, self)
        self.tools = Tools(self._viewer, self.repairer, self)
        self.seeds = SeedLayer(self._viewer, self.repairer, self)
        self.labels_box = LayerChooser(self._viewer, lambda layer: isinstance(layer, Labels), follows=True)
        self.image_box = LayerChooser(self._viewer, is_candidate)
        self.buttons: dict[str, QPushButton] = {}
        self.maps_button, self.seeds_button = QPushButton("Compute maps"), QPushButton("Edit seeds")
        self.next_button, self.previous_button = QPushButton("Next"), QPushButton("Previous")
        self.progress_bar, self.status, self.count = QProgressBar(), QLabel(), QLabel()
        self.restore_button, self.saved_label = QPushButton("Restore"), QLabel("Edits are saved by themselves.")
        self._found: Found | None = None
        self.model = DoubtModel(self)
        self.table = DoubtTable(self.model)
        self.form = ParamsForm(EditParams)
        self._docked = False
        self._picked = 0
        self._lay_out()
        self._connect()
        self._on_labels(self.labels_box.layer())
        self._on_image(self.image_box.layer())

    def event(self, event: QEvent) -> bool:
        """Stop working when the dock is closed: napari then takes this widget out of its parent."""
        if event.type() == QEvent.Type.ParentChange:
            if self._docked and self.parent() is None:
                self.close_down()
            self._docked = self.parent() is not None
        return bool(super().event(event))

    def close_down(self) -> None:
        """Let go of the layers and stop what runs."""
        self.seeds.hide()
        self.tools.attach(None)
        self.repairer.close()
        self.labels_box.release()
        self.image_box.release()

    def _lay_out(self) -> None:
        rows = QFormLayout()
        rows.addRow("labels", self.labels_box)
        rows.addRow("image", self.image_box)
        grid = QGridLayout()
        grid.setSpacing(4)
        for place, tool in enumerate((*CLICK_TOOLS, *HERE_TOOLS)):
            grid.addWidget(self._button(tool, checkable=tool in CLICK_TOOLS), place // 5, place % 5)
        below = QHBoxLayout()
        below.addWidget(self.seeds_button, 1)
        below.addWidget(self.maps_button, 1)
        steps = QHBoxLayout()
        steps.addWidget(self.count, 1)
        steps.addWidget(self.previous_button)
        steps.addWidget(self.next_button)
        self.status.setWordWrap(True)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.status.setMinimumHeight(3 * self.status.fontMetrics().lineSpacing() + 4)
        self.progress_bar.hide()
        self.seeds_button.setToolTip(
            "Show the seeds as points: drag, add (2) or delete them; only what is near changes."
        )
        self.maps_button.setToolTip("Run the network on the image, for labels that were not made here.")
        self.next_button.setToolTip("Go to the next object that is not done, the most doubtful first (N).")
        self.previous_button.setToolTip("Go back to the one before (Shift+N).")
        layout = QVBoxLayout(self)
        layout.addLayout(rows)
        layout.addLayout(grid)
        layout.addLayout(below)
        layout.addWidget(self.status)
        layout.addWidget(self.progress_bar)
        layout.addWidget(QLabel("<b>Objects to look at</b>"))
        layout.addLayout(steps)
        layout.addWidget(self.table, 1)
        layout.addWidget(Section("Growing from a click", self.form))
        saving = QHBoxLayout()
        saving.addWidget(self.saved_label, 1)
        saving.addWidget(self.restore_button)
        layout.addLayout(saving)
        self.restore_button.hide()
        self.setMinimumWidth(330)

    def _button(self, tool: Tool, *, checkable: bool) -> QPushButton:
        button = QPushButton(f"{tool.title}\n{tool.key}")
        button.setToolTip(f"{tool.tooltip} Key: {tool.key}.")
        button.setCheckable(checkable)
        button.setStyleSheet(TOOL_STYLE)
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        button.setMinimumHeight(2 * button.fontMetrics().lineSpacing() + 10)
        self.buttons[tool.name] = button
        return button

    def _connect(self) -> None:
        for tool in CLICK_TOOLS:
            self.buttons[tool.name].clicked.connect(_calling(self.tools.choose, tool.name))
        for tool in HERE_TOOLS:
            self.buttons[tool.name].clicked.connect(_calling(self._do, tool.name))
        self.tools.toolChanged.connect(self._show_tool)
        self.tools.picked.connect(self._on_picked)
        self.tools.stepped.connect(self.step)
        self.tools.said.connect(self._say)
        self.repairer.said.connect(self._say)
        self.repairer.ranked.connect(self._on_ranked)
        self.repairer.mapsChanged.connect(self._on_maps)
        self.repairer.busyChanged.connect(self._on_busy)
        self.repairer.progressed.connect(self._on_progress)
        self.labels_box.layerChanged.connect(self._on_labels)
        self.image_box.layerChanged.connect(self._on_image)
        self.model.ticked.connect(self._on_ticked)
        self.table.chosen.connect(self._go_to)
        self.next_button.clicked.connect(lambda: self.step(1))
        self.previous_button.clicked.connect(lambda: self.step(-1))
        self.seeds_button.clicked.connect(self._show_seeds)
        self.maps_button.clicked.connect(self._compute_maps)
        self.form.valueChanged.connect(self._on_params)
        autosaver = self.repairer.autosaver
        autosaver.said.connect(self._say)
        autosaver.saved.connect(self._on_saved)
        autosaver.found.connect(self._on_found)
        self.restore_button.clicked.connect(self._on_restore)

    def step(self, by: int) -> None:
        """Go to the next object that is not done, or the one before."""
        if not self.table.step(by):
            self._say("There is no further object to look at.", "info")

    def _on_labels(self, layer: Labels | None) -> None:
        self.seeds.hide()
        for button in (*self.buttons.values(), self.seeds_button):
            button.setEnabled(layer is not None)
        old = self.repairer.settled
        if old is not None:
            old.unlisten(self._on_settled)
        self.repairer.choose(layer)
        self.tools.attach(layer)
        if self.repairer.image is not None:
            self.image_box.setLayer(self.repairer.image)
        else:
            self.repairer.choose(layer, self.image_box.layer())
        settled = self.repairer.settled
        if settled is not None:
            settled.listen(self._on_settled)
        self._say_what_to_do()

    def _say_what_to_do(self) -> None:
        if self.repairer.labels is None:
            self._say(NOTHING, "info")
        elif self.repairer.maps() is None:
            self._say(NO_MAPS, "warning")
        else:
            self._say(READY, "info")

    def _on_saved(self, when: str) -> None:
        self.saved_label.setText(f"Saved at {when}.")
        self.saved_label.setToolTip(f"In {self.repairer.autosaver.folder}")

    def _on_found(self, found: Found) -> None:
        self._found = found
        self.saved_label.setText(f"Earlier work on '{found.image.name}', {found.state.settings.get(SAVED_AT, '')}:")
        self.restore_button.show()

    def _on_restore(self) -> None:
        if self._found is None:
            return
        layers = self.repairer.autosaver.restore(self._found)
        self._found = None
        self.restore_button.hide()
        self.saved_label.setText("Edits are saved by themselves.")
        if layers:
            self._viewer.layers.selection.active = layers[-1]
            self._say(f"Restored {', '.join(layer.name for layer in layers)}.", "info")

    def _on_image(self, image: Image | None) -> None:
        self.restore_button.hide()
        self.repairer.autosaver.look(image)
        if image is not self.repairer.image:
            self.repairer.choose(self.repairer.labels, image)

    def _on_params(self, params: EditParams) -> None:
        self.repairer.params = params

    def _on_ranked(self, found: Doubts) -> None:
        self.model.setDoubts(found)
        self._on_settled()
        self.table.show_row(self.model.row(self._picked))

    def _on_settled(self) -> None:
        settled, index = self.repairer.settled, self.repairer.index()
        if settled is not None:
            self.model.setDone(settled.done(index), settled.edited(index))
        total = self.model.rowCount()
        self.count.setText(f"{self.model.n_done()} of {total} done" if total else "")

    def _on_ticked(self, label: int, done: bool) -> None:
        self.repairer.tick([label], done)

    def _on_picked(self, label: int) -> None:
        self._picked = label
        self.table.show_row(self.model.row(label))
        if self.repairer.labels is not None:
            self.repairer.labels.selected_label = label

    def _go_to(self, row: int) -> None:
        layer = self.repairer.labels
        if layer is None:
            return
        self._picked = self.model.label(row)
        layer.selected_label = self._picked
        place = layer.data_to_world((*self.repairer.index(), *self.model.place(row)))
        camera = self._viewer.scene.camera
        camera.center = (*camera.center[:-2], *place[-2:])

    def _do(self, name: str) -> None:
        if self._picked:
            self.tools.do(name, self._picked)
        else:
            key = next(tool.key for tool in HERE_TOOLS if tool.name == name)
            self._say(f"Click an object first, or hold the pointer over it and press {key}.", "warning")

    def _show_tool(self, name: str) -> None:
        for tool in CLICK_TOOLS:
            self.buttons[tool.name].setChecked(tool.name == name)
        if not name:
            self._say_what_to_do()

    def _show_seeds(self) -> None:
        try:
            self.seeds.show()
        except EditError as error:
            self._say(str(error), "warning")
            return
        self._say("Drag a seed, add one (2, then click) or delete it: only its surroundings change.", "info")

    def _compute_maps(self) -> None:
        image = self.image_box.layer()
        if image is None:
            self._say("Open the image of these labels first.", "warning")
            return
        made = {} if self.repairer.labels is None else self.repairer.labels.metadata.get(MARK, {})
        params = SegmentParams.from_dict(made["params"]) if "params" in made else SegmentParams()
        self.repairer.compute_maps(image, made.get("model", "nuclei"), params)

    def _on_maps(self, there: bool) -> None:
        self.maps_button.setVisible(not there and self.repairer.labels is not None)
        for name in ("add", "turn"):
            self.buttons[name].setEnabled(there)

    def _on_busy(self, busy: bool) -> None:
        self.progress_bar.setVisible(busy)
        self.maps_button.setEnabled(not busy)

    def _on_progress(self, report: Progress) -> None:
        self.progress_bar.setRange(0, report.total)
        self.progress_bar.setValue(report.done)
        self.progress_bar.setFormat(report.what)

    def _say(self, text: str, level: str, popup: str = "") -> None:
        self.status.setText(text)
        self.status.setStyleSheet(COLOURS[level])
        if level == "error":
            show_error(text)


def _calling(method: Any, name: str) -> Any:
    def call() -> None:
        method(name)

    return call
