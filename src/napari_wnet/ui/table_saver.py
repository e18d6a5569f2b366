"""The button that saves tables: which one, where to, and never over something unasked."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QMenu, QMessageBox, QPushButton, QWidget

from napari_wnet.errors import WNetError
from napari_wnet.io.tables import ENDINGS, write_table
from napari_wnet.reports import Progress
from napari_wnet.ui.measure_work import Tables
from napari_wnet.ui.runner import Runner

if TYPE_CHECKING:
    from pandas import DataFrame

FILTERS = "CSV (*.csv);;Parquet (*.parquet)"
CHOICES: tuple[tuple[str, str, Callable[[Tables], Any]], ...] = (
    ("Objects...", "objects", lambda tables: tables.objects),
    ("Traits of the image...", "traits", lambda tables: tables.traits),
    ("Growth from frame to frame...", "growth", lambda tables: tables.frames),
    ("Growth of each object...", "object_growth", lambda tables: tables.object_growth),
)


class TableSaver(QPushButton):
    """Saves what was measured.

    Attributes
    ----------
    said : Signal(str, str, str)
    """

    said = Signal(str, str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Save table...", parent)
        self.setToolTip("As CSV or Parquet: all columns with all their digits, units in the names.")
        self._tables: Tables | None = None
        self._name = ""
        self._path = Path()
        self.runner = Runner(self)
        self.runner.returned.connect(self._on_saved)
        self.runner.failed.connect(lambda error: self.said.emit(str(error), "error", str(error)))
        menu = QMenu(self)
        self.actions_ = {kind: menu.addAction(text) for text, kind, _ in CHOICES}
        for kind, action in self.actions_.items():
            action.triggered.connect(lambda _=False, kind=kind: self.save(kind))
        self.setMenu(menu)
        self.setTables(None, "")

    def setTables(self, tables: Tables | None, name: str) -> None:  # noqa: N802
        """Offer other tables, of a layer of this name."""
        self._tables, self._name = tables, name
        self.setEnabled(tables is not None)
        for _, kind, table in CHOICES:
            self.actions_[kind].setEnabled(tables is not None and table(tables) is not None)

    def save(self, kind: str) -> None:
        """Ask where to, and save a table there."""
        table = None if self._tables is None else next(get for _, name, get in CHOICES if name == kind)(self._tables)
        path = None if table is None else self._ask(kind)
        if table is None or path is None:
            return
        try:
            self.runner.start(_save_steps(path, table))
        except WNetError as error:
            self.said.emit(str(error), "warning", "")

    def _ask(self, kind: str) -> Path | None:
        start = self._path.parent / f"{self._name} {kind}.csv".replace(" ", "_").replace("/", "_")
        # Whether a file may be replaced is asked below, as its ending is known only then.
        options = QFileDialog.Option.DontConfirmOverwrite
        name, chosen = QFileDialog.getSaveFileName(self, "Save table", str(start), FILTERS, options=options)
        if not name:
            return None
        path = Path(name)
        if path.suffix.lower() not in ENDINGS:
            path = path.with_name(path.name + (ENDINGS[1] if "parquet" in chosen else ENDINGS[0]))
        self._path = path
        if path.exists():
            answer = QMessageBox.question(self, "Save table", f"{path.name} is there already. Replace it?")
            if answer != QMessageBox.StandardButton.Yes:
                return None
        return path

    def _on_saved(self, path: Path) -> None:
        self.said.emit(f"Saved {path}.", "info", "")


def _save_steps(path: Path, table: DataFrame) -> Generator[Progress, None, Path]:
    yield Progress(done=0, total=0, what="saving")
    write_table(path, table, overwrite=True)  # the user was asked
    return path
