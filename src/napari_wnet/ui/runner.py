"""Long work beside the viewer: the one file that knows about threads.

A generator of reports runs in a thread of its own; its reports, its result, its error or its end arrive as signals
in the GUI thread. napari's ``thread_worker`` is not used: a generator that raises RuntimeError, which every torch
error is, leaves it running for ever, and quitting it does not close the generator.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from typing import Any, ClassVar

from qtpy.QtCore import QCoreApplication, QObject, Signal

from napari_wnet.errors import DeviceError, WNetError, lacks_memory

logger = logging.getLogger("napari_wnet")

Steps = Generator[Any, None, Any]
PATIENCE_S = 0.25
"""How long a thread waits at most for the window to show what it reported."""


class _Reports(QObject):
    """What a thread says; owned by Python alone, so that it outlives the window as long as the thread needs it."""

    progressed = Signal(object)
    returned = Signal(object)
    failed = Signal(object)
    cancelled = Signal()


class Runner(QObject):
    """Runs one generator at a time outside the GUI thread; a report of None only gives the chance to cancel.

    Attributes
    ----------
    progressed : Signal(object)
        Each value the generator yields.
    returned : Signal(object)
        What it returned.
    failed : Signal(WNetError)
        Why it stopped; any other exception has been logged and turned into a message for the user.
    cancelled : Signal()
        It was closed at the user's wish.
    finished : Signal()
        After any of the last three.
    """

    progressed = Signal(object)
    returned = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    finished = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._task: _Task | None = None
        self._thread: threading.Thread | None = None
        self._stops: set[threading.Event] = set()
        # A thread holds the process open, so it must learn when nobody waits for it any more.
        self.destroyed.connect(_End(self._stops).reach)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.cancel)

    @property
    def busy(self) -> bool:
        """Whether something runs, or its end has not been reported yet."""
        return self._task is not None

    def start(self, steps: Steps) -> None:
        """Run a generator; its signals arrive in the thread that called this.

        Raises
        ------
        WNetError
            If something is running already.
        """
        if self.busy:
            raise WNetError("This is still running; wait for it, or cancel it first.")
        task = self._task = _Task(steps)
        self._stops.clear()
        self._stops.add(task.stop)
        task.reports.progressed.connect(self._on_progressed)
        task.reports.returned.connect(self._on_returned)
        task.reports.failed.connect(self._on_failed)
        task.reports.cancelled.connect(self._on_cancelled)
        self._thread = threading.Thread(target=task.work, name="napari-wnet")
        self._thread.start()

    def cancel(self) -> None:
        """Ask the work to stop; it does when it next reports, and is closed there."""
        if self._task is not None:
            self._task.stop.set()

    def stop(self) -> None:
        """Ask the work to come to an end early and return what it has; it hears KeyboardInterrupt, once."""
        if self._task is not None:
            self._task.interrupt.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the thread, without its signals, and tell whether it has ended."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def _on_progressed(self, report: object) -> None:
        task = self._task
        if task is not None and not task.stop.is_set():  # the user who cancelled wants no more of it
            try:
                self.progressed.emit(report)
            finally:
                task.shown.set()

    def _on_returned(self, result: object) -> None:
        if self._task is not None and self._task.stop.is_set():
            self._on_cancelled()
            return
        self._task = None
        self.returned.emit(result)
        self.finished.emit()

    def _on_failed(self, error: object) -> None:
        self._task = None
        self.failed.emit(error)
        self.finished.emit()

    def _on_cancelled(self) -> None:
        self._task = None
        self.cancelled.emit()
        self.finished.emit()


class LatestRunner(Runner):
    """A runner for which only the newest work counts: what waits is replaced, what runs stops after its next report.

    That report still arrives: were it dropped, nothing would be seen until a slider comes to rest.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._next: Callable[[], Steps] | None = None
        self.finished.connect(self._start_next)

    def submit(self, make: Callable[[], Steps]) -> None:
        """Call `make` and run what it returns, as soon as the running work has stopped."""
        self._next = make
        if self._task is not None:
            self._task.superseded.set()
        else:
            self._start_next()

    def cancel(self) -> None:
        """Ask the work to stop, and forget what waits."""
        self._next = None
        super().cancel()

    def _start_next(self) -> None:
        make, self._next = self._next, None
        if make is None or self.busy:
            return
        try:
            steps = make()
        except WNetError as error:
            self.failed.emit(error)
        else:
            self.start(steps)


class _Task:
    """One generator on its way through a thread."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.stop = threading.Event()
        self.superseded = threading.Event()
        self.interrupt = threading.Event()
        self._interrupted = False
        self.shown = threading.Event()
        self.reports = _Reports()

    def work(self) -> None:
        """Run in the thread: drive the generator to its end and report which end it was."""
        try:
            while not self.stop.is_set():
                try:
                    report = self._advance()
                except StopIteration as end:
                    self.reports.returned.emit(end.value)
                    return
                if report is None:
                    continue  # only a chance to be cancelled
                self.shown.clear()
                self.reports.progressed.emit(report)
                # Python runs one thread at a time: while the window shows this, working on would only hold it up.
                self.shown.wait(PATIENCE_S)
                if self.superseded.is_set():
                    break
            self.steps.close()
            self.reports.cancelled.emit()
        except KeyboardInterrupt:  # whatever runs does not know how to end early
            self.reports.cancelled.emit()
        except Exception as error:  # noqa: BLE001 - whatever it is, the user must hear of it and the dock stay usable
            self.reports.failed.emit(explain(error))

    def _advance(self) -> Any:
        if self.interrupt.is_set() and not self._interrupted:
            self._interrupted = True
            return self.steps.throw(KeyboardInterrupt())
        return next(self.steps)


def explain(error: Exception) -> WNetError:
    """Turn any exception into one whose message a user can act on; what was not foreseen is logged in full."""
    if isinstance(error, WNetError):
        return error
    logger.error("Unexpected error", exc_info=error)
    if lacks_memory(error):
        return DeviceError(
            "There was not enough memory. Choose a smaller tile size (Advanced), another device or the current plane "
            "only, or close other programs."
        )
    return WNetError(
        f"Something unexpected went wrong ({type(error).__name__}: {error}). Try the device 'cpu' or another image; "
        "the full report is in the terminal that napari was started from."
    )


class _End:
    """Has threads stop when what waits for them is deleted.

    It is kept here until then: what only a signal holds may be collected before the signal comes, and PyQt then calls
    what is not there any more.
    """

    _kept: ClassVar[set[_End]] = set()

    def __init__(self, stops: set[threading.Event]) -> None:
        self._stops = stops
        self._kept.add(self)

    def reach(self) -> None:
        """Stop them."""
        self._kept.discard(self)
        for stop in self._stops:
            stop.set()
