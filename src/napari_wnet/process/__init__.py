"""Long work in a process of its own, driven like any other generator of reports."""

from __future__ import annotations

from napari_wnet.process.parent import in_process

__all__ = ["in_process"]
