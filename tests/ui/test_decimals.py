"""Numbers mean what was typed where decimals have a comma, as in German and French."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from qtpy.QtCore import QLocale
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDoubleSpinBox

from napari_wnet.params import SegmentParams
from napari_wnet.ui.decimals import with_point
from napari_wnet.ui.diameter_row import DiameterRow
from napari_wnet.ui.editors import FieldEditor
from napari_wnet.ui.form import ParamsForm
from napari_wnet.ui.growth_page import GrowthPage
from napari_wnet.ui.pixel_size import PixelSizeBox

LANGUAGES = ["de_DE", "fr_FR", "de_CH", "en_US", "C"]


@pytest.fixture(params=LANGUAGES, autouse=True)
def language(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale(request.param))
    yield
    QLocale.setDefault(before)


def typed(box: QDoubleSpinBox, text: str) -> float:
    box.selectAll()
    QTest.keyClicks(box, text)
    box.interpretText()
    return box.value()


def boxes(widget) -> list[QDoubleSpinBox]:
    """Return the boxes that a person can type into: those within sliders and menus are hidden."""
    found = widget.findChildren(QDoubleSpinBox)
    if isinstance(widget, GrowthPage):
        found = [widget.interval_box]
    elif isinstance(widget, ParamsForm):
        last = [editor.parts[-1].native for editor in widget.findChildren(FieldEditor)]
        found = [box for box in last if isinstance(box, QDoubleSpinBox) and box.decimals()]
    assert found
    return found


@pytest.fixture(params=[PixelSizeBox, DiameterRow, GrowthPage, lambda: ParamsForm(SegmentParams)])
def widget(request, qtbot):
    made = request.param()
    qtbot.addWidget(made)
    if isinstance(made, DiameterRow):
        made.setKnown(30.0)
    if isinstance(made, GrowthPage):
        made.unit_box.setCurrentText("h")
    return made


def test_a_comma_and_a_point_are_the_same(widget):
    for box in boxes(widget):
        box.setEnabled(True)
        value = round((2 * box.minimum() + min(box.maximum(), box.minimum() + 10)) / 3, 1) or 0.5
        for text in (f"{value}", f"{value}".replace(".", ",")):
            box.setValue(box.minimum())
            assert typed(box, text) == pytest.approx(value), text


def test_leaving_a_box_changes_nothing(widget):
    for box in boxes(widget):
        box.setValue(box.minimum() + 0.7)
        before = box.value()
        box.interpretText()
        assert box.value() == before


def test_a_text_with_a_comma_that_is_pasted_is_not_taken_for_another_number(qtbot):
    box = with_point(QDoubleSpinBox())
    qtbot.addWidget(box)
    box.setRange(0, 100)
    box.setValue(3.0)
    QApplication.clipboard().setText("0,5")
    box.selectAll()
    box.lineEdit().paste()
    box.interpretText()
    assert box.value() == 3.0
