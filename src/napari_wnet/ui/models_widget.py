"""The Models dock: which models there are, what is known of each, and those of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QMessageBox,
    QPushButton,
    QSplitter,
    QTextEdit,
    QWidget,
)

from napari_wnet.network.addition import Addition
from napari_wnet.reports import Progress
from napari_wnet.ui.add_model import AddModelDialog
from napari_wnet.ui.dock import Dock, named_bar, set_bar
from napari_wnet.ui.keyboard import enable
from napari_wnet.ui.librarian import Librarian
from napari_wnet.ui.models_table import ModelTable, card_html

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_wnet.network.shelf import ShelvedModel

READY = "Models listed here can be chosen in every dock. Add one that somebody has shared, or fine-tune your own."
NOT_OWN = "'{name}' comes with napari-wnet; only models of your own can be {what}."
MEGABYTE = 10**6


class ModelsWidget(Dock):
    """Lists models, and adds, renames and removes the user's own.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    LEAST_WIDTH = 400

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, 3, parent)
        self.librarian = Librarian(self._viewer, self)
        self.table, self.card = ModelTable(), QTextEdit()
        self.file_button, self.address_button = QPushButton("Add from file..."), QPushButton("Add from URL...")
        self.rename_button, self.remove_button = QPushButton("Rename..."), QPushButton("Remove...")
        self.path_button, self.hash_button = QPushButton("Copy path"), QPushButton("Copy SHA-256")
        self.fetch_button, self.cancel_button = QPushButton("Fetch all for offline use"), QPushButton("Cancel")
        self.progress_bar = named_bar()
        self._shelved: dict[str, ShelvedModel] = {}
        self._wanted = ""
        self._failed_address = Addition(source="")
        self._lay_out()
        self._connect()
        self._show_busy(False)
        self.status.say(READY)
        self.librarian.refresh()

    def close_down(self) -> None:
        """Stop what runs."""
        self.librarian.close()

    def chosen(self) -> ShelvedModel | None:
        """Return the model whose row is marked."""
        return self._shelved.get(self.table.name())

    def ask_file(self) -> str:
        """Ask for a model file; empty: none."""
        path, _ = QFileDialog.getOpenFileName(self, "Add a model", "", "W-Net models (*.safetensors);;All files (*)")
        return str(path)

    def ask_addition(self, addition: Addition) -> Addition | None:
        """Ask what else is known of a model; None: it is not to be added."""
        dialog = AddModelDialog(addition, self)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        value = dialog.value() if accepted else None
        dialog.deleteLater()
        return value

    def ask_name(self, name: str) -> str:
        """Ask for another name of a model; empty: it keeps its own."""
        new, accepted = QInputDialog.getText(self, "Rename a model", f"New name of '{name}':", text=name)
        return str(new).strip() if accepted else ""

    def may_remove(self, shelved: ShelvedModel) -> bool:
        """Ask whether the file of a model is to be deleted."""
        text = (
            f"Delete your model '{shelved.entry.name}' from this machine?\n\n{shelved.own}\n\n"
            "Results made with it stay as they are, but cannot be made again without this file."
        )
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        return QMessageBox.question(self, "Remove a model", text, yes | no, no) == yes

    def _lay_out(self) -> None:
        self.card.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.card.setAccessibleName("about the model")
        self.set_keys(cancel=self.cancel_button)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.addWidget(self.table)
        halves.addWidget(self.card)
        halves.setStretchFactor(0, 2)
        halves.setStretchFactor(1, 3)
        halves.setChildrenCollapsible(False)
        layout = self.page()
        layout.addLayout(_row(self.file_button, self.address_button))
        layout.addWidget(halves, 1)
        layout.addLayout(_row(self.rename_button, self.remove_button, self.path_button, self.hash_button))
        layout.addWidget(self.fetch_button)
        bar = QHBoxLayout()
        bar.addWidget(self.progress_bar, 3)
        bar.addWidget(self.cancel_button, 1)
        layout.addLayout(bar)
        layout.addWidget(self.status)
        self.file_button.setToolTip("Check a model file, and copy it to your own models.")
        self.address_button.setToolTip("Download a model, check it, and keep it among your own models.")
        self.path_button.setToolTip("Copy the place of the model's file, to share it or to use it in a script.")
        self.hash_button.setToolTip("Copy what tells this file from any other: send it along when you share the model.")
        self.fetch_button.setToolTip("Bring every model onto this machine, checked, for use without a network.")
        self.cancel_button.setToolTip("End now; nothing half is left.")

    def _connect(self) -> None:
        self.left.connect(self.close_down)
        self.fronted.connect(self._on_front)
        self.table.chosen.connect(self._on_chosen)
        self.file_button.clicked.connect(self._on_file)
        self.address_button.clicked.connect(self._on_address)
        self.rename_button.clicked.connect(self._on_rename)
        self.remove_button.clicked.connect(self._on_remove)
        self.path_button.clicked.connect(self._copy_path)
        self.hash_button.clicked.connect(self._copy_hash)
        self.fetch_button.clicked.connect(self.librarian.fetch_all)
        self.cancel_button.clicked.connect(self.librarian.cancel)
        self.librarian.listed.connect(self._on_listed)
        self.librarian.wanted.connect(self._on_wanted)
        self.librarian.progressed.connect(self._show_progress)
        self.librarian.busyChanged.connect(self._show_busy)
        self.librarian.said.connect(self.status.say)

    def _on_front(self, front: bool) -> None:
        if front:
            self.librarian.refresh()  # a command may have changed something meanwhile

    def _on_file(self) -> None:
        path = self.ask_file()
        if path:
            self._add(self.ask_addition(Addition(source=path)))

    def _on_address(self) -> None:
        addition = self.ask_addition(self._failed_address)
        if addition is not None and addition.is_address:
            self._failed_address = addition  # to be mended, not typed again, should it fail
        self._add(addition)

    def _add(self, addition: Addition | None) -> None:
        if addition is not None:
            self.librarian.add(addition)

    def _on_rename(self) -> None:
        shelved = self.chosen()
        new = "" if shelved is None else self.ask_name(shelved.entry.name)
        if shelved is not None and new and new != shelved.entry.name:
            self.librarian.rename(shelved.entry.name, new)

    def _on_remove(self) -> None:
        shelved = self.chosen()
        if shelved is not None and self.may_remove(shelved):
            self.librarian.remove(shelved.entry.name)

    def _copy_path(self) -> None:
        shelved = self.chosen()
        if shelved is not None:
            self._copy(str(shelved.path), "path")

    def _copy_hash(self) -> None:
        shelved = self.chosen()
        if shelved is not None:
            self._copy(shelved.entry.sha256, "SHA-256")

    def _copy(self, text: str, what: str) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(text)
        self.status.say(f"The {what} of '{self.table.name()}' is in the clipboard.")

    def _on_listed(self, shelved: tuple[ShelvedModel, ...]) -> None:
        self._shelved = {one.entry.name: one for one in shelved}
        self.table.setModels(shelved)
        if self._wanted:
            self.table.choose(self._wanted)
        self._wanted = ""

    def _on_wanted(self, name: str) -> None:
        self._wanted, self._failed_address = name, Addition(source="")

    def _on_chosen(self) -> None:
        shelved = self.chosen()
        self.card.setHtml("" if shelved is None else card_html(shelved))
        self._show_buttons()

    def _show_buttons(self) -> None:
        shelved, idle = self.chosen(), not self.librarian.busy
        own = shelved is not None and shelved.own is not None
        for button, what in ((self.rename_button, "renamed"), (self.remove_button, "removed")):
            refusal = NOT_OWN.format(name=self.table.name(), what=what) if shelved is not None and not own else ""
            button.setToolTip(refusal or f"Your own model is {what} on this machine; layers and results stay.")
        enable(
            {
                self.cancel_button: not idle,
                **dict.fromkeys((self.fetch_button, self.file_button, self.address_button), idle),
                **dict.fromkeys((self.rename_button, self.remove_button), own and idle),
                **dict.fromkeys((self.path_button, self.hash_button), shelved is not None),
            }
        )

    def _show_busy(self, busy: bool) -> None:
        set_bar(self.progress_bar, 0, 0 if busy else 1)
        self._show_buttons()

    def _show_progress(self, report: Progress) -> None:
        of = f" of {report.total / MEGABYTE:.1f}" if report.total else ""
        text = f"{report.what}, {report.done / MEGABYTE:.1f}{of} MB" if report.done else report.what
        set_bar(self.progress_bar, report.done, report.total, text)
        self.status.say(f"{text[:1].upper()}{text[1:]}...")


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget, 1)
    return row
