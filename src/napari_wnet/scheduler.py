"""Pieces of work on other processes and machines, through Dask distributed.

A scheduler is ``threads`` (this process), ``processes`` (as many on this machine as it has processors), or the address
of one that runs already, such as ``tcp://10.0.0.5:8786``, on whatever cluster.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import itertools
import logging
import os
import platform
import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, TypeVar

from napari_wnet.errors import SchedulerError, SchedulerLostError, WNetError

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS, PROCESSES = "threads", "processes"
ADDRESS = re.compile(r"(tcp|tls|ucx|ws|wss)://\S+:\d+")
CONNECT_S = 15
POLL_S = 0.05
"""How often it is looked whether a result has come: between two looks nobody can end the work."""
GRACE_S = 0.5
IN_FLIGHT = 2
"""Pieces that are with the scheduler for each thread of a worker: one at work, one that waits its turn."""
DECISIVE = ("napari-wnet", "torch", "numpy", "scipy", "scikit-image")
"""Packages whose versions labels may depend on."""
DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""Run by each worker process of this machine: Ctrl-C is for this process alone, which then ends them."""
INSTALL = "Run 'pip install \"dask[distributed]\"' here and on the workers."


def check_scheduler(name: str) -> str:
    """Return the name of a scheduler if it can be one.

    Raises
    ------
    SchedulerError
        If it is neither a known word nor an address.
    """
    if name in (THREADS, PROCESSES) or ADDRESS.fullmatch(name):
        return name
    raise SchedulerError(f"'{name}' is no scheduler; choose threads, processes, or an address such as tcp://host:8786.")


def local_versions() -> dict[str, str]:
    """Return the versions of what labels may depend on, in this process."""
    found = {"python": platform.python_version()}
    for name in DECISIVE:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def sees(path: str) -> bool:
    """Tell whether a file is there, for the process that this runs in."""
    return Path(path).is_file()


class Workers:
    """The workers of a scheduler.

    Parameters
    ----------
    client : distributed.Client

    Attributes
    ----------
    notes : tuple of str
        What the user should know, such as other versions of torch on the workers.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.notes = self._check_versions()

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]:
        """Run a function on each item and yield the results as they come; the first error ends it.

        Raises
        ------
        WNetError
            That of the function, or a :class:`SchedulerError`.
        """
        for told in self.outcomes(function, items):
            result = None if told is None else told[1]
            if isinstance(result, WNetError):
                raise result
            if result is not None:
                yield result

    def outcomes(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Generator[tuple[Item, Result | WNetError | None] | None, None, None]:
        """Run a function, whose results are not None, on each item.

        What a lost worker had in hand is done again by another; what takes down worker after worker has failed.
        Closed early, it asks for no further result; what workers have begun they do to its end.

        Yields
        ------
        None
            Time and again while there is nothing to tell: the chance to close it.
        (item, None)
            As an item is handed to the scheduler.
        (item, result or WNetError)
            As it is done.

        Raises
        ------
        SchedulerError
            If the scheduler is lost.
        """
        from distributed import as_completed

        todo = iter(items)
        known: dict[Any, Item] = {}
        running = as_completed(loop=self.client.loop)
        try:
            for item in itertools.islice(todo, IN_FLIGHT * max(1, self.n_threads)):
                self._submit(function, item, running, known)
                yield item, None
            while not running.is_empty():
                if not running.has_ready():
                    yield None
                    time.sleep(POLL_S)
                    continue
                future = running.next()
                outcome = self._outcome(future)
                done = known.pop(future)
                future.release()
                for item in itertools.islice(todo, 1):
                    self._submit(function, item, running, known)
                    yield item, None
                yield done, outcome
        finally:
            with contextlib.suppress(Exception):  # nobody waits for them, whatever has become of the scheduler
                self.client.cancel(list(known), force=True)

    def _submit(self, function: Any, item: Any, running: Any, known: dict[Any, Any]) -> None:
        # Not known by what goes in: files may have changed since the same call was made.
        future = self.client.submit(function, item, pure=False)
        known[future] = item
        running.add(future)

    @property
    def n_threads(self) -> int:
        """How many pieces are done at once, at present."""
        try:
            return sum(self.client.nthreads().values())
        except (OSError, CancelledError) as error:
            raise self._lost() from error

    def check_sees(self, path: Path) -> None:
        """Refuse workers that have not the disk with a file.

        Raises
        ------
        SchedulerError
            If a worker does not see it.
        """
        blind = [name for name, there in self._ask(sees, str(path)).items() if not there]
        if blind:
            raise SchedulerError(
                f"The workers {', '.join(blind)} do not see {path.parent}; use a folder on a disk that all have."
            )

    def _ask(self, function: Callable[..., Result], *arguments: Any) -> dict[str, Result]:
        """Run a function once in each worker."""
        try:
            return dict(self.client.run(function, *arguments))
        except ModuleNotFoundError as error:
            raise SchedulerError(
                "The workers have no napari-wnet, or an older one; install the same version there as here."
            ) from error
        except (OSError, CancelledError) as error:
            raise self._lost() from error

    def _check_versions(self) -> tuple[str, ...]:
        here, notes = local_versions(), []
        for name, there in self._ask(local_versions).items():
            if there.get("napari-wnet") != here["napari-wnet"]:
                raise SchedulerError(
                    f"Worker {name} has napari-wnet {there.get('napari-wnet')}, here it is {here['napari-wnet']}; "
                    "install the same version there as here."
                )
            other = [f"{what} {there.get(what)} (here {own})" for what, own in here.items() if there.get(what) != own]
            if other:
                notes.append(f"Worker {name} has {', '.join(other)}: a few pixels may come out differently.")
        return tuple(notes)

    def _outcome(self, future: Any) -> Any:
        from distributed import KilledWorker

        try:
            return future.result()
        except WNetError as error:
            return error
        except KilledWorker:
            return SchedulerError(
                "This took down one worker after another, most likely for want of memory; give workers more memory, "
                "or cut it into parts."
            )
        except (OSError, CancelledError) as error:
            raise self._lost() from error
        except Exception as error:  # noqa: BLE001 - whatever went wrong in a worker comes back as it was
            return SchedulerError(
                f"An unexpected error in a worker ({type(error).__name__}: {error}); please report it."
            )

    def _lost(self) -> SchedulerLostError:
        return SchedulerLostError(
            "The scheduler is gone. What was finished is kept: start it again, and the same command goes on from there."
        )


@contextlib.contextmanager
def workers(name: str, count: int | None = None) -> Iterator[Workers]:
    """Connect to a scheduler, or start one with processes on this machine.

    Parameters
    ----------
    name : str
        ``processes``, or an address.
    count : int, optional
        Of processes; by default one for each processor.

    Raises
    ------
    SchedulerError
        If there is no such scheduler, it has no workers, or theirs is another version.
    """
    check_scheduler(name)
    try:
        from distributed import Client
    except ImportError as error:
        raise SchedulerError(f"Dask distributed is not installed. {INSTALL}") from error
    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet())
        address = name
        if name == PROCESSES:
            cluster = stack.enter_context(_processes(count or os.cpu_count() or 1))
            address = cluster.scheduler_address
        try:
            client = stack.enter_context(Client(address, timeout=CONNECT_S, set_as_default=False))
            client.wait_for_workers(1, timeout=CONNECT_S)
        except OSError as error:  # TimeoutError is one
            raise SchedulerError(
                f"No scheduler with a worker answers at {address}; start 'dask scheduler' and 'dask worker', "
                "or check the address."
            ) from error
        yield Workers(client)


@contextlib.contextmanager
def _processes(count: int) -> Iterator[Any]:
    """Start a scheduler with worker processes on this machine, and end them without delay."""
    import dask
    from distributed import LocalCluster

    # The samples that workers take of what they do are for a dashboard, which is not started here.
    with dask.config.set({"distributed.worker.profile.enabled": False}):
        try:
            cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",  # not the usual port, which another batch may have
                host="127.0.0.1",
                silence_logs=logging.CRITICAL,
                preload=[DEAF],
            )
        except RuntimeError as error:
            raise SchedulerError(
                "The processes could not be started. A script of your own that starts them needs "
                "'if __name__ == \"__main__\":' before what it does; else choose threads."
            ) from error
        with cluster:
            try:
                yield cluster
            finally:
                _end(cluster)


def _end(cluster: Any) -> None:
    """End the processes of a cluster that nobody needs any more, without the seconds that they may take."""

    async def ended() -> None:
        await asyncio.gather(*(nanny.close(timeout=GRACE_S) for nanny in cluster.workers.values()))

    with contextlib.suppress(Exception):  # the cluster itself is closed next, and has more patience
        cluster.sync(ended)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Have the scheduler and the workers of this process report nothing: what matters is told by us."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
