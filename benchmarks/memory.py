"""How much memory this process has, and the most that it had meanwhile (Linux)."""

from __future__ import annotations

import resource
import threading
from pathlib import Path
from types import TracebackType


def resident_mb() -> float:
    """Return the resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


class PeakMemory:
    """Samples resident memory every 5 ms within a ``with`` block; `peak` is the most, in MB."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        while not self._ended.wait(0.005):
            self.peak = max(self.peak, resident_mb())

    def __enter__(self) -> PeakMemory:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._ended.set()
        self._thread.join()
        self.peak = max(self.peak, resident_mb())
