"""Memory and time of a slide that does not fit into memory: python benchmarks/slide.py --images FOLDER.

Makes an OME-Zarr slide of pictures of nuclei, mirrored at random and put side by side, or of the bundled sample; then
segments 4 and 400 megapixels of it in blocks of the same size, each in a process of its own, and a part of it both in
blocks and as a whole. "Objects that differ" are those whose pixels are not exactly those of an object of the whole.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import zarr
from results import Results, parse
from skimage.io import imread

from napari_wnet.network.registry import load_model
from napari_wnet.pipeline import segment
from napari_wnet.reports import Progress
from napari_wnet.sample_data import sample_path
from napari_wnet.slide.run import segment_zarr_steps

BLOCK = 2048
PICTURE = (520, 696)


def pictures(folder: Path | None) -> list[np.ndarray]:
    """Return grey pictures of one size."""
    if folder is None:
        return [imread(sample_path("nuclei"))]
    found = []
    for path in sorted(folder.iterdir()):
        picture = imread(path)
        picture = picture[..., 0] if picture.ndim == 3 else picture
        if picture.shape == PICTURE and picture.dtype == np.uint8:
            found.append(picture)
    return found


def rows_of(side: int, pool: list[np.ndarray], seed: int = 0) -> Iterator[tuple[int, np.ndarray]]:
    """Yield strips of the slide; rows of pictures are shifted, so that their borders do not line up with blocks."""
    rng = np.random.default_rng(seed)
    height, width = pool[0].shape
    for top in range(0, side, height):
        line = []
        for _ in range(-(-side // width) + 1):
            picture = pool[rng.integers(len(pool))]
            line.append(picture[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])])
        shift = int(rng.integers(width))
        yield top, np.concatenate(line, axis=1)[: min(height, side - top), shift : shift + side]


def make(path: Path, side: int, pool: list[np.ndarray]) -> None:
    """Write an OME-Zarr slide strip by strip."""
    array = zarr.create_array(
        str(path / "0"), shape=(side, side), chunks=(512, 512), dtype="uint8", zarr_format=2,
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )  # fmt: skip
    for top, strip in rows_of(side, pool):
        array[top : top + len(strip)] = strip
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.65, 0.65]}]}]
    described = {"multiscales": [{"version": "0.4", "axes": axes, "datasets": datasets}]}
    (path / ".zattrs").write_text(json.dumps(described))
    (path / ".zgroup").write_text('{"zarr_format": 2}')


def run(source: Path, out: Path, block: int) -> None:
    """Segment a slide and print what it took, as JSON."""
    model = load_model("nuclei")
    times: dict[str, float] = {}
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = last = time.perf_counter()
    largest = 0
    steps = segment_zarr_steps(source, out, model, block=block, device="cpu")
    while True:
        try:
            report: Progress = next(steps)
        except StopIteration as stop:
            result = stop.value
            break
        now = time.perf_counter()
        times[report.what], last = times.get(report.what, 0.0) + now - last, now
        if report.done in (0, report.total):
            largest = max(largest, sum(f.stat().st_size for f in out.parent.rglob("*") if f.is_file()))
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    times["the rest"] = time.perf_counter() - last
    told = {
        "objects": result.n_objects,
        "seconds": seconds,
        "cpu_seconds": used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime,
        "peak_gb": used.ru_maxrss / 1e6,
        "stages": times,
        "disk_gb": largest / 1e9,
    }
    print(json.dumps(told))


def in_its_own_process(source: Path, out: Path, block: int) -> dict:
    """Return what :func:`run` prints."""
    done = subprocess.run(
        [sys.executable, __file__, "--run", str(source), str(out), "--block", str(block)],
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(json.loads(done.stdout))


def differing(one: np.ndarray, other: np.ndarray) -> tuple[int, int]:
    """Return how many objects of the first are not objects of the second, and how many there are."""
    values, areas = np.unique(one[one > 0], return_counts=True)
    theirs = dict(zip(*np.unique(other[other > 0], return_counts=True), strict=True))
    pairs, shared = np.unique(np.stack([one[one > 0], other[one > 0]]), axis=1, return_counts=True)
    same = {int(a) for (a, b), n in zip(pairs.T, shared, strict=True) if b and theirs[b] == n}
    sizes = dict(zip(values.tolist(), areas.tolist(), strict=True))
    whole = {a for (a, b), n in zip(pairs.T.tolist(), shared.tolist(), strict=True) if sizes[a] == n}
    return len(values) - len(same & whole), len(values)


def compare(folder: Path, given: argparse.Namespace, pool: list[np.ndarray], results: Results) -> None:
    """Print how a part's result in blocks differs from the untiled one."""
    make(folder / "part.ome.zarr", given.part, pool)
    in_its_own_process(folder / "part.ome.zarr", folder / "part" / "labels.ome.zarr", given.block)
    blocks = np.asarray(zarr.open_array(str(folder / "part" / "labels.ome.zarr" / "0"), mode="r")[:], np.int32)
    image = np.asarray(zarr.open_array(str(folder / "part.ome.zarr" / "0"), mode="r")[:])
    whole = segment(image, "nuclei", device="cpu").labels
    wrong, count = differing(whole, blocks)
    print(f"{given.part} x {given.part}: {wrong} of {count} objects differ from the untiled result")
    print(f"  pixels whose number differs: {int((whole != blocks).sum())}")
    results.add("objects that differ from the untiled result", f"of {count}", wrong, pixels=given.part**2)


def main() -> None:
    """Print peak memory, seconds per megapixel and objects that differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, help="folder of grey pictures of 520 x 696 px; default: the sample")
    parser.add_argument("--side", type=int, default=20000)
    parser.add_argument("--part", type=int, default=4096, help="side of what is compared with the whole; 0: none")
    parser.add_argument("--block", type=int, default=BLOCK)
    parser.add_argument("--folder", type=Path, help="where to put the slide and the results")
    parser.add_argument("--run", type=Path, nargs=2, help=argparse.SUPPRESS)
    given, results = parse(parser)
    if given.run:
        run(*given.run, given.block)
        return
    folder = given.folder or Path(tempfile.mkdtemp(prefix="slide-"))
    pool = pictures(given.images)
    for side in {2048, given.side}:
        make(folder / f"{side}.ome.zarr", side, pool)
    costs: list[tuple[float, float]] = []
    for side in (2048, given.side, 2048):  # the small one before and after, as the machine's speed may drift
        out = folder / f"out_{side}_{len(costs)}"
        told = in_its_own_process(folder / f"{side}.ome.zarr", out / "labels.ome.zarr", given.block)
        costs.append((told["seconds"] / (side**2 / 1e6), told["cpu_seconds"] / (side**2 / 1e6)))
        at = {"pixels": side**2, "objects": told["objects"]}
        results.add("slide", "s/MP", costs[-1][0], **at)
        results.add("slide, processor time", "s/MP", costs[-1][1], **at)
        results.add("slide: memory", "GB", told["peak_gb"], **at)
        stages = ", ".join(f"{name} {seconds:.0f}" for name, seconds in told["stages"].items() if seconds >= 1)
        print(
            f"{side} x {side}: {told['objects']} objects, {told['seconds']:.0f} s, {costs[-1][0]:.3f} s/MP ({stages})"
        )
        print(f"  {costs[-1][1]:.3f} s/MP of processor time, which others on the machine change less")
        print(f"  peak memory {told['peak_gb']:.2f} GB, at most {told['disk_gb']:.2f} GB on the disk", flush=True)
    ratio, cpu_ratio = costs[1] / np.mean(costs[::2], axis=0)
    print(f"cost per megapixel over that of 2048 x 2048: {ratio:.2f}; of processor time {cpu_ratio:.2f}")
    if given.part:
        compare(folder, given, pool, results)
    results.write()
    if given.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
