"""The side of the parent: a generator that stands for one in another process."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from typing import IO, Any, TypeVar

from napari_wnet.errors import WNetError
from napari_wnet.process import child, outcome
from napari_wnet.process.frames import Parts, decode, encode, read_parts, write_parts

Result = TypeVar("Result")
HEARTBEAT_S = 0.25
"""How long the generator keeps its driver waiting at most."""
GRACE_S = 1.0
"""How long the child may take to end when told to, and again when terminated, before it is killed."""
N_AHEAD = 64
"""Reports that are read before the driver has asked for them; then the child waits for a slow window."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "from napari_wnet.process.child import main; main({niceness}, {parent})"
)


def in_process(
    function: Callable[..., Generator[Any, None, Result]], /, *args: Any, threads: int | None = None, niceness: int = 10
) -> Generator[Any, None, Result]:
    """Run a generator of reports in a process of its own.

    The process is a fresh interpreter that imports `function`'s module and nothing of the program's main module: a
    script that opens a viewer opens no second one, whether or not it is guarded by ``__name__``. It works with a lower
    priority, on Linux it is the first to be ended when memory runs out, and it ends by itself when this process is
    gone, however that came about.

    ``throw(KeyboardInterrupt())`` (or Ctrl-C while it waits) is *Stop*: the child's generator gets it after its next
    report, or after its first one where it has not begun, and what it then yields and returns is still to come here. A
    second one ends the child and comes out again. ``close()`` is *Cancel*: it returns when the child has ended, after
    two seconds at most, by force if need be.

    Parameters
    ----------
    function : callable
        Can be imported by its name; returns the generator.
    *args
        For `function`. They are pickled, except for the memory of arrays, which is written from where it lies until
        the first report comes: whoever goes on changing an array gives a copy. Each array then exists once here and
        once there.
    threads : int, optional
        How many threads numerical libraries use there; None: their own choice. This process's environment stays as it
        is.
    niceness : int
        By how much the priority is lowered, 0 to 19.

    Yields
    ------
    object
        What the child's generator yields, and None each quarter of a second in between, so that whoever drives this
        can stop it while the child is busy.

    Returns
    -------
    object
        What the child's generator returns.

    Raises
    ------
    WNetError
        Of the same class and with the same message as in the child; DeviceError if memory ran out, also where the
        system killed the child for it; for any other exception, and if the child crashed, a WNetError, the details of
        which are logged.
    KeyboardInterrupt
        If the child's generator did not handle *Stop*.
    TypeError
        If `function` or an argument cannot be sent to another process.
    """
    process = _Child(_job(function, args), threads, niceness)
    stopped = False
    try:
        while not process.finished:
            try:
                yield process.report()
            except KeyboardInterrupt:
                if stopped:
                    raise
                stopped = True
                process.stop()
        return process.result()  # type: ignore[no-any-return]
    finally:
        process.end()


class _Child:
    """The other process, and a thread here that talks with it."""

    def __init__(self, job: Parts, threads: int | None, niceness: int) -> None:
        self._process = _start(threads, niceness)
        self._lock = threading.Lock()
        self._given = self._stop = self._closing = self._done = False
        self._reports: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._room = threading.Semaphore(N_AHEAD)
        self._outcome: tuple[str, Any] | None = None
        self._thread = threading.Thread(target=self._talk, args=(job,), name="napari-wnet pipe", daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        """Whether all has been said and reported."""
        return self._done and self._reports.empty()

    def report(self) -> Any:
        """Return the next report; None if there is none for a while, or none any more."""
        try:
            report = self._reports.get(timeout=HEARTBEAT_S)
        except queue.Empty:
            return None
        self._room.release()
        return report

    def stop(self) -> None:
        """Ask the child to stop, now or as soon as it knows what to do."""
        with self._lock:
            self._stop = True
            if self._given:
                self._send_stop()

    def result(self) -> Any:
        """Return what the child returned, or raise what it raised."""
        if self._outcome is None:
            self._wait()
            raise outcome.death(self._process.poll())
        kind, value = self._outcome
        if kind == child.RESULT:
            return value
        raise outcome.failure(kind, value)

    def end(self) -> None:
        """Make sure that nothing is left: no process, no thread, no pipe."""
        with self._lock:
            told = self._given  # before that, the pipe is being written to, and nothing is lost by ending at once
        if told:
            with contextlib.suppress(OSError):
                self._pipe_to.close()
            self._wait()
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            self._wait()
        # Also what the child may have left behind: as long as there is any of it, the group's number is not reused.
        self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        self._wait()
        self._closing = True
        self._room.release()
        self._thread.join(GRACE_S)
        if not self._thread.is_alive():  # else a process that the child left behind has the pipe open
            for pipe in (self._pipe_to, self._pipe_from):
                with contextlib.suppress(OSError):
                    pipe.close()

    @property
    def _pipe_to(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _pipe_from(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _talk(self, job: Parts) -> None:
        try:
            self._give(job)
            while self._outcome is None and not self._closing:
                kind, value = decode(read_parts(self._pipe_from))  # type: ignore[arg-type]
                if kind == child.REPORT:
                    self._room.acquire()
                    self._reports.put(value)
                else:
                    self._outcome = kind, value
        except (EOFError, OSError):
            pass  # it has ended without a word
        except Exception as error:  # noqa: BLE001 - what cannot be read here is for whoever waits for it
            self._outcome = outcome.UNREADABLE, error
        finally:
            self._done = True
            self._reports.put(None)  # wakes whoever waits

    def _give(self, job: Parts) -> None:
        # If the child ends instead of reading, what it says of it is still to be heard.
        with contextlib.suppress(OSError):
            write_parts(self._pipe_to, job)
        with self._lock:
            self._given = True
            if self._stop:
                self._send_stop()

    def _send_stop(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # it has ended meanwhile
            write_parts(self._pipe_to, encode(child.STOP))

    def _wait(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)

    def _signal(self, number: int) -> None:
        """Signal the child and whatever it started."""
        if sys.platform == "win32":
            self._process.terminate()
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # there is nobody any more
                os.killpg(self._process.pid, number)


def _job(function: Callable[..., Any], args: tuple[Any, ...]) -> Parts:
    try:
        if function.__module__ == "__main__":
            raise TypeError(f"{function.__name__} is in the main module, which is not run again")
        return encode((function, args))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            f"{error}: give a function of an importable module, and arguments that can be pickled"
        ) from error


def _start(threads: int | None, niceness: int) -> subprocess.Popen[bytes]:
    path = json.dumps([str(entry) for entry in sys.path])
    code = START.format(niceness=niceness, parent=os.getpid())
    options: dict[str, Any] = {"start_new_session": True}  # Ctrl-C in the terminal is for this process to judge
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        options = {"creationflags": flags | subprocess.BELOW_NORMAL_PRIORITY_CLASS}
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", code, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if sys.__stderr__ is not None else subprocess.DEVNULL,
            env={**os.environ, **({} if threads is None else dict.fromkeys(THREADS, str(threads)))},
            **options,
        )
    except OSError as error:
        raise WNetError(
            f"No process could be started ({error.strerror or error}); close other programs and try again."
        ) from error
