"""The Measure dock: a table of the objects, linked with the labels both ways; traits of the image; growth over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image, Labels
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_wnet.reports import Progress
from napari_wnet.ui.access import add_row
from napari_wnet.ui.chooser import LayerChooser
from napari_wnet.ui.dock import Dock, Lines, named_bar, set_bar
from napari_wnet.ui.growth_page import GrowthPage
from napari_wnet.ui.layers import image_for, is_candidate, is_labels
from napari_wnet.ui.linker import Linker
from napari_wnet.ui.measure_work import Tables
from napari_wnet.ui.measurer import Measurer
from napari_wnet.ui.pixel_size import PixelSizeBox, pixel_size_of
from napari_wnet.ui.spotlight import Spotlight
from napari_wnet.ui.table_model import TableModel
from napari_wnet.ui.table_saver import TableSaver
from napari_wnet.ui.table_view import MeasureTable
from napari_wnet.ui.traits_text import traits_text

if TYPE_CHECKING:
    from napari.viewer import Viewer

READY = "Choose a row to see its object, or pick an object in the image to see its row."
NOTHING = "Open labels, or press Run in the Segment dock: there is nothing to measure yet."
BOX = ("bbox_top_px", "bbox_left_px", "bbox_bottom_px", "bbox_right_px")
TRAIT_LINES = 5
PICK, MOVE = "pick", "pan_zoom"


class MeasureWidget(Dock):
    """Measures a labels layer.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    LEAST_WIDTH = 360

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, 2, parent)
        self.measurer = Measurer(self._viewer, self)
        self.spotlight = Spotlight(self._viewer)
        self.labels_box = LayerChooser(self._viewer, is_labels, follows=True)
        self.image_box = LayerChooser(self._viewer, is_candidate, none="none: shapes only")
        self.size_box, self.planes_box = PixelSizeBox(), QComboBox()
        self.model = TableModel(parent=self)
        self.table = MeasureTable(self.model, "objects")
        self.traits, self.growth, self.linker = Lines(TRAIT_LINES), GrowthPage(), Linker(self._viewer)
        self.tabs, self.bar = QTabWidget(), named_bar()
        self.pick_button, self.saver = QPushButton("Pick in the image"), TableSaver()
        self._layer: Labels | None = None
        self._selected = False
        self._lay_out()
        self._connect()
        self._on_labels(self.labels_box.layer())

    def close_down(self) -> None:
        """Let go of the layers and stop what runs."""
        self._release()
        self.linker.close_down()
        self.measurer.close()
        self._viewer.dims.events.current_step.disconnect(self._on_plane)
        self.labels_box.release()
        self.image_box.release()

    def _lay_out(self) -> None:
        self.planes_box.addItems(["the plane that is seen", "all planes"])
        self.form = QFormLayout()
        add_row(self.form, "labels", self.labels_box)
        add_row(self.form, "image", self.image_box)
        add_row(self.form, "pixel size", self.size_box)
        add_row(self.form, "measure", self.planes_box)
        self.pick_button.setCheckable(True)
        self.pick_button.setToolTip("Click an object in the image to find its row; press again to move the picture.")
        self.bar.setMaximumHeight(6)
        self.bar.setTextVisible(False)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # nothing moves when it comes and goes
        self.bar.setSizePolicy(policy)
        self.bar.hide()
        page = QWidget()
        objects = QVBoxLayout(page)
        objects.setContentsMargins(0, 4, 0, 0)
        objects.addWidget(self.table, 1)
        self.tabs.addTab(page, "Objects")
        self.tabs.tabBar().setAccessibleName("tables")
        over_time = QWidget()
        column = QVBoxLayout(over_time)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.growth, 1)
        column.addWidget(self.linker)
        self.tabs.addTab(over_time, "Growth")
        buttons = QHBoxLayout()
        buttons.addWidget(self.pick_button, 1)
        buttons.addWidget(self.saver, 1)
        layout = self.page()
        layout.addLayout(self.form)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.traits)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.status)

    def _connect(self) -> None:
        self.left.connect(self.close_down)
        self.fronted.connect(self._on_front)
        self.labels_box.layerChanged.connect(self._on_labels)
        self.image_box.layerChanged.connect(self._on_image)
        self.size_box.valueChanged.connect(self._on_size)
        self.planes_box.currentIndexChanged.connect(self._on_planes)
        self.tabs.currentChanged.connect(self._on_tab)
        self.table.chosen.connect(self._go_to)
        self.growth.chosen.connect(self._go_to_frame)
        self.growth.timeChanged.connect(self._on_time)
        self.pick_button.toggled.connect(self._on_pick)
        self.measurer.measured.connect(self._on_measured)
        self.measurer.progressed.connect(self._on_progress)
        self.measurer.busyChanged.connect(self._on_busy)
        for speaker in (self.measurer, self.saver, self.linker):
            speaker.said.connect(self.status.say)
        self._viewer.dims.events.current_step.connect(self._on_plane)

    def _on_front(self, front: bool) -> None:
        """Behind another dock, draw nothing into the picture and take no time."""
        self.measurer.rest(not front)
        if front:
            self._show_selected()
        else:
            self.spotlight.hide()

    def _on_labels(self, layer: Labels | None) -> None:
        self._release()
        self._layer, self._selected = layer, False
        if layer is not None:
            layer.events.selected_label.connect(self._on_label)
            layer.events.mode.connect(self._on_mode)
            layer.events.scale.connect(self._on_placed)
            layer.events.units.connect(self._on_placed)
            self.image_box.setLayer(image_for(layer, self._viewer.layers))
            self.size_box.setValue(pixel_size_of(layer))
        stack = layer is not None and layer.ndim > 2
        self.linker.setLayer(layer if layer is not None and layer.ndim == 3 else None)
        self.form.setRowVisible(self.planes_box, stack)
        self.tabs.setTabEnabled(1, layer is not None and layer.ndim == 3)
        self.tabs.setTabToolTip(1, "For stacks with one axis besides Y and X: how areas change from plane to plane.")
        self.pick_button.setEnabled(layer is not None)
        self.measurer.pixel_size = self.size_box.value()
        self.measurer.choose(layer, self.image_box.layer())

    def _release(self) -> None:
        self.spotlight.hide()
        if self._layer is not None:
            self._layer.events.selected_label.disconnect(self._on_label)
            self._layer.events.mode.disconnect(self._on_mode)
            self._layer.events.scale.disconnect(self._on_placed)
            self._layer.events.units.disconnect(self._on_placed)
        self._layer = None

    def _on_image(self, image: Image | None) -> None:
        self.measurer.choose(self._layer, image)

    def _on_placed(self) -> None:
        if self._layer is not None:
            self.size_box.setValue(pixel_size_of(self._layer))
            self._on_size()

    def _on_size(self) -> None:
        self.measurer.pixel_size = self.size_box.value()
        self.measurer.measure()

    def _on_planes(self, choice: int) -> None:
        self.measurer.everything = bool(choice)
        self.measurer.measure()

    def _on_time(self, interval: float, unit: str) -> None:
        self.measurer.interval, self.measurer.time_unit = interval, unit
        self.measurer.measure()

    def _on_tab(self, tab: int) -> None:
        if tab == 1:
            self.planes_box.setCurrentIndex(1)  # growth is that of all frames
        self._show_traits()

    def _on_measured(self, tables: Tables | None) -> None:
        self.saver.setTables(tables, "" if self._layer is None else self._layer.name)
        keys = ("label",) if tables is None else (*tables.names, "label")
        self.model.setTable(None if tables is None else tables.objects, keys)
        self.growth.setTables(*((None, None) if tables is None else (tables.frames, tables.object_growth)))
        self._show_traits()
        self._show_selected(scroll=False)
        self._on_plane()
        if tables is not None:
            note = self.measurer.note
            self.status.say(note or READY, "warning" if note else "info")
        elif self._layer is None:
            self.status.say(NOTHING)

    def _show_traits(self) -> None:
        tables = self.measurer.tables
        known = {} if tables is None else tables.known
        row = known.get(self.measurer.index()) or next(iter(known.values()), None)
        self.traits.setText("" if row is None else traits_text(row.traits))

    def _on_plane(self) -> None:
        index = self.measurer.index()
        if len(index) == 1 and self.growth.model.rowCount():
            self.growth.setFrame(index[0])
            self._show_traits()
            self._show_selected()

    def _on_label(self) -> None:
        self._selected = True
        self._show_selected()

    def _show_selected(self, *, scroll: bool = True) -> None:
        """Show the row of the label that was selected in the layer."""
        if (
            self._layer is None or not self._selected
        ):  # every layer has a selected label, whether anyone chose it or not
            return
        label = int(self._layer.selected_label)
        row = self.model.row((*self.measurer.index(), label))
        self.table.show_row(row, scroll=scroll)
        self.growth.setLabel(label)
        if row is None or self.measurer.resting:
            self.spotlight.hide()
        else:
            self.spotlight.mark(self._layer, self._box(row))

    def _go_to(self, row: int) -> None:
        """Show the object of a row in the viewer."""
        if self._layer is None:
            return
        *index, label = self.model.key(row)
        if index:
            self.spotlight.go_to_plane(self._layer, tuple(index))
        self._layer.selected_label = label
        self._on_label()  # the layer says nothing where it was selected already
        self.spotlight.show(self._layer, self.measurer.index(), self._box(row))

    def _go_to_frame(self, frame: int) -> None:
        if self._layer is not None:
            self.spotlight.go_to_plane(self._layer, (frame,))

    def _box(self, row: int) -> tuple[int, int, int, int]:
        top, left, bottom, right = (int(self.model.value(row, name)) for name in BOX)
        return top, left, bottom, right

    def _on_pick(self, pick: bool) -> None:
        if self._layer is not None:
            self._viewer.layers.selection.active = self._layer
            self._layer.mode = PICK if pick else MOVE

    def _on_mode(self) -> None:
        self.pick_button.blockSignals(True)
        self.pick_button.setChecked(self._layer is not None and str(self._layer.mode) == PICK)
        self.pick_button.blockSignals(False)

    def _on_progress(self, report: Progress) -> None:
        set_bar(self.bar, report.done, report.total)

    def _on_busy(self, busy: bool) -> None:
        self.bar.setVisible(busy and self.measurer.everything)
