"""The upper part of the Segment dock: which image, which of its planes and channels, which model, which device."""

from __future__ import annotations

from collections.abc import Sequence

from napari.components import ViewerModel
from napari.layers import Image, Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_wnet.ui.access import add_row, name_box
from napari_wnet.ui.chooser import LayerChooser, ModelChooser, WideBox
from napari_wnet.ui.diameter_row import TOOLTIP, DiameterRow
from napari_wnet.ui.form import LABEL_STYLE
from napari_wnet.ui.layers import channel_axes, is_candidate, is_foreground, likely_channel_axis, n_channels, n_planes
from napari_wnet.ui.requests import Catalog
from napari_wnet.ui.settings import NO_AXIS, SegmentSettings
from napari_wnet.ui.slides import is_slide


class ChannelPicker(QWidget):
    """One box for each channel a model reads, to choose and order those of an image."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._boxes: list[WideBox] = []
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)

    def value(self) -> tuple[int, ...]:
        """Return the chosen channels in the model's order."""
        return tuple(box.currentIndex() for box in self._boxes)

    def setValue(self, channels: Sequence[int]) -> None:  # noqa: N802
        """Choose channels; those that do not exist are passed over."""
        for box, channel in zip(self._boxes, channels, strict=False):
            if channel < box.count():
                box.setCurrentIndex(channel)

    def offer(self, n_there: int, wanted: Sequence[str]) -> None:
        """List an image's channels, once for each the model wants."""
        old = self.value()
        if len(old) == len(wanted) and all(box.count() == n_there for box in self._boxes):
            return
        for box in self._boxes:
            self._layout.removeWidget(box)
            box.deleteLater()
        self._boxes = [WideBox() for _ in wanted]
        for number, (box, name) in enumerate(zip(self._boxes, wanted, strict=True)):
            box.addItems([str(channel) for channel in range(n_there)])
            box.setCurrentIndex(min(number, n_there - 1))
            box.setToolTip(f"Channel of the image that the model reads as {name}.")
            name_box(box, f"channel read as {name}")
            box.currentIndexChanged.connect(self.changed)
            self._layout.addWidget(box, 1)


class InputForm(QWidget):
    """Edits the part of :class:`SegmentSettings` that says what is segmented with which model.

    Rows that a plain image does not need are not shown.
    """

    valueChanged = Signal()  # noqa: N815
    modelChanged = Signal(str)  # noqa: N815
    foregroundChanged = Signal(object)  # noqa: N815

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.channel_names: tuple[str, ...] = ()
        self.image_box = LayerChooser(viewer, is_candidate, follows=True)
        self.foreground_box = LayerChooser(viewer, is_foreground, none="(automatic)")
        self.axis_box, self.channel_picker, self.planes_box = WideBox(), ChannelPicker(), WideBox()
        self.area_box = WideBox()
        self.area_box.addItem("whole, in blocks", "whole")
        self.area_box.addItem("current view", "view")
        self.model_box, self.device_box = ModelChooser(), WideBox()
        self.device_box.addItem("auto")
        self.diameter_row = DiameterRow()
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self._form = QFormLayout(self)
        self._lay_out()
        self._on_image(self.image_box.layer())
        self.image_box.layerChanged.connect(self._on_image)
        self.axis_box.currentIndexChanged.connect(self._on_axis)
        self.model_box.modelChanged.connect(self.modelChanged)
        self.foreground_box.layerChanged.connect(self._on_change)
        self.foreground_box.layerChanged.connect(self.foregroundChanged)
        self.channel_picker.changed.connect(self._on_change)
        for box in (self.planes_box, self.area_box, self.device_box):
            box.currentIndexChanged.connect(self._on_change)

    def image(self) -> Layer | None:
        """Return the chosen image layer."""
        return self.image_box.layer()

    def foreground(self) -> Layer | None:
        """Return the chosen foreground layer."""
        return self.foreground_box.layer()

    def value(self) -> SegmentSettings:
        """Return the settings made here; the parameters are those of the class."""
        image, foreground = self.image(), self.foreground()
        axis = self.axis_box.currentData()
        return SegmentSettings(
            image="" if image is None else image.name,
            foreground="" if foreground is None else foreground.name,
            channel_axis=NO_AXIS if axis is None else axis,
            channels=() if axis in (None, NO_AXIS) else self.channel_picker.value(),
            planes=self.planes_box.currentData() or "all",
            area=self.area_box.currentData(),
            model=self.model_box.value(),
            device=self.device_box.currentText(),
        )

    def setValue(self, settings: SegmentSettings) -> None:  # noqa: N802
        """Make these settings; layers that are not there leave the choice as it is."""
        self.image_box.setLayer(self.image_box.named(settings.image) or self.image())
        self.foreground_box.setLayer(self.foreground_box.named(settings.foreground))
        self.model_box.setValue(settings.model)
        if self.device_box.findText(settings.device) < 0:
            self.device_box.addItem(settings.device)
        self.device_box.setCurrentText(settings.device)
        self.axis_box.setCurrentIndex(max(self.axis_box.findData(settings.channel_axis), 0))
        self.channel_picker.setValue(settings.channels)
        self.planes_box.setCurrentIndex(max(self.planes_box.findData(settings.planes), 0))
        self.area_box.setCurrentIndex(max(self.area_box.findData(settings.area), 0))

    def setCatalog(self, catalog: Catalog) -> None:  # noqa: N802
        """List models and devices."""
        for device in catalog.devices:
            if self.device_box.findText(device) < 0:
                self.device_box.addItem(device)
        self.model_box.setCatalog(catalog)

    def setChannels(self, names: Sequence[str]) -> None:  # noqa: N802
        """Say which channels the chosen model reads."""
        self.channel_names = tuple(names)
        self._on_image(self.image())

    def release(self) -> None:
        """Stop following the viewer."""
        self.image_box.release()
        self.foreground_box.release()

    def _lay_out(self) -> None:
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(4)
        self._form.setHorizontalSpacing(8)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows = (
            ("image", self.image_box, "The image to segment."),
            ("channels", self.axis_box, "Which axis of the image holds its channels."),
            ("channel order", self.channel_picker, "Which channels the model reads, in its order."),
            (
                "planes",
                self.planes_box,
                "Segment every plane of the stack, or the one you see; the others then stay as they are.",
            ),
            (
                "area",
                self.area_box,
                "This image is too large for the memory: segment it in blocks, with the labels on the disk, "
                "or only what you see.",
            ),
            (
                "foreground",
                self.foreground_box,
                "Your labels, shapes or mask of where objects are; automatic: the model decides.",
            ),
            ("model", self.model_box, "What was learnt from which kind of image; or a model file of your own."),
            ("object diameter (px)", self.diameter_row, TOOLTIP),
            ("device", self.device_box, "Where the network runs; auto takes the fastest there is."),
        )
        for text, box, tooltip in rows:
            label = add_row(self._form, text, box, tooltip)
            label.setStyleSheet(LABEL_STYLE if box is self.image_box else "")
            if box is not self.diameter_row:  # its parts have their own
                box.setToolTip(tooltip)
        self._form.addRow(self.hint)

    def _on_image(self, layer: Layer | None) -> None:
        """Show the rows this image needs, with the likeliest choices."""
        axes = () if layer is None else channel_axes(layer)
        old = self.axis_box.currentData()
        self.axis_box.blockSignals(True)
        self.axis_box.clear()
        self.axis_box.addItem("one channel", NO_AXIS)
        for axis in axes:
            self.axis_box.addItem(f"along axis {axis} ({n_channels(layer, axis)})", axis)
        guess = None if layer is None else likely_channel_axis(layer, len(self.channel_names))
        self.axis_box.setCurrentIndex(max(self.axis_box.findData(old if guess is None else guess), 0))
        self.axis_box.blockSignals(False)
        self._on_axis()

    def _on_axis(self) -> None:
        layer, axis = self.image(), self.axis_box.currentData()
        chosen = layer is not None and axis not in (None, NO_AXIS)
        if chosen:
            self.channel_picker.offer(n_channels(layer, axis), self.channel_names)
        count = 1 if layer is None else n_planes(layer, axis if chosen else None)
        planes = self.planes_box.currentData()
        self.planes_box.blockSignals(True)
        self.planes_box.clear()
        self.planes_box.addItem(f"all {count} planes", "all")
        self.planes_box.addItem("current plane", "current")
        self.planes_box.setCurrentIndex(max(self.planes_box.findData(planes), 0))
        self.planes_box.blockSignals(False)
        self._form.setRowVisible(self.axis_box, self.axis_box.count() > 1)
        self._form.setRowVisible(self.channel_picker, chosen)
        self._form.setRowVisible(self.planes_box, count > 1)
        self._form.setRowVisible(self.area_box, is_slide(layer, axis if chosen else None))
        self._show_hint(layer)
        self._on_change()

    def _show_hint(self, layer: Layer | None) -> None:
        colour = isinstance(layer, Image) and layer.rgb
        self.hint.setText("Colour image: this model reads its luminance." if colour and self._reads_one else "")
        self._form.setRowVisible(self.hint, bool(self.hint.text()))

    @property
    def _reads_one(self) -> bool:
        return len(self.channel_names) == 1

    def _on_change(self) -> None:
        self.valueChanged.emit()
