"""A form that edits one value of a Params class, built from its declarations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_wnet.errors import ParamsError
from napari_wnet.fields import FieldInfo, Params
from napari_wnet.ui.editors import FieldEditor, label_for
from napari_wnet.ui.section import Section

LABEL_STYLE = "QLabel { min-width: 9.2em; }"
"""One width for the labels of all forms, so that the editors of a dock stand in one column."""
Entry = tuple[str, FieldInfo]
"""A field and its path, such as ``clustering__angle``."""


class ParamsForm(QWidget):
    """Edits one value of a parameter class: ``value()``, ``setValue()``, ``valueChanged``.

    The value itself is kept, not read back from the widgets: what they cannot show exactly is not lost. A field that is
    declared to be ``"only_for"`` some methods is hidden, and keeps its value, while its group's ``method`` is another.

    Parameters
    ----------
    kind : type of Params
        Whose fields are edited; groups become sections that fold away.
    shown : sequence of str
        Paths of groups or fields that stand openly at the top; the rest folds away under "Advanced".
        Empty: everything is shown, each group in a section of its own.
    but : sequence of str
        Paths of fields that are edited elsewhere.

    Attributes
    ----------
    valueChanged : Signal(Params)
        Emitted for each edit that gives a valid value, and by :meth:`setValue` when the value differs.
    """

    valueChanged = Signal(object)  # noqa: N815

    def __init__(
        self,
        kind: type[Params],
        *,
        shown: Sequence[str] = (),
        but: Sequence[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._kind = kind
        self._value = self._default = kind()
        self._editors: dict[str, FieldEditor] = {}
        self._labels: dict[str, QLabel] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        entries = [entry for entry in _entries(kind) if entry[0] not in but]
        top = [entry for entry in entries if not shown or _is_under(entry[0], shown)]
        if shown:
            layout.addWidget(self._grid(top))
            layout.addWidget(Section("Advanced", self._groups([e for e in entries if e not in top], fold=False)))
        else:
            layout.addWidget(self._groups(top, fold=True))
        layout.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._show(self._value)

    def value(self) -> Any:
        """Return the parameters as they stand."""
        return self._value

    def setValue(self, value: Params) -> None:  # noqa: N802
        """Show other parameters.

        Raises
        ------
        ParamsError
            If `value` is of another class.
        """
        if not isinstance(value, self._kind):
            raise ParamsError(f"This form edits {self._kind.__name__}, not {type(value).__name__}.")
        changed = value != self._value
        self._value = value
        self._show(value)
        if changed:
            self.valueChanged.emit(value)

    def setDefault(self, value: Params) -> None:  # noqa: N802
        """Choose what :meth:`reset` goes back to."""
        self._default = value

    def default(self) -> Any:
        """Return what :meth:`reset` goes back to."""
        return self._default

    def reset(self) -> None:
        """Go back to the defaults."""
        self.setValue(self._default)

    def editor(self, path: str) -> FieldEditor:
        """Return the editor of a field, such as ``clustering__angle``."""
        return self._editors[path]

    def _show(self, value: Params) -> None:
        for path, editor in self._editors.items():
            editor.display(_get(value, path))
        self._hide_unused()

    def _hide_unused(self) -> None:
        for path, editor in self._editors.items():
            methods = editor.info.options.get("only_for")
            if methods is not None:
                group = _group(path)
                method = _get(self._value, f"{group}__method" if group else "method")
                for part in (self._labels[path], editor):
                    part.setHidden(method not in methods)

    def _on_edited(self, content: object) -> None:
        editor = self.sender()
        path = next(path for path, known in self._editors.items() if known is editor)
        try:
            value = self._value.replace(**{path: content})
        except ParamsError as error:
            self._editors[path].mark(str(error))
            return
        self._editors[path].mark(None)
        if value != self._value:
            self._value = value
            self._hide_unused()
            self.valueChanged.emit(value)

    def _grid(self, entries: Sequence[Entry]) -> QWidget:
        body = QWidget()
        grid = QGridLayout(body)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        grid.setHorizontalSpacing(8)
        grid.setColumnStretch(1, 1)
        for row, (path, info) in enumerate(entries):
            editor = self._editors[path] = FieldEditor(info)
            editor.edited.connect(self._on_edited)
            label = self._labels[path] = label_for(editor)
            label.setStyleSheet("" if row else LABEL_STYLE)
            grid.addWidget(label, row, 0)
            grid.addWidget(editor, row, 1)
        return body

    def _groups(self, entries: Sequence[Entry], *, fold: bool) -> QWidget:
        """Lay fields out group by group; the groups fold, or just have a heading."""
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for group in dict.fromkeys(_group(path) for path, _ in entries):
            grid = self._grid([entry for entry in entries if _group(entry[0]) == group])
            title = group.replace("__", " ").replace("_", " ").capitalize()
            if group and fold:
                layout.addWidget(Section(title, grid, opened=True))
                continue
            if group:
                layout.addWidget(QLabel(f"<b>{title}</b>"))
            layout.addWidget(grid)
        return body


def _entries(kind: type[Params], prefix: str = "") -> Iterator[Entry]:
    for info in kind.fields():
        path = prefix + info.name
        if info.nested:
            yield from _entries(info.kind, path + "__")
        else:
            yield path, info


def _group(path: str) -> str:
    return path.rpartition("__")[0]


def _is_under(path: str, shown: Sequence[str]) -> bool:
    return any(path == name or path.startswith(name + "__") for name in shown)


def _get(value: Any, path: str) -> Any:
    for name in path.split("__"):
        value = getattr(value, name)
    return value
