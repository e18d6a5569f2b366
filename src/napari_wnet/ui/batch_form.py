"""The upper part of the Batch dock: which folder, where the results go, how, and what is saved."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from napari_wnet.batch.kinds import ENDINGS, KINDS
from napari_wnet.scheduler import PROCESSES, THREADS
from napari_wnet.ui.access import add_row
from napari_wnet.ui.batch_settings import BatchSettings, proposed_out
from napari_wnet.ui.chooser import ModelChooser, WideBox
from napari_wnet.ui.folder_edit import FolderEdit
from napari_wnet.ui.requests import Catalog
from napari_wnet.ui.section import Section

ALWAYS = "labels and table"
USES = {"objects": "where objects are", "region": "where to look for objects"}
PLACES = {THREADS: "this window", PROCESSES: "processes on this computer"}


class BatchForm(QWidget):
    """Edits :class:`BatchSettings`: ``value()``, ``setValue()``, ``valueChanged``."""

    valueChanged = Signal(object)  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.folder_edit = FolderEdit("Folder of images", "choose a folder, or drop one here")
        self.out_edit = FolderEdit("Folder of the results", "proposed beside the images")
        self.recursive_box, self.pattern_edit = QCheckBox("look into its folders"), QLineEdit("*")
        self.model_box, self.params_box = ModelChooser(), WideBox()
        self.save_boxes = {kind: QCheckBox(ALWAYS if kind == "labels" else name) for kind, name in KINDS.items()}
        self.place_box, self.device_box = WideBox(), WideBox()
        self.masks_edit, self.use_box = FolderEdit("Folder of foreground masks", "none"), WideBox()
        self.axes_edit, self.channels_edit = QLineEdit(), QLineEdit()
        self.sized_box = QCheckBox("estimate object diameter")
        self.overwrite_box = QCheckBox("replace earlier results")
        self.more = Section("What to save, where to run, masks", self._more())
        self._proposed = ""
        self._lay_out()
        self._explain()
        self._connect()

    def value(self) -> BatchSettings:
        """Return the settings."""
        return BatchSettings(
            folder=self.folder_edit.value(),
            recursive=self.recursive_box.isChecked(),
            pattern=self.pattern_edit.text().strip() or "*",
            out=self.out_edit.value(),
            model=self.model_box.value(),
            follows=bool(self.params_box.currentData()),
            save=tuple(kind for kind, box in self.save_boxes.items() if box.isChecked()),
            scheduler=self._scheduler(),
            device=self.device_box.currentText(),
            foreground=self.masks_edit.value(),
            foreground_use=self.use_box.currentData(),
            axes=self.axes_edit.text().strip(),
            channels=self.channels_edit.text().strip(),
            sized=self.sized_box.isChecked(),
            overwrite=self.overwrite_box.isChecked(),
        )

    def setValue(self, settings: BatchSettings) -> None:  # noqa: N802
        """Show other settings."""
        self.folder_edit.setValue(settings.folder)
        self.out_edit.setValue(settings.out)
        self.recursive_box.setChecked(settings.recursive)
        self.pattern_edit.setText(settings.pattern)
        self.model_box.setValue(settings.model)
        self.params_box.setCurrentIndex(self.params_box.findData(settings.follows))
        for kind, box in self.save_boxes.items():
            box.setChecked(kind == "labels" or kind in settings.save)
        self.place_box.setCurrentText(PLACES.get(settings.scheduler, settings.scheduler))
        if self.device_box.findText(settings.device) < 0:
            self.device_box.addItem(settings.device)
        self.device_box.setCurrentText(settings.device)
        self.masks_edit.setValue(settings.foreground)
        self.use_box.setCurrentIndex(self.use_box.findData(settings.foreground_use))
        self.axes_edit.setText(settings.axes)
        self.channels_edit.setText(settings.channels)
        self.sized_box.setChecked(settings.sized)
        self.overwrite_box.setChecked(settings.overwrite)
        self._on_change()

    def setCatalog(self, catalog: Catalog) -> None:  # noqa: N802
        """List models and devices."""
        self.model_box.setCatalog(catalog)
        for device in catalog.devices:
            if self.device_box.findText(device) < 0:
                self.device_box.addItem(device)

    def follow(self, model: str) -> None:
        """Show the Segment dock's model, if its parameters are used."""
        follows = bool(self.params_box.currentData())
        self.model_box.setEnabled(not follows)
        if follows and model:
            self.model_box.setValue(model)

    def _scheduler(self) -> str:
        text = self.place_box.currentText().strip()
        return next((name for name, shown in PLACES.items() if shown == text), text)

    def _more(self) -> QWidget:
        body, ticks = QWidget(), QGridLayout()
        ticks.setContentsMargins(0, 0, 0, 0)
        ticks.setVerticalSpacing(2)
        for number, (kind, box) in enumerate(self.save_boxes.items()):
            ticks.addWidget(box, number // 2, number % 2)
            box.setToolTip(f"NAME{ENDINGS[kind]}")
        self.save_boxes["labels"].setChecked(True)
        self.save_boxes["labels"].setEnabled(False)
        self.place_box.addItems(list(PLACES.values()))
        self.place_box.setEditable(True)
        self.device_box.addItem("auto")
        for use, text in USES.items():
            self.use_box.addItem(text, use)
        self.use_box.setEnabled(False)
        self.axes_edit.setPlaceholderText("as the files say")
        self.channels_edit.setPlaceholderText("all")
        rows = QFormLayout()
        rows.setVerticalSpacing(4)
        add_row(rows, "run in", self.place_box)
        add_row(rows, "device", self.device_box)
        add_row(rows, "foreground masks", self.masks_edit)
        add_row(rows, "masks say", self.use_box)
        add_row(rows, "axes", self.axes_edit)
        add_row(rows, "channels", self.channels_edit)
        column = QVBoxLayout(body)
        column.setContentsMargins(12, 0, 0, 4)
        column.setSpacing(4)
        column.addLayout(ticks)
        column.addLayout(rows)
        column.addWidget(self.overwrite_box)
        return body

    def _lay_out(self) -> None:
        self.params_box.addItem("as the model recommends", False)
        self.params_box.addItem("those of the Segment dock", True)
        which = QHBoxLayout()
        which.addWidget(self.recursive_box)
        which.addWidget(QLabel("only"))
        self.pattern_edit.setAccessibleName("only files called")
        which.addWidget(self.pattern_edit, 1)
        rows = QFormLayout()
        rows.setVerticalSpacing(4)
        add_row(rows, "images", self.folder_edit)
        rows.addRow("", which)
        add_row(rows, "results", self.out_edit)
        add_row(rows, "model", self.model_box)
        add_row(rows, "parameters", self.params_box)
        rows.addRow("", self.sized_box)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(rows)
        column.addWidget(self.more)

    def _explain(self) -> None:
        tips = {
            self.recursive_box: "Also segment what is in the folders of this folder; results lie in like folders.",
            self.pattern_edit: "Only files like this, such as *.tif; several with commas between them.",
            self.model_box: "What was learnt from which kind of image; or a model file of your own.",
            self.params_box: "Try them on one image in the Segment dock, with its sliders; then use them for all.",
            self.sized_box: (
                "For objects that are much smaller or larger than those the model was trained on: each image is looked "
                "at first, and rescaled for the model where that helps."
            ),
            self.place_box: (
                "In this window, in one process for each processor, or type the address of a Dask scheduler, such as "
                "tcp://host:8786."
            ),
            self.device_box: "Where the network runs; auto takes the fastest there is.",
            self.use_box: (
                "Where objects are: the mask takes the place of the network's own foreground. Where to look for "
                "objects: the network still tells objects from background within it."
            ),
            self.axes_edit: "What the axes of the files are, one letter each, such as TCYX, where they do not say.",
            self.channels_edit: "Channels to use, in the model's order, counted from 0, such as 2,0.",
            self.overwrite_box: (
                "Segment every file anew, also what is finished and what you corrected by hand. Off: finished files "
                "are skipped, and results made in another way are not touched."
            ),
        }
        for box, text in tips.items():
            box.setToolTip(text)
        self.masks_edit.explain(
            "A mask for each image, under the image's name: what is not 0 (black) is foreground, and no object "
            "reaches out of it. The path of a file: one mask for all images."
        )

    def _connect(self) -> None:
        self.folder_edit.valueChanged.connect(self._on_folder)
        self.out_edit.valueChanged.connect(self._on_change)
        self.masks_edit.valueChanged.connect(self._on_masks)
        self.pattern_edit.editingFinished.connect(self._on_change)
        self.recursive_box.toggled.connect(self._on_change)
        self.model_box.modelChanged.connect(self._on_change)
        self.params_box.currentIndexChanged.connect(self._on_change)

    def _on_folder(self, folder: str) -> None:
        if folder and self.out_edit.value() in ("", self._proposed):
            self._proposed = str(proposed_out(Path(folder)))
            self.out_edit.setValue(self._proposed)
        self._on_change()

    def _on_masks(self, folder: str) -> None:
        self.use_box.setEnabled(bool(folder))
        self._on_change()

    def _on_change(self) -> None:
        self.valueChanged.emit(self.value())
