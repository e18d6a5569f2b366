"""The Batch dock: a folder of images becomes labels and tables, to be looked through and corrected here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QMessageBox, QPushButton, QWidget

from napari_wnet.errors import WNetError
from napari_wnet.ui.as_text import batch_code, batch_command
from napari_wnet.ui.batch_form import BatchForm
from napari_wnet.ui.batch_settings import BatchSettings, in_the_dock
from napari_wnet.ui.batch_table import FAILED, FileTable
from napari_wnet.ui.batch_work import batch_threads
from napari_wnet.ui.batcher import Batcher
from napari_wnet.ui.colours import RUN_STYLE
from napari_wnet.ui.copy_row import CopyRow, copy_text
from napari_wnet.ui.dock import Dock, named_bar, set_bar
from napari_wnet.ui.keyboard import enable
from napari_wnet.ui.opening import Opened
from napari_wnet.ui.review_row import ReviewRow
from napari_wnet.ui.reviewer import Reviewer
from napari_wnet.ui.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_wnet.batch.job import FileResult

READY = "Choose a folder of images, or drop one here. Double-click a file below to look at it."


class BatchWidget(Dock):
    """Segments the images of a folder, and walks through the results.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    LEAST_WIDTH = 350

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, 2, parent)
        self.batcher, self.reviewer = Batcher(self._viewer, self), Reviewer(self._viewer, self)
        self.form, self.table = BatchForm(), FileTable(self.batcher.files)
        self.start_button, self.pause_button = QPushButton("Start"), QPushButton("Pause")
        self.cancel_button, self.retry_button = QPushButton("Cancel"), QPushButton("Retry failed")
        self.report_button, self.failed_box = QPushButton("Open report"), QCheckBox("failed only")
        self.progress_bar = named_bar()
        self.review_row = ReviewRow(self.reviewer)
        self.copy_row = CopyRow()
        self._listed: tuple[object, ...] = ("", "*", False, "", "")
        self._lay_out()
        self._connect()
        self._show_busy(False)
        self.status.say(READY)
        self.batcher.load_catalog()

    def value(self) -> BatchSettings:
        """Return the dock's settings."""
        return self.form.value()

    def setValue(self, settings: BatchSettings) -> None:  # noqa: N802
        """Make these settings."""
        self.form.setValue(settings)

    def close_down(self) -> None:
        """Stop what runs and let go of the layers."""
        self.batcher.close()
        self.reviewer.close()

    def start(self) -> None:
        """Segment the folder, or go on with it."""
        self._begin(self.batcher.start)

    def retry(self) -> None:
        """Segment what failed once more."""
        self._begin(self.batcher.retry)

    def open_place(self, place: int) -> None:
        """Show the file at a place of the table, once it is clear what becomes of edits of the one before."""
        if not 0 <= place < self.batcher.files.rowCount():
            return
        item = self.batcher.files.row(place).item
        axes = self.value().axes or None
        self.review_row.leave(lambda: self.reviewer.open(item, self.batcher.out, axes))

    def step(self, by: int) -> None:
        """Show the next file, or the one before, as they stand in the table."""
        opened = self.reviewer.opened
        place = None if opened is None else self.batcher.files.place(opened.item.path)
        if place is None:  # none is open, or it is not listed any more: then from the row that is marked
            marked = self.table.currentIndex().row()
            place = marked if opened is None and marked >= 0 else marked + by
        else:
            place += by
        self.open_place(place)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Accept folders."""
        if self.form.isEnabled() and _dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Choose a folder that is dropped, or that of a file."""
        folder = _dropped(event)
        if folder is not None:
            self.form.folder_edit.setValue(str(folder))
            event.acceptProposedAction()

    def _lay_out(self) -> None:
        buttons, below = QHBoxLayout(), QHBoxLayout()
        for button, stretch in ((self.start_button, 3), (self.pause_button, 1), (self.cancel_button, 1)):
            buttons.addWidget(button, stretch)
        below.addWidget(self.failed_box)
        below.addStretch(1)
        below.addWidget(self.retry_button)
        below.addWidget(self.report_button)
        layout = self.page()
        layout.addWidget(self.form)
        layout.addLayout(buttons)
        layout.addWidget(self.progress_bar)
        layout.addWidget(self.status)
        layout.addWidget(self.table, 1)
        layout.addLayout(below)
        layout.addWidget(self.review_row)
        layout.addWidget(self.copy_row)
        self.set_keys(self.start_button, self.cancel_button)
        self.setAcceptDrops(True)
        self.start_button.setStyleSheet(RUN_STYLE)
        self.start_button.setToolTip("Segment the images, in the background; finished ones are skipped.")
        self.pause_button.setToolTip("Begin no other image until you press Resume.")
        self.cancel_button.setToolTip("End now; what is finished stays, and Start goes on from there.")
        self.retry_button.setToolTip("Segment only the files that failed, once more.")
        self.report_button.setToolTip("Open the page on all images in your browser.")
        self.failed_box.setToolTip("List only the files that failed.")

    def _connect(self) -> None:
        self.left.connect(self.close_down)
        self.form.valueChanged.connect(self._on_settings)
        self.start_button.clicked.connect(self.start)
        self.pause_button.clicked.connect(self._on_pause)
        self.cancel_button.clicked.connect(self.batcher.cancel)
        self.retry_button.clicked.connect(self.retry)
        self.report_button.clicked.connect(self._open_report)
        self.failed_box.toggled.connect(self._on_failed_only)
        self.table.opened.connect(self.open_place)
        self.table.chosen.connect(self._on_chosen)
        self.review_row.stepped.connect(self.step)
        self.reviewer.shown.connect(self._on_shown)
        self.reviewer.saved.connect(self._on_saved)
        self.reviewer.changed.connect(self._show_buttons)
        self.batcher.catalogLoaded.connect(self.form.setCatalog)
        self.batcher.adopted.connect(self.form.model_box.setValue)
        self.batcher.modelsChanged.connect(self.form.model_box.setNews)
        self.batcher.chosenChanged.connect(self._follow)
        self.batcher.moved.connect(self._show_tally)
        self.batcher.busyChanged.connect(self._show_busy)
        self.batcher.asked.connect(self._on_asked)
        self.batcher.files.modelReset.connect(self._show_buttons)
        self.copy_row.command_button.clicked.connect(self._copy_command)
        self.copy_row.code_button.clicked.connect(self._copy_code)
        for speaker in (self.batcher, self.reviewer):
            speaker.said.connect(self.status.say)

    def _begin(self, begin: Callable[[BatchSettings], None]) -> None:
        try:
            begin(self.value())
        except WNetError as error:
            text = in_the_dock(str(error))
            self.status.say(text, "error", text)

    def _on_asked(self, n_corrected: int) -> None:
        if self.may_replace(n_corrected):
            self._begin(lambda settings: self.batcher.start(settings, sure=True))

    def may_replace(self, n_corrected: int) -> bool:
        """Ask whether labels that were corrected by hand are to be replaced too."""
        files = "1 file was" if n_corrected == 1 else f"{n_corrected} files were"
        text = f"The labels of {files} corrected by hand. Segment everything anew, and lose the corrections?"
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        return QMessageBox.question(self, "Corrected labels", text, yes | no, no) == yes

    def _copy_command(self) -> None:
        copy_text(lambda: self._as_text(batch_command), self.status)

    def _copy_code(self) -> None:
        copy_text(lambda: self._as_text(batch_code), self.status)

    def _as_text(self, make: Callable[..., str]) -> str:
        order = self.batcher.order(self.value())
        order.check()
        return make(order, batch_threads(order.settings))

    def _on_settings(self, settings: BatchSettings) -> None:
        listed = settings.folder, settings.pattern, settings.recursive, settings.out, settings.foreground
        if listed != self._listed and settings.folder:
            self._listed = listed
            self.batcher.list_files(settings)
        self._follow()
        self._show_buttons()

    def _follow(self) -> None:
        self.form.follow(self.batcher.chosen_model())

    def _on_pause(self) -> None:
        self.batcher.pause(not self.batcher.paused)
        self.pause_button.setText("Resume" if self.batcher.paused else "Pause")

    def _on_failed_only(self, only: bool) -> None:
        self.batcher.files.showFailedOnly(only)
        if self.reviewer.opened is not None:
            self._mark(self.reviewer.opened.item.path)

    def _on_chosen(self, place: int) -> None:
        row = self.batcher.files.row(place)
        if row.why and not self.batcher.busy:  # the column is too narrow for it
            self.status.say(in_the_dock(row.why), "error" if row.state == FAILED else "info")

    def _on_shown(self, opened: Opened) -> None:
        self._mark(opened.item.path)
        state = "labels to look at and correct" if opened.labels is not None else "no labels yet"
        self.status.say(in_the_dock(opened.note) or f"{opened.item.path.name}: {state}.")

    def _on_saved(self, result: FileResult) -> None:
        self.batcher.files.correct(result)

    def _mark(self, path: Path) -> None:
        place = self.batcher.files.place(path)
        if place is not None:
            self.table.show_place(place)

    def _open_report(self) -> None:
        outcome = self.batcher.outcome
        if outcome is not None and outcome.report is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(outcome.report.absolute())))

    def _show_tally(self, tally: Tally) -> None:
        set_bar(self.progress_bar, tally.done, tally.total, str(tally))
        self.retry_button.setEnabled(False)

    def _show_busy(self, busy: bool) -> None:
        self.pause_button.setText("Pause")
        if busy:
            set_bar(self.progress_bar, 0, 0)
        elif not self.batcher.tally.total:
            set_bar(self.progress_bar, 0, 1)
        self._show_buttons()

    def _show_buttons(self) -> None:
        busy, outcome = self.batcher.busy, self.batcher.outcome
        ready = not busy and bool(self.form.folder_edit.value()) and not self.reviewer.saving
        states = {
            self.start_button: ready,
            self.form: not busy,
            self.cancel_button: busy,
            self.pause_button: busy,
            self.retry_button: not busy and bool(self.batcher.files.failed()),
            self.report_button: not busy and outcome is not None and outcome.report is not None,
        }
        enable(states)


def _dropped(event: QDropEvent) -> Path | None:
    """Return the folder that is being dropped, or that of a file."""
    urls = event.mimeData().urls()
    path = Path(urls[0].toLocalFile()) if urls and urls[0].isLocalFile() else None
    if path is None or path.is_dir():
        return path
    return path.parent if path.is_file() else None
