"""Work in a process of its own is driven, and cancelled, like any other."""

from __future__ import annotations

import process_stand_ins as work
from napari_wnet.errors import ImageError
from napari_wnet.process import in_process
from napari_wnet.ui.runner import Runner


def test_a_process_reports_through_the_runner(qtbot):
    runner, reports = Runner(), []
    runner.progressed.connect(reports.append)
    with qtbot.waitSignal(runner.returned, timeout=60_000) as returned:
        runner.start(in_process(work.counting, 3))
    assert returned.args == ["done"]
    assert [report.done for report in reports if report is not None] == [0, 1, 2]


def test_an_error_in_a_process_reaches_the_user(qtbot):
    runner = Runner()
    with qtbot.waitSignal(runner.failed, timeout=60_000) as failed:
        runner.start(in_process(work.raising, "ImageError", "It has no pixels."))
    assert isinstance(failed.args[0], ImageError)
    assert str(failed.args[0]) == "It has no pixels."


def test_busy_work_in_a_process_can_be_cancelled(qtbot, tmp_path):
    runner, reports = Runner(), []
    runner.progressed.connect(reports.append)
    runner.start(in_process(work.careful_and_busy, str(tmp_path / "closed")))
    qtbot.waitUntil(lambda: any(reports), timeout=60_000)
    with qtbot.waitSignal(runner.cancelled, timeout=60_000):
        runner.cancel()
    assert (tmp_path / "closed").exists()
    assert runner.wait(60)
