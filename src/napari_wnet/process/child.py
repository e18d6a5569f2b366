"""The side of the child: drive a generator, say what it reports, and end when told to or when nobody listens."""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Generator
from pathlib import Path
from typing import Any, NoReturn

from napari_wnet.errors import WNetError, lacks_memory
from napari_wnet.process.frames import decode, encode, read_parts, write_parts

REPORT, RESULT, INTERRUPTED, ERROR, NO_MEMORY, UNEXPECTED = "report", "result", "interrupted", "error", "memory", "?"
"""Kinds of message to the parent; each is sent as (kind, value)."""
STOP = "stop"
GRACE_S = 5.0
"""How long the child may take between two reports once nobody listens any more."""
LOOK_S = 1.0
"""How often to look whether the parent is still there: a process it forked may keep its end of the pipe open."""
FIRST_TO_GO = 500
"""Added to what the system reckons when memory has run out and it must end some process: this one before the viewer."""


class _Wishes:
    """What the parent asked for, heard by a thread beside the work."""

    def __init__(self, commands: io.FileIO, parent: int) -> None:
        self.stop = threading.Event()
        self.end = threading.Event()
        self._commands = commands
        self._parent = parent

    def listen(self) -> None:
        """Run in the thread until the parent closes the pipe or is gone; then make sure that the process ends."""
        with contextlib.suppress(EOFError, OSError):
            while self._has_parent():
                if decode(read_parts(self._commands)) == STOP:
                    self.stop.set()
        self.end.set()
        threading.Event().wait(GRACE_S)
        os._exit(1)

    def _has_parent(self) -> bool:
        """Wait until there is something to read, and tell whether there still is somebody who could have written it."""
        if os.name != "posix":
            return True  # nothing to wait on but the pipe
        while not select.select([self._commands], [], [], LOOK_S)[0]:
            if os.getppid() != self._parent:
                return False
        return True


def main(niceness: int, parent: int) -> None:
    """Do the work that comes through standard input, and send what becomes of it to standard output.

    Parameters
    ----------
    niceness : int
        By how much to lower the priority, where the system knows that.
    parent : int
        Number of the process to work for.
    """
    commands, messages = _take_pipes()
    _step_back(niceness)
    signal.signal(signal.SIGTERM, _leave)
    with contextlib.suppress(OSError, EOFError):  # nobody listens: there is nothing left to do
        job = read_parts(commands)
        wishes = _Wishes(commands, parent)
        threading.Thread(target=wishes.listen, daemon=True).start()

        def say(kind: str, value: object = None) -> None:
            write_parts(messages, encode((kind, value)))

        try:
            function, args = decode(job)
            with contextlib.closing(function(*args)) as steps:
                say(RESULT, _drive(steps, wishes, say))
        except KeyboardInterrupt:
            say(INTERRUPTED)
        except GeneratorExit:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
            _confess(error, say)


def _drive(steps: Generator[Any, None, Any], wishes: _Wishes, say: Any) -> object:
    """Run the generator to its end and return its result; wishes are seen to between two reports."""
    stopped = False
    try:
        report = next(steps)
        while True:
            say(REPORT, report)
            if wishes.end.is_set():
                raise GeneratorExit
            if wishes.stop.is_set() and not stopped:
                stopped = True
                report = steps.throw(KeyboardInterrupt())
            else:
                report = next(steps)
    except StopIteration as end:
        return end.value


def _confess(error: Exception, say: Any) -> None:
    """Tell the parent what went wrong, in plain text: exceptions themselves may not survive the way."""
    if isinstance(error, WNetError):
        say(ERROR, ([kind.__name__ for kind in type(error).__mro__], str(error)))
    elif lacks_memory(error):
        say(NO_MEMORY)
    else:
        say(UNEXPECTED, (f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))))


def _take_pipes() -> tuple[io.FileIO, io.BufferedWriter]:
    """Keep standard input and output for the parent; what the work prints goes where errors go."""
    # Unbuffered: a thread that waits in a buffered file when the process ends is a fatal error of Python's.
    commands = io.FileIO(os.dup(0), "rb")
    messages = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return commands, messages


def _step_back(niceness: int) -> None:
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(niceness)
    with contextlib.suppress(OSError):  # Linux weighs sessions against each other first, and this is one of its own
        Path("/proc/self/autogroup").write_text(str(niceness), encoding="ascii")
    with contextlib.suppress(OSError):  # Linux only
        Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_GO), encoding="ascii")


def _leave(*_: object) -> NoReturn:
    """End through the work's own ``finally``, so that it can remove what it has not finished."""
    sys.exit(128 + signal.SIGTERM)
