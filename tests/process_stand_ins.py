"""Work for a process of its own: what it says, does not say, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

from napari_wnet import errors
from napari_wnet.reports import Progress

LONG_S = 600.0


class SpecialError(errors.DownloadError):
    """One that nobody listed."""


class Unreadable:
    """Can be sent, but not read where it arrives."""

    def __reduce__(self):
        return exec, (f"import os\nif os.getpid() != {os.getpid()}: raise ValueError('odd')",)


def counting(n, result="done"):
    for i in range(n):
        yield Progress(done=i, total=n, what="counting")
    return result


def doubled(array):
    array *= 2  # what arrives is the child's own
    yield array[:1]
    return array


def facts(*names):
    yield
    return {
        "pid": os.getpid(),
        "main": sys.modules["__main__"].__dict__.get("__file__"),
        "nice": os.nice(0),
        "environment": {name: os.environ.get(name) for name in names},
        "modules": sorted(sys.modules),
    }


def torch_threads():
    import torch

    yield
    return torch.get_num_threads()


def printing():
    print("printed by the work")  # noqa: T201
    os.write(1, b"written by the work\n")
    yield "report"
    return "result"


def stoppable():
    done = 0
    try:
        while True:
            done += 1
            yield done
    except KeyboardInterrupt:
        yield "tidying up"
        return "best so far"


def stoppable_slowly():
    try:
        yield "began"
        while True:
            time.sleep(0.2)  # during which the driver is interrupted
            yield "next"
    except KeyboardInterrupt:
        yield "tidying up"
        return "best so far"


def stoppable_once_there(path):
    while not Path(path).exists():
        time.sleep(0.01)
    return (yield from stoppable_slowly())


def not_stoppable():
    while True:
        yield 1


def waiting_for(path):
    """Wait for a file to appear, without a report in between."""
    while not Path(path).exists():
        time.sleep(0.01)
    yield "it is there"
    return "done"


def careful(path):
    """Note that it was closed properly."""
    try:
        while True:
            yield os.getpid()
    finally:
        Path(path).touch()


def careful_and_busy(path):
    try:
        yield os.getpid()
        time.sleep(LONG_S)
    finally:
        Path(path).touch()


def stubborn():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield os.getpid()
    time.sleep(LONG_S)


def with_a_child_of_its_own():
    pid = os.fork()
    if pid == 0:
        time.sleep(LONG_S)
        os._exit(0)
    yield pid
    time.sleep(LONG_S)


def raising(name, message):
    yield 1
    raise getattr(errors, name)(message)


def raising_special():
    yield 1
    raise SpecialError("Not listed; do something.")


def raising_builtin(kind):
    yield 1
    raise kind("odd")


def refusing():
    raise errors.ImageError("It has no pixels; choose another.")
    yield


def killed(number):
    yield 1
    os.kill(os.getpid(), number)
    time.sleep(LONG_S)


def leaving(code):
    yield 1
    sys.exit(code)


def unsendable_report():
    yield threading.Lock()


def unsendable_result():
    yield 1
    return threading.Lock()


def unreadable_result():
    yield 1
    return Unreadable()


def large_result(n):
    yield 1
    return np.arange(n)


def training(run):
    """Train; torch is imported only there."""
    from napari_wnet.network.training import train_steps

    return train_steps(run)
