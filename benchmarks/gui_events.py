"""The plugin's own longest time in one event of the window, while segmenting and while a slider moves.

xvfb-run -s "-screen 0 1600x1000x24" python benchmarks/gui_events.py --size 1024

Every method of the docks and what they use is timed when it runs in the window's thread; calls within one event are
added up. The time that napari needs to create layers is listed apart, as it is for any plugin.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import inspect
import pkgutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import napari
from napari.components import LayerList
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication
from results import parse

from napari_wnet import ui
from napari_wnet.ui.commands import open_dock
from scenes import repeated_sample

MOVES = 25
MAX_WAIT_S = 300


@dataclass
class Stopwatch:
    """Adds up the time of outermost calls, event by event.

    Attributes
    ----------
    events : list of (float, float, str)
        Seconds on the clock and of the processor, and the first method, for each event that called any.
    created : list of float
        Seconds that napari took to create layers.
    """

    events: list[tuple[float, float, str]] = field(default_factory=list)
    created: list[float] = field(default_factory=list)
    depth: int = 0
    own: list[float] = field(default_factory=lambda: [0.0, 0.0])
    name: str = ""

    def wrapped(self, method: FunctionType) -> Callable[..., Any]:
        """Return the method, timed where it is the outermost one in the main thread."""

        code = method.__code__
        # Qt passes a slot as many values as it takes; this one seems to take any number.
        taken = None if code.co_flags & inspect.CO_VARARGS else code.co_argcount

        @functools.wraps(method)
        def call(*values: Any, **kwargs: Any) -> Any:
            args = values[:taken]
            if self.depth or threading.current_thread() is not threading.main_thread():
                return method(*args, **kwargs)
            self.depth += 1
            self.name = self.name or method.__qualname__
            began, processor = time.perf_counter(), time.thread_time()
            try:
                return method(*args, **kwargs)
            finally:
                self.depth -= 1
                self.own[0] += time.perf_counter() - began
                self.own[1] += time.thread_time() - processor

        return call

    @contextlib.contextmanager
    def creating(self) -> Iterator[None]:
        """Count the block as napari's."""
        began, processor = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            seconds = time.perf_counter() - began
            self.created.append(seconds)
            if self.depth:
                self.own[0] -= seconds
                self.own[1] -= time.thread_time() - processor

    def end_of_event(self) -> None:
        """Note what the plugin did in the event before."""
        if self.name:
            self.events.append((*self.own, self.name))  # type: ignore[arg-type]
        self.own, self.name = [0.0, 0.0], ""


class EventFilter(QObject):
    """Tells the stopwatch when an event begins that is not caused by the plugin's own code."""

    def __init__(self, watch: Stopwatch) -> None:
        super().__init__()
        self.watch = watch

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Let every event pass."""
        if not self.watch.depth:
            self.watch.end_of_event()
        return False


def instrument(watch: Stopwatch) -> None:
    """Time all methods of the plugin's classes, and napari's creation of layers."""
    for info in pkgutil.iter_modules(ui.__path__):
        module = importlib.import_module(f"napari_wnet.ui.{info.name}")
        for cls in vars(module).values():
            if not inspect.isclass(cls) or cls.__module__ != module.__name__:
                continue
            for name, member in list(vars(cls).items()):
                if inspect.isfunction(member) and not inspect.isgeneratorfunction(member):
                    setattr(cls, name, watch.wrapped(member))
    insert = LayerList.insert

    def timed_insert(self: LayerList, index: int, value: Any) -> None:
        with watch.creating():
            insert(self, index, value)

    LayerList.insert = timed_insert


def wait_until(done: Callable[[], bool]) -> None:
    """Let the window work until something has happened."""
    began = time.monotonic()
    while not done():
        QApplication.processEvents()
        time.sleep(0.002)
        if time.monotonic() - began > MAX_WAIT_S:
            raise TimeoutError("The dock did not get there.")


def main() -> None:
    """Run, run again and move a slider; print the longest events of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024)
    given, results = parse(parser)
    watch = Stopwatch()
    instrument(watch)
    viewer = napari.Viewer(show_welcome_screen=False)
    filter_ = EventFilter(watch)
    QApplication.instance().installEventFilter(filter_)
    viewer.add_image(repeated_sample(given.size), name="nuclei")
    dock = open_dock(viewer)
    wait_until(lambda: dock.ready)

    def report(what: str) -> None:
        watch.end_of_event()
        longest = sorted(watch.events, reverse=True)[:3]
        if longest:
            results.add("the plugin's longest event", "ms", 1000 * longest[0][0], meanwhile=what, size=given.size)
        print(f"{what}: {len(watch.events)} events of ours, longest on the clock (of the processor)")
        for clock, processor, name in longest:
            print(f"  {1000 * clock:6.1f} ms ({1000 * processor:.1f} ms)  {name}")
        if watch.created:
            print(f"  napari creating {len(watch.created)} layers: {1000 * sum(watch.created):.0f} ms, apart")
        watch.events.clear()
        watch.created.clear()

    report("opening")
    for what in ("first run", "run again"):
        dock.run_button.click()
        wait_until(lambda: not dock.segmenter.busy)
        wait_until(lambda: not dock.segmenter.tuning)
        report(what)
    slider = dock.form.editor("clustering__seed_threshold").parts[0]
    for move in range(MOVES):
        slider.value = 0.3 + 0.4 * move / MOVES
        wait_until(lambda: not dock.segmenter.tuning)
    report(f"{MOVES} moves of a slider")
    results.write()
    viewer.close()


if __name__ == "__main__":
    main()
