"""Clustering, window by window: each component of the foreground in one place, whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.components import Components, cluster_components, context_px, unclaimed_parts
from napari_wnet.core.labels import run_starts
from napari_wnet.core.maps import Maps
from napari_wnet.core.tiling import Window
from napari_wnet.core.windows import reaches_edge
from napari_wnet.slide.grid import shared, size, within
from napari_wnet.slide.job import BlockItem, SlideJob
from napari_wnet.slide.parts import components_in, window_around

Labels = npt.NDArray[np.int32]
Array = npt.NDArray[Any]


def cluster_block(item: BlockItem) -> int:
    """Cluster the components that belong to a block, and note what of them lies in other blocks."""
    job, window = item.job, window_around(item.job, _base(item))
    components = components_in(job, window, (item.index, item.facts["own"]))
    block = job.grid.window(item.index)
    labels = _clustered(job, window, components)
    if labels.any():
        job.work.write("objects", block, labels[within(block, window)])
    spilt = labels.copy()
    spilt[within(block, window)] = 0
    job.work.save("objects", item.name, {**objects_of(job, labels, window), **_spilt(job, spilt, window)}, packed=True)
    return item.index


def cluster_alone(item: BlockItem) -> int:
    """Cluster one large component in its own window."""
    job, window = item.job, window_around(item.job, _base(item))
    components = components_in(job, window, (-1, [item.index]))
    labels = _clustered(job, window, components)
    result = {**objects_of(job, labels, window), **_spilt(job, labels, window)}
    job.work.save("alone", item.name, result, packed=True)
    return item.index


def cluster_giant(item: BlockItem) -> int:
    """Cluster the pieces of giant components in a block, seeing as much around it as need be and memory allows."""
    job = item.job
    block = job.grid.window(item.index)
    margin = job.halo
    context = context_px(job.params.clustering)
    while True:
        window = job.grid.wider(block, margin + context)
        components = components_in(job, window, (-1, item.facts["own"]))
        labels = _clustered(job, window, components, min_area=0)
        wider = job.grid.wider(block, 2 * margin + context)
        inside = np.isin(labels, np.unique(labels[within(block, window)])) & (labels > 0)
        cut = reaches_edge(inside, window, job.grid.shape)
        if not cut or wider == window or np.prod(size(wider)) > job.most_pixels:
            break
        margin *= 2
    n_seeded = int(labels.max(initial=0))
    if job.params.clustering.fill:
        rest = unclaimed_parts(labels, components)
        labels = np.where(rest > 0, rest + n_seeded, labels).astype(np.int32)
    piece = labels[within(block, window)]
    job.work.write("pieces", block, piece)
    band = job.grid.wider(block, job.halo // 2)
    found = objects_of(job, piece, block, count=int(labels.max(initial=0)))
    result = {**found, "n_seeded": n_seeded, "band": labels[within(band, window)]}
    job.work.save("giants", item.name, result, packed=True)
    return item.index


def _base(item: BlockItem) -> Window:
    top, left, bottom, right = item.facts["window"]
    return slice(top, bottom), slice(left, right)


def _clustered(job: SlideJob, window: Window, components: Components, *, min_area: int | None = None) -> Labels:
    used = components.labels > 0
    if not (components.own[1:] & (components.n_seeds[1:] > 0)).any() or not used.any():
        return np.zeros(size(window), np.int32)
    maps = Maps(
        distance=job.work.read("distance", window),
        embedding=np.moveaxis(job.work.read("embedding", window), -1, 0),
    )
    params = job.params.clustering
    if min_area is not None:
        params = params.replace(min_area=min_area)
    return cluster_components(maps, components, params, job.grid.place(window))


def objects_of(job: SlideJob, labels: Labels, window: Window, *, count: int | None = None) -> dict[str, Array]:
    """Return for each object, 1..N, its first pixel's place in the slide in flat order, and its area."""
    count = int(labels.max(initial=0)) if count is None else count
    starts = run_starts(labels)
    own = labels.ravel()[starts]
    areas = np.bincount(own, weights=np.diff(starts, append=labels.size), minlength=count + 1).astype(np.int64)
    first = np.full(count + 1, np.iinfo(np.int64).max)
    rows, columns = np.divmod(starts, labels.shape[1])
    places = (rows + window[0].start) * job.grid.shape[1] + columns + window[1].start
    first[own[::-1]] = places[::-1]
    return {"first": first[1:], "area": areas[1:]}


def _spilt(job: SlideJob, labels: Labels, window: Window) -> dict[str, Array]:
    """Return labelled pixels sorted by the blocks they lie in: block, end of its pixels, place within it, label."""
    places, values, blocks, ends = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)], [], [0]
    for block in job.grid.touching(window):
        inside = job.grid.window(block)
        common = shared(window, inside)
        part = labels[within(common, window)]
        rows, columns = np.nonzero(part)
        if not len(rows):
            continue
        top, left = (side.start for side in within(common, inside))
        places.append(((rows + top) * size(inside)[1] + columns + left).astype(np.int32))
        values.append(part[rows, columns])
        blocks.append(block)
        ends.append(ends[-1] + len(rows))
    return {
        "spill_blocks": np.array(blocks, np.int64),
        "spill_ends": np.array(ends, np.int64),
        "spill_places": np.concatenate(places),
        "spill_labels": np.concatenate(values),
    }
