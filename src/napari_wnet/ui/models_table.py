"""A table of models, and what one of them says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem, QWidget

from napari_wnet.ui.access import as_list

if TYPE_CHECKING:
    from napari_wnet.network.shelf import ShelvedModel

COLUMNS = ("name", "source", "MB", "Ø px", "SBD", "AP .5", "for")
NAME = 0
TIPS = (
    "What you choose in the other docks.",
    "Whether it comes with napari-wnet, or is one of your own.",
    "Size of the file.",
    "Typical diameter of an object, in pixels.",
    "Symmetric best Dice, 0 to 1: how well objects overlap with true ones.",
    "Average precision at an overlap of one half, 0 to 1: how many objects are found and right.",
    "What it was made for.",
)
SCORES = ("symmetric_best_dice", "average_precision_0.5")
SOURCES = {"package": "package", "user": "own"}
HIDDEN = "A model of your own has the same name, and is hidden by this one."
WIDTHS = (11.5, 7.5, 5, 5.5, 5.5, 6, 6)
"""In digits."""


class ModelTable(QTableWidget):
    """Lists models, sorted by any column.

    Attributes
    ----------
    chosen : Signal(str)
        Name of the model whose row is marked; empty: none is.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(COLUMNS), parent)
        self.setHorizontalHeaderLabels(COLUMNS)
        for column, tip in enumerate(TIPS):
            self.horizontalHeaderItem(column).setToolTip(tip)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setMinimumSectionSize(1)  # else no column is narrower than some
        header.setStretchLastSection(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        as_list(self, "models", WIDTHS)
        self.selectionModel().currentRowChanged.connect(self._on_row)

    def setModels(self, shelved: Sequence[ShelvedModel]) -> None:  # noqa: N802
        """List these models; the marked one stays marked where it is among them."""
        marked = self.name()
        self.blockSignals(True)
        self.setSortingEnabled(False)  # or each cell that is filled would move its row
        self.setRowCount(len(shelved))
        for row, one in enumerate(shelved):
            for column, cell in enumerate(_cells(one)):
                self.setItem(row, column, _Cell(*cell))
        self.setSortingEnabled(True)
        self.setCurrentIndex(QModelIndex())
        self.blockSignals(False)
        self.choose(marked)

    def choose(self, name: str) -> None:
        """Mark the row of a model, or the first if it has none."""
        rows = [row for row in range(self.rowCount()) if self.item(row, NAME).text() == name]
        self.setCurrentCell(rows[0] if rows else 0, NAME)
        self.chosen.emit(self.name())

    def name(self) -> str:
        """Return the name in the row that is marked; empty: none is."""
        item = self.item(self.currentRow(), NAME)
        return "" if item is None else item.text()

    def _on_row(self, current: QModelIndex, previous: QModelIndex) -> None:
        if current.isValid() and not self.signalsBlocked():
            self.chosen.emit(self.name())


def card_html(shelved: ShelvedModel) -> str:
    """Return what is known of a model, as rich text; whatever is in the file is shown as text."""
    # By now torch has been imported, to list the models.
    from napari_wnet.network.card import card
    from napari_wnet.network.measured import told

    entry, header, measured = shelved.entry, shelved.header, shelved.measured
    facts = {"name": entry.name, "for": entry.description, "licence": entry.licence or "-"}
    if shelved.hidden is not None:
        facts = {"hidden": f"{HIDDEN} Rename it here, then it can be chosen: {shelved.hidden}"} | facts
    lists: set[str] = set()
    if measured is not None:
        facts |= told(measured)
        lists |= {one.title for one in measured.sets}
    facts |= {
        "file": str(shelved.path),
        "size": f"{entry.size / 1e6:.1f} MB ({entry.size} bytes)",
        "SHA-256": entry.sha256 or "-",
    }
    if header is not None:
        said = card(header)
        lists |= set(header.scores)
        facts |= {"name in its file": said["name"]} if said["name"] not in ("", entry.name) else {}
        facts |= {name: meaning for name, meaning in said.items() if name not in ("name", "description", "licence")}
    elif entry.source == "package":
        facts["note"] = "not on this machine yet; 'Fetch all' brings it here"
    return f"<table>{''.join(_line(name, meaning, name in lists) for name, meaning in facts.items())}</table>"


def _line(name: str, meaning: str, is_list: bool) -> str:
    """Return a row of the card; scores come one below the other."""
    told = escape(meaning.replace("_", " ")).replace(", ", "<br>") if is_list else escape(meaning)
    return f'<tr><td width="25%"><b>{escape(name.replace("_", " "))}</b></td><td>{told}</td></tr>'


def _cells(shelved: ShelvedModel) -> list[tuple[str, float | None, str]]:
    """Return text, number and tooltip of each cell of a row."""
    entry, unknown = shelved.entry, "The file does not say."
    cells: list[tuple[str, float | None, str]] = [
        (entry.name, None, f"{entry.name}: {entry.description}"),
        _source(shelved),
        (f"{entry.size / 1e6:.1f}", entry.size, f"{entry.size} bytes"),
        (f"{shelved.diameter:.0f}" if shelved.diameter else "", shelved.diameter, "" if shelved.diameter else unknown),
    ]
    for name in SCORES:
        score, part = shelved.score(name) or (-1.0, "")
        cells.append((f"{score:.2f}" if part else "", score, f"On {part}." if part else unknown))
    return [*cells, (entry.description, None, entry.description)]


def _source(shelved: ShelvedModel) -> tuple[str, None, str]:
    if shelved.hidden is None:
        return SOURCES[shelved.entry.source], None, str(shelved.path)
    return f"\N{WARNING SIGN} {SOURCES['package']}", None, f"{HIDDEN}\n{shelved.hidden}"


class _Cell(QTableWidgetItem):
    """A cell that is sorted by its number, if it has one."""

    def __init__(self, text: str, number: float | None, tip: str) -> None:
        super().__init__(text)
        self.number = number
        self.setToolTip(tip)
        if number is not None:
            self.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def __lt__(self, other: QTableWidgetItem) -> bool:
        if self.number is None or other.number is None:
            return self.text().casefold() < other.text().casefold()
        return self.number < other.number
