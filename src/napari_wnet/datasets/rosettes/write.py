"""A folder of synthetic rosettes, as training reads it, with what is needed to make it again."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import multiprocessing
import signal
from collections.abc import Generator, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from napari_wnet.atomic import atomic_path, writing
from napari_wnet.datasets.converted import Converted, PlainPair, write_pair
from napari_wnet.datasets.rosettes.draw import rosette
from napari_wnet.datasets.rosettes.params import RosetteParams
from napari_wnet.errors import OutputError, ParamsError, WNetError
from napari_wnet.reports import Progress, drain

RECORD = "rosettes.json"
FORMAT = 1
MOST_IMAGES = 1_000_000
MOST_WORKERS = 256
VERSIONS_OF = ("napari-wnet", "numpy", "scipy", "pillow")
"""Packages whose versions pixels may depend on."""
LICENCE = "Drawn by napari-wnet; soil and blade textures from photographs under the Apache License 2.0"


@dataclass(frozen=True, kw_only=True)
class Series:
    """Which pictures to draw: those numbered from 0 to `n_images` - 1 of a seed."""

    n_images: int
    seed: int = 0
    params: RosetteParams = field(default_factory=RosetteParams)

    def __post_init__(self) -> None:
        if not 1 <= self.n_images <= MOST_IMAGES:
            raise ParamsError(f"{self.n_images} images were asked for; give 1 to {MOST_IMAGES} (--n).")
        if self.seed < 0:
            raise ParamsError(f"The seed is {self.seed}; give 0 or more (--seed).")

    def name(self, index: int) -> str:
        """Return the name of a picture, without ending."""
        return f"rosette-{index:06d}"


def synthesize(out: str | Path, series: Series, *, workers: int = 1, overwrite: bool = False) -> Converted:
    """Draw a series into ``out/images/NAME.png`` (RGB), ``out/labels/NAME.png`` (uint16) and ``out/rosettes.json``.

    Parameters
    ----------
    out : str or Path
    series : Series
    workers : int
        Processes to draw with; the files do not depend on it.
    overwrite : bool
        Whether `out` may hold something already. Pictures of an earlier series are then replaced or removed.

    Raises
    ------
    ParamsError
        If `workers` is out of range.
    OutputError
        If `out` holds something already, or cannot be written.
    """
    return drain(synthesize_steps(out, series, workers=workers, overwrite=overwrite))


def synthesize_steps(
    out: str | Path, series: Series, *, workers: int = 1, overwrite: bool = False
) -> Generator[Progress, None, Converted]:
    """Draw as :func:`synthesize` does, with a report before each picture."""
    out = Path(out)
    if not 1 <= workers <= MOST_WORKERS:
        raise ParamsError(f"{workers} workers were asked for; give 1 to {MOST_WORKERS} (--workers).")
    _prepare(out, series, overwrite=overwrite)
    draw = functools.partial(_draw, out, series, overwrite=overwrite)
    n_objects = 0
    yield Progress(done=0, total=series.n_images, what=series.name(0))
    with _in_order(draw, series.n_images, workers) as counts:
        for done, count in enumerate(counts, start=1):
            n_objects += count
            yield Progress(done=done, total=series.n_images, what=series.name(min(done, series.n_images - 1)))
    _record(out, series, n_objects, overwrite=overwrite)
    return Converted(names=tuple(map(series.name, range(series.n_images))), n_objects=n_objects, notes=())


def _prepare(out: Path, series: Series, *, overwrite: bool) -> None:
    """Make the folder, or clear what an earlier series left there and this one would not replace."""
    with writing(out / RECORD):
        out.mkdir(parents=True, exist_ok=True)
        if not overwrite and any(out.iterdir()):
            raise OutputError(
                f"{out} is not empty; choose another folder (--out) or have earlier pictures replaced (--overwrite)."
            )
        # Without it, the folder counts as unfinished.
        (out / RECORD).unlink(missing_ok=True)
        wanted = {f"{series.name(index)}.png" for index in range(series.n_images)}
        for folder in ("images", "labels"):
            for path in (out / folder).glob("rosette-" + "[0-9]" * 6 + ".png"):
                if path.name not in wanted:
                    path.unlink()


def _draw(out: Path, series: Series, index: int, *, overwrite: bool) -> int:
    image, labels = rosette(series.seed, index, series.params)
    pair = PlainPair(name=series.name(index), image=image.transpose(1, 2, 0), labels=labels)
    return write_pair(out, pair, overwrite=overwrite)


@contextmanager
def _in_order(draw: functools.partial[int], n_images: int, workers: int) -> Iterator[Iterator[int]]:
    """Give the results of drawing each picture, in order, drawn here or in processes of their own."""
    if workers == 1:
        yield map(draw, range(n_images))
        return
    context = multiprocessing.get_context("spawn")
    # Ctrl-C reaches every process of a terminal; this one says what is to be done.
    quiet = (signal.SIGINT, signal.SIG_IGN)
    pool = ProcessPoolExecutor(min(workers, n_images), context, signal.signal, quiet)
    try:
        yield pool.map(draw, range(n_images), chunksize=4)
    except BrokenProcessPool as error:
        raise WNetError(
            "A worker was ended from outside, perhaps for want of memory; use fewer (--workers)."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _versions() -> dict[str, str]:
    found = {}
    for name in VERSIONS_OF:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _record(out: Path, series: Series, n_objects: int, *, overwrite: bool) -> None:
    record = {
        "format": FORMAT,
        "kind": "rosettes",
        "n": series.n_images,
        "seed": series.seed,
        "params": series.params.to_dict(),
        "n_leaves": n_objects,
        "versions": _versions(),
        "licence": LICENCE,
    }
    with atomic_path(out / RECORD, overwrite=overwrite) as partial:
        partial.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
