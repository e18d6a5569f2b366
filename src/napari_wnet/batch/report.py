"""One page on a whole batch, that opens in any browser without a network: pictures, counts, failures, settings."""

from __future__ import annotations

import base64
import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_wnet.atomic import write_text
from napari_wnet.batch.job import BatchJob, FileResult
from napari_wnet.batch.slides import is_in_blocks
from napari_wnet.core.render import overlay
from napari_wnet.errors import WNetError
from napari_wnet.io.axes import arrange
from napari_wnet.io.images import read_image, read_labels
from napari_wnet.io.sidecar import versions
from napari_wnet.network.card import card
from napari_wnet.reports import Progress
from napari_wnet.slide.preview import preview
from napari_wnet.slide.source import open_slide

NAMES = ("report.html", "batch_report.html")
"""The second, where something else has the first."""
GENERATOR = "napari-wnet batch report"
MOST_PICTURES = 96
"""More make a page that is slow to open and that nobody looks through."""
SIDE = 320
"""Of a picture, in pixels, at most."""
BARS = 24


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A small picture of an image with its outlines."""

    name: str
    source: str
    caption: str


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Counts of values in equal steps; `bars` are (share of the highest, low, high, count)."""

    title: str
    unit: str
    low: str
    high: str
    median: str
    bars: tuple[tuple[float, str, str, int], ...]


def report_steps(job: BatchJob, results: Sequence[FileResult]) -> Iterator[Progress]:
    """Write ``report.html`` into the output folder, in the place of an earlier report.

    Pictures are made of at most 96 images: those with the fewest and the most objects, and others evenly spread.

    Yields
    ------
    Progress
        After each picture.

    Raises
    ------
    OutputError
        If the page cannot be written.
    """
    good = [result for result in results if result.state != "failed"]
    chosen = _chosen(good)
    pictures = []
    for number, result in enumerate(chosen, start=1):
        pictures.append(_picture(job, result))
        yield Progress(done=number, total=len(chosen), what="report")
    counts = np.array([result.n_objects for result in good], float)
    areas, unit = _areas(good)
    page = _template().render(
        generator=GENERATOR,
        folder=str(job.out.resolve()),
        when=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        results=results,
        names=_names(results),
        good=good,
        failed=[result for result in results if result.state == "failed"],
        n_objects=int(counts.sum()),
        pictures=[picture for picture in pictures if picture is not None],
        histograms=[
            shown
            for shown in (_histogram("objects an image", "", counts), _histogram("object area", unit, areas))
            if shown is not None
        ],
        params=_flat(job.params.to_dict()),
        usual=_flat(job.model.header.params.to_dict()),
        card={**card(job.model.header), "SHA-256": job.model.sha256},
        versions=versions(),
    )
    write_text(report_path(job.out), page, overwrite=True)


def report_path(out: Path) -> Path:
    """Return where the report of an output folder is, or goes."""
    return next(path for path in (out / name for name in NAMES) if _is_ours(path) or path.name == NAMES[-1])


def _is_ours(path: Path) -> bool:
    return not path.exists() or GENERATOR in path.read_text(encoding="utf-8", errors="replace")[:500]


def _template() -> Any:
    from jinja2 import Environment, PackageLoader

    return Environment(
        loader=PackageLoader("napari_wnet.batch", "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    ).get_template("report.html")


def _chosen(results: Sequence[FileResult]) -> list[FileResult]:
    """Return the results of which pictures are made, in their order."""
    if len(results) <= MOST_PICTURES:
        return list(results)
    order = np.argsort([result.n_objects for result in results], kind="stable")
    ends = MOST_PICTURES // 8
    spread = np.linspace(0, len(results) - 1, MOST_PICTURES - 2 * ends).round().astype(int)
    return [results[place] for place in sorted({*order[:ends].tolist(), *order[-ends:].tolist(), *spread.tolist()})]


def _names(results: Sequence[FileResult]) -> dict[Path, str]:
    """Return what tells the files apart: their places below the folder that all of them are in."""
    paths = [result.path.absolute() for result in results]
    try:
        top = os.path.commonpath([path.parent for path in paths])
    except ValueError:  # none, or on several drives
        return {result.path: str(result.path) for result in results}
    return {result.path: path.relative_to(top).as_posix() for result, path in zip(results, paths, strict=True)}


def _picture(job: BatchJob, result: FileResult) -> Picture | None:
    """Return a small picture of a result; None where the image or its labels are not there any more."""
    try:
        image, plane = _slide(job, result) if is_in_blocks(job, result.path) else _plane(job, result)
    except WNetError:
        return None
    if plane.shape != image.shape[1:]:
        return None
    step = max(1, -(-max(plane.shape) // SIDE))
    drawn = overlay(image[:, ::step, ::step], plane[::step, ::step])
    packed = io.BytesIO()
    Image.fromarray(drawn).save(packed, format="JPEG", quality=80)
    return Picture(
        name=result.path.name,
        source="data:image/jpeg;base64," + base64.b64encode(packed.getvalue()).decode(),
        caption=f"{result.n_objects} objects",
    )


def _plane(job: BatchJob, result: FileResult) -> tuple[npt.NDArray[Any], npt.NDArray[np.int32]]:
    labels = read_labels(result.outputs["labels"])
    array = arrange(read_image(result.path), axes=job.axes, channels=job.channels).array
    middle = len(array.reshape(-1, *array.shape[-3:])) // 2
    return array.reshape(-1, *array.shape[-3:])[middle], labels.reshape(-1, *labels.shape[-2:])[middle]


def _slide(job: BatchJob, result: FileResult) -> tuple[npt.NDArray[Any], npt.NDArray[np.int32]]:
    slide = open_slide(
        result.path, job.model.header.config.in_channels, axes=job.axes, channels=job.channels, plane=job.plane
    )
    return preview(slide, result.outputs["labels"], SIDE)


def _areas(results: Sequence[FileResult]) -> tuple[npt.NDArray[np.float64], str]:
    """Return the areas of all objects, as the tables say, and their unit; objects in another unit are left out."""
    found: dict[str, list[float]] = {}
    for result in results:
        try:
            with result.outputs["table"].open(encoding="utf-8", newline="") as file:
                table = csv.DictReader(file)
                name = next((name for name in table.fieldnames or () if name.startswith("area")), None)
                if name is not None:
                    found.setdefault(name, []).extend(float(row[name]) for row in table)
        except (OSError, KeyError, ValueError, TypeError):  # taken away or changed by hand since
            continue
    if not found:
        return np.zeros(0), ""
    name = max(found, key=lambda name: len(found[name]))
    return np.array(found[name]), name.removeprefix("area").strip("_").replace("um2", "µm²")


def _histogram(title: str, unit: str, values: npt.NDArray[np.float64]) -> Histogram | None:
    if not values.size:
        return None
    whole = bool((values == np.rint(values)).all())
    low, high = float(values.min()), float(np.percentile(values, 99.5)) if values.size > 200 else float(values.max())
    bars = min(BARS, int(high - low) + 1) if whole else BARS
    shown = np.clip(values, low, high)
    counts, edges = np.histogram(shown, bars, (low, high + 1) if whole else (low, max(high, low + 1e-9)))
    return Histogram(
        title=title,
        unit=unit,
        low=f"{low:.4g}",
        high=f"{high:.4g}" + ("+" if values.max() > high else ""),
        median=f"{float(np.median(values)):.4g}",
        bars=tuple(
            (count / counts.max(), f"{edges[place]:.4g}", f"{edges[place + 1]:.4g}", int(count))
            for place, count in enumerate(counts)
        ),
    )


def _flat(values: dict[str, Any], above: str = "") -> dict[str, str]:
    """Return nested settings as one level of words."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        path = f"{above}{name.replace('_', ' ')}"
        flat |= _flat(value, f"{path}: ") if isinstance(value, dict) else {path: str(value)}
    return flat
