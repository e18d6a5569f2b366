"""The Repair dock: a click or two mends an object, and a list says which ones to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image, Labels
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_wnet.core.doubt import Doubts
from napari_wnet.errors import EditError
from napari_wnet.params import EditParams
from napari_wnet.reports import Progress
from napari_wnet.ui.access import add_row
from napari_wnet.ui.chooser import LayerChooser
from napari_wnet.ui.dock import Dock, named_bar, set_bar
from napari_wnet.ui.doubt_table import DoubtModel, DoubtTable
from napari_wnet.ui.form import ParamsForm
from napari_wnet.ui.layers import Index, is_candidate, is_labels
from napari_wnet.ui.repairer import IMAGE_ONLY, NO_MAPS, Repairer
from napari_wnet.ui.save_row import SaveRow
from napari_wnet.ui.section import Section
from napari_wnet.ui.seed_layer import SeedLayer
from napari_wnet.ui.tool_list import HERE_TOOLS, ToolButtons
from napari_wnet.ui.tools import UNDO, Tools

if TYPE_CHECKING:
    from napari.viewer import Viewer

READY = "Choose a tool and click in the image; Q gives the mouse back, Ctrl+Z takes an edit back."
NOTHING = "Open labels, or press Run in the Segment dock: there is nothing to repair yet."


class RepairWidget(Dock):
    """Edits a labels layer object by object.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    LEAST_WIDTH = 330

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, 3, parent)
        self.repairer = Repairer(self._viewer, self)
        self.tools = Tools(self._viewer, self.repairer, self)
        self.seeds = SeedLayer(self._viewer, self.repairer, self)
        self.labels_box = LayerChooser(self._viewer, is_labels, follows=True)
        self.image_box = LayerChooser(self._viewer, is_candidate)
        self.buttons = ToolButtons()
        self.maps_button, self.seeds_button = QPushButton("Compute maps"), QPushButton("Edit seeds")
        self.next_button, self.previous_button = QPushButton("Next"), QPushButton("Previous")
        self.progress_bar, self.count = named_bar(), QLabel()
        self.saving = SaveRow(self.repairer.autosaver)
        self.model = DoubtModel(self)
        self.table = DoubtTable(self.model)
        self.form = ParamsForm(EditParams)
        self._picked = 0
        self._picked_in: Index = ()
        self._lay_out()
        self._connect()
        self._on_labels(self.labels_box.layer())
        self._on_image(self.image_box.layer())

    def close_down(self) -> None:
        """Let go of the layers and stop what runs."""
        self.seeds.hide()
        if self.repairer.settled is not None:
            self.repairer.settled.unlisten(self._on_settled)
        self.tools.attach(None)
        self.repairer.close()
        self.labels_box.release()
        self.image_box.release()

    def _lay_out(self) -> None:
        rows = QFormLayout()
        add_row(rows, "labels", self.labels_box)
        add_row(rows, "image", self.image_box)
        below, steps = QHBoxLayout(), QHBoxLayout()
        below.addWidget(self.seeds_button, 1)
        below.addWidget(self.maps_button, 1)
        steps.addWidget(self.count, 1)
        steps.addWidget(self.previous_button)
        steps.addWidget(self.next_button)
        self.progress_bar.hide()
        self.seeds_button.setToolTip(
            "Show the seeds as points: drag, add (2) or delete them; only what is near changes."
        )
        self.maps_button.setToolTip("Run the network on the image, for labels that were not made here.")
        self.next_button.setToolTip("Go to the next object that is not done, the most doubtful first (N).")
        self.previous_button.setToolTip("Go back to the one before (Shift+N).")
        layout = self.page()
        layout.addLayout(rows)
        layout.addWidget(self.buttons)
        layout.addLayout(below)
        layout.addWidget(self.status)
        layout.addWidget(self.progress_bar)
        layout.addWidget(QLabel("<b>Objects to look at</b>"))
        layout.addLayout(steps)
        layout.addWidget(self.table, 1)
        layout.addWidget(Section("Growing from a click", self.form))
        layout.addWidget(self.saving)

    def _connect(self) -> None:
        self.left.connect(self.close_down)
        self.buttons.chosen.connect(self.tools.choose)
        self.buttons.asked.connect(self._do)
        self.tools.toolChanged.connect(self._show_tool)
        self.tools.picked.connect(self._on_picked)
        self.tools.redrawn.connect(self._on_redrawn)
        self.tools.stepped.connect(self.step)
        for speaker in (self.tools, self.repairer, self.saving):
            speaker.said.connect(self.status.say)
        self.repairer.outliner.loaded.connect(self._on_outliner)
        self.repairer.ranked.connect(self._on_ranked)
        self.repairer.mapsChanged.connect(self._on_maps)
        self.repairer.busyChanged.connect(self._on_busy)
        self.repairer.progressed.connect(self._on_progress)
        self.labels_box.layerChanged.connect(self._on_labels)
        self.image_box.layerChanged.connect(self._on_image)
        self.image_box.activated.connect(self._on_image_picked)
        self.model.ticked.connect(self._on_ticked)
        self.table.chosen.connect(self._go_to)
        self.table.removed.connect(self._remove)
        self.next_button.clicked.connect(lambda: self.step(1))
        self.previous_button.clicked.connect(lambda: self.step(-1))
        self.seeds_button.clicked.connect(self._show_seeds)
        self.maps_button.clicked.connect(self._compute_maps)
        self.form.valueChanged.connect(self._on_params)
        self.saving.restored.connect(self._on_restored)

    def step(self, by: int) -> None:
        """Go to the next object that is not done, or the one before."""
        if not self.table.step(by):
            self.status.say("There is no further object to look at.")

    def _on_labels(self, layer: Labels | None) -> None:
        self.seeds.hide()
        self.buttons.enable(layer is not None)
        self.seeds_button.setEnabled(layer is not None)
        old = self.repairer.settled
        if old is not None:
            old.unlisten(self._on_settled)
        self._picked = 0
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
            self.status.say(NOTHING)
        elif self.repairer.maps() is None:
            outlines = self.repairer.outlines
            self.status.say(IMAGE_ONLY if outlines else NO_MAPS, "info" if outlines else "warning")
        else:
            self.status.say(READY)

    def _on_outliner(self) -> None:
        if self.status.text() == NO_MAPS:
            self._say_what_to_do()

    def _on_restored(self, layers: list[Labels]) -> None:
        self._viewer.layers.selection.active = layers[-1]

    def _on_image(self, image: Image | None) -> None:
        self.saving.look(image)
        if image is not self.repairer.image:
            self.repairer.choose(self.repairer.labels, image)

    def _on_image_picked(self) -> None:
        """Take the image, even if it is the one that is shown: a person has chosen it now."""
        self.repairer.choose(self.repairer.labels, self.image_box.layer())

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

    def _on_redrawn(self) -> None:
        """Promise no undo any longer: the edit was taken back, or a slider has made the labels anew."""
        text = self.status.text()
        if text.endswith(UNDO):
            self.status.say(text.removesuffix(UNDO))

    def _on_picked(self, label: int) -> None:
        self._picked, self._picked_in = label, self.repairer.index()
        self.table.show_row(self.model.row(label))
        if self.repairer.labels is not None:
            self.repairer.labels.selected_label = label

    def _go_to(self, row: int) -> None:
        layer = self.repairer.labels
        if layer is None:
            return
        self._picked, self._picked_in = self.model.label(row), self.repairer.index()
        layer.selected_label = self._picked
        place = layer.data_to_world((*self.repairer.index(), *self.model.place(row)))
        camera = self._viewer.scene.camera
        camera.center = (*camera.center[:-2], *place[-2:])

    def _remove(self, row: int) -> None:
        """Delete the object of a row, and go to the next."""
        label = self.model.label(row)
        self.table.step(1)
        self.tools.delete(label)

    def _do(self, name: str) -> None:
        if self._picked and self._picked_in == self.repairer.index():
            self.tools.do(name, self._picked)
        else:
            key = next(tool.key for tool in HERE_TOOLS if tool.name == name)
            self.status.say(f"Click an object first, or hold the pointer over it and press {key}.", "warning")

    def _show_tool(self, name: str) -> None:
        self.buttons.show_chosen(name)
        if not name:
            self._say_what_to_do()

    def _show_seeds(self) -> None:
        try:
            self.seeds.show()
        except EditError as error:
            self.status.say(str(error), "warning")
            return
        self.status.say("Drag a seed, add one (2, then click) or delete it: only its surroundings change.")

    def _compute_maps(self) -> None:
        image = self.image_box.layer()
        if image is None:
            self.status.say("Open the image of these labels first.", "warning")
        else:
            self.repairer.compute_maps(image)

    def _on_maps(self, there: bool) -> None:
        self.maps_button.setVisible(not there and self.repairer.labels is not None)
        self.buttons["turn"].setEnabled(there)

    def _on_busy(self, busy: bool) -> None:
        self.progress_bar.setVisible(busy)
        self.maps_button.setEnabled(not busy)

    def _on_progress(self, report: Progress) -> None:
        set_bar(self.progress_bar, report.done, report.total, report.what)
