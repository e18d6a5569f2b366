"""Work in a thread ends in exactly one of three ways, and each of them reaches the user."""

from __future__ import annotations

import gc
import threading
import time

import pytest
from qtpy.QtCore import QObject

from napari_wnet.errors import DeviceError, ImageError, WNetError
from napari_wnet.ui.runner import LatestRunner, Runner, _End, explain


class Log:
    """Writes down the signals of a runner."""

    def __init__(self, runner: Runner) -> None:
        self.entries: list[tuple[str, object]] = []
        runner.progressed.connect(self.progressed)
        runner.returned.connect(self.returned)
        runner.failed.connect(self.failed)
        runner.cancelled.connect(self.cancelled)
        runner.finished.connect(self.finished)

    def progressed(self, report: object) -> None:
        self.entries.append(("progressed", report))

    def returned(self, result: object) -> None:
        self.entries.append(("returned", result))

    def failed(self, error: object) -> None:
        self.entries.append(("failed", error))

    def cancelled(self) -> None:
        self.entries.append(("cancelled", None))

    def finished(self) -> None:
        self.entries.append(("finished", None))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.entries]


def counting(n, threads):
    for i in range(n):
        threads.append(threading.current_thread())
        yield i
    return n


def failing(error):
    yield 0
    raise error


def endless(entered, closed):
    try:
        while True:
            entered.set()
            yield
    finally:
        closed.set()


def test_reports_and_result_arrive_in_order_from_another_thread(qtbot):
    runner, threads = Runner(), []
    log = Log(runner)
    with qtbot.waitSignal(runner.finished):
        runner.start(counting(3, threads))
        assert runner.busy
    assert log.entries == [
        ("progressed", 0),
        ("progressed", 1),
        ("progressed", 2),
        ("returned", 3),
        ("finished", None),
    ]
    assert not runner.busy
    assert threading.main_thread() not in threads


def test_a_project_error_arrives_as_it_is(qtbot):
    runner, error = Runner(), ImageError("It has no pixels.")
    log = Log(runner)
    with qtbot.waitSignal(runner.finished):
        runner.start(failing(error))
    assert log.entries[1:] == [("failed", error), ("finished", None)]
    assert not runner.busy


@pytest.mark.parametrize("error", [RuntimeError("shape mismatch"), KeyError("x"), ZeroDivisionError()])
def test_an_unexpected_error_is_explained_and_logged(qtbot, caplog, error):
    runner = Runner()
    log = Log(runner)
    with qtbot.waitSignal(runner.finished):
        runner.start(failing(error))
    message = log.entries[1][1]
    assert isinstance(message, WNetError)
    assert type(error).__name__ in str(message)
    assert caplog.records[-1].exc_info[1] is error


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate"), RuntimeError("can't allocate memory")],
)
def test_lack_of_memory_names_the_remedy(caplog, error):
    explained = explain(error)
    assert isinstance(explained, DeviceError)
    assert "tile size" in str(explained)


def test_a_failure_leaves_the_runner_usable(qtbot, caplog):
    runner = Runner()
    with qtbot.waitSignal(runner.finished):
        runner.start(failing(RuntimeError("first")))
    with qtbot.waitSignal(runner.returned) as result:
        runner.start(counting(2, []))
    assert result.args == [2]


def test_cancel_closes_the_generator_and_silences_it(qtbot):
    runner, entered, gate, closed = Runner(), threading.Event(), threading.Event(), []

    def waiting():
        try:
            for i in range(1000):
                entered.set()
                gate.wait(10)
                yield i
        finally:
            closed.append(threading.current_thread())

    log = Log(runner)
    with qtbot.waitSignal(runner.finished):
        runner.start(waiting())
        assert entered.wait(10)
        runner.cancel()
        gate.set()
    assert log.names == ["cancelled", "finished"]
    assert closed
    assert closed[0] is not threading.main_thread()


def test_cancelled_on_its_last_step_is_cancelled(qtbot):
    runner, entered, gate = Runner(), threading.Event(), threading.Event()

    def last_step():
        entered.set()
        gate.wait(10)
        return 1
        yield

    log = Log(runner)
    with qtbot.waitSignal(runner.finished):
        runner.start(last_step())
        assert entered.wait(10)
        runner.cancel()
        gate.set()
    assert log.names == ["cancelled", "finished"]


def test_two_at_once_are_refused(qtbot):
    runner, gate = Runner(), threading.Event()

    def waiting():
        gate.wait(10)
        yield

    with qtbot.waitSignal(runner.finished):
        runner.start(waiting())
        with pytest.raises(WNetError, match="still running"):
            runner.start(waiting())
        gate.set()


def test_only_the_newest_work_is_run(qtbot):
    runner, entered, gate, started = LatestRunner(), threading.Event(), threading.Event(), []

    def work(name):
        started.append(name)
        entered.set()
        gate.wait(10)
        yield name
        yield name
        return name

    log = Log(runner)
    runner.submit(lambda: work("a"))
    assert entered.wait(10)
    runner.submit(lambda: work("b"))
    runner.submit(lambda: work("c"))
    with qtbot.waitSignal(runner.returned) as result:
        gate.set()
    assert result.args == ["c"]
    assert started == ["a", "c"]
    # The first report of the superseded work still counts, so that a moving slider shows something.
    assert [entry for name, entry in log.entries if name == "progressed"] == ["a", "c", "c"]


def test_work_that_cannot_be_made_is_reported(qtbot):
    runner = LatestRunner()

    def impossible():
        raise ImageError("No image.")

    with qtbot.waitSignal(runner.failed) as failed:
        runner.submit(impossible)
    assert str(failed.args[0]) == "No image."
    assert not runner.busy


def test_cancel_forgets_what_waits(qtbot):
    runner, entered, gate, started = LatestRunner(), threading.Event(), threading.Event(), []

    def work(name):
        started.append(name)
        entered.set()
        gate.wait(10)
        yield

    runner.submit(lambda: work("a"))
    assert entered.wait(10)
    runner.submit(lambda: work("b"))
    with qtbot.waitSignal(runner.cancelled):
        runner.cancel()
        gate.set()
    assert started == ["a"]
    assert not runner.busy


def test_the_thread_stops_when_its_window_is_gone(qtbot):
    window, closed = QObject(), threading.Event()
    runner = Runner(window)
    entered = threading.Event()

    runner.start(endless(entered, closed))
    assert entered.wait(10)
    window.deleteLater()
    qtbot.waitUntil(closed.is_set)
    assert runner.wait(10)


def test_the_thread_of_a_runner_that_nobody_holds_stops_when_its_window_is_gone(qtbot):
    window, closed, entered = QObject(), threading.Event(), threading.Event()

    gc.collect()  # of other tests' runners
    before = len(_End._kept)
    Runner(window).start(endless(entered, closed))
    assert entered.wait(10)
    for _ in range(3):
        gc.collect()
    assert len(_End._kept) == before + 1
    window.deleteLater()
    qtbot.waitUntil(closed.is_set)
    assert len(_End._kept) == before


def test_the_thread_rests_while_the_window_shows_a_report(qtbot):
    happened = []

    def steps():
        for number in range(3):
            happened.append(f"work {number}")
            yield number

    def show(number):
        time.sleep(0.05)
        happened.append(f"shown {number}")

    runner = Runner()
    runner.progressed.connect(show)
    with qtbot.waitSignal(runner.finished, timeout=5000):
        runner.start(steps())
    assert happened == [f"{what} {number}" for number in range(3) for what in ("work", "shown")]


def test_a_window_that_never_shows_a_report_does_not_stop_the_work(qtbot):
    done = []

    def steps():
        yield 1
        done.append(True)

    runner = Runner()
    runner.start(steps())
    assert runner.wait(5)  # without an event of the window in between
    assert done
    qtbot.waitUntil(lambda: not runner.busy, timeout=5000)
