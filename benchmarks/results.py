"""What a benchmark found, as JSON, with the machine and the versions that it was found on."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import torch

from napari_wnet.atomic import write_text
from napari_wnet.network.device import fast_dtype

PACKAGES = ("napari-wnet", "torch", "numpy", "scipy", "scikit-image", "napari", "zarr", "openvino", "onnxruntime")


def processor() -> str:
    """Return the processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def machine() -> dict[str, Any]:
    """Return what figures depend on besides the code."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "processor": processor(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "precision": str(fast_dtype(torch.device("cpu"))).removeprefix("torch."),
        "card": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.system(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "versions": versions,
    }


def command() -> str:
    """Return the command that is running, its paths cut to their last part."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *words])


class Results:
    """The figures of one run of a benchmark, printed as they come and written at the end.

    Parameters
    ----------
    file : Path, optional
        Where :meth:`write` writes; None: nowhere.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self.figures: list[dict[str, Any]] = []

    def add(self, what: str, unit: str, value: float | Sequence[float], **at: Any) -> float:
        """Keep a figure, or repeated measurements of it, and return it or their median.

        Parameters
        ----------
        what, unit : str
            Such as "forward" and "s/MP".
        value : float or sequence of float
        **at
            Where it was measured, such as ``pixels=1048576``.
        """
        each = None if isinstance(value, int | float) else [float(one) for one in value]
        middle = float(value) if isinstance(value, int | float) else median(value)
        figure = {"what": what, "unit": unit, "value": middle, **at}
        self.figures.append(figure if each is None else figure | {"each": each})
        return middle

    def write(self) -> None:
        """Write the figures, if a file was asked for."""
        if self.file is None:
            return
        told = {"command": command(), "machine": machine(), "figures": self.figures}
        write_text(self.file, json.dumps(rounded(told), indent=1) + "\n", overwrite=True)


def parse(parser: argparse.ArgumentParser) -> tuple[argparse.Namespace, Results]:
    """Add ``--json FILE``, and return what was given and what keeps the figures."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    given = parser.parse_args()
    return given, Results(given.json)


def rounded(value: Any) -> Any:
    """Return the same with five significant digits."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value
