"""How far labels depend on what computes them: the way, the thread count, the number format.

python benchmarks/same.py --images nuclei/images --labels nuclei/labels --part validation

Each image is segmented by the library, by the command line, by a worker process of a scheduler, all with one thread;
then by the library with two threads, and in float32 where bfloat16 is the machine's choice. Labels are compared pixel
by pixel with those of the library: numbers and all; and, as a number that is missing shifts all that follow, with each
object renamed to the one that it shares most pixels with.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import numpy.typing as npt
import torch
from results import parse

from napari_wnet import cli
from napari_wnet.core.overlaps import overlap_table
from napari_wnet.datasets.folder import pairs
from napari_wnet.datasets.split import split
from napari_wnet.io.axes import arrange
from napari_wnet.io.images import read_image, read_labels
from napari_wnet.network import inference
from napari_wnet.network.device import fast_dtype, threads
from napari_wnet.network.registry import load_model
from napari_wnet.pipeline import segment

Labels = npt.NDArray[np.int32]


def renamed_difference(one: Labels, other: Labels) -> int:
    """Return how many pixels differ once the objects of the second have the names of the first."""
    found = overlap_table(one, other)
    names = np.zeros(int(other.max(initial=0)) + 1, np.int64)
    names[:] = -1
    names[0] = 0
    for place in np.argsort(found.intersections, kind="stable"):
        names[found.predicted_labels[found.columns[place]]] = found.true_labels[found.rows[place]]
    return int(np.count_nonzero(names[other] != one))


def main() -> None:
    """Segment in all ways, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--part", choices=("train", "validation", "test"), default="validation")
    given, results = parse(parser)
    model = load_model("nuclei")
    files = pairs(given.images, given.labels).pairs
    names = set(getattr(split([pair.name for pair in files]), given.part))
    paths = [pair.image_path for pair in files if pair.name in names]

    def library(count: int) -> list[Labels]:
        with threads(count):
            return [segment(arrange(read_image(path)).array, model, device="cpu").labels for path in paths]

    ways: dict[str, list[Labels]] = {}
    base = library(1)
    with tempfile.TemporaryDirectory() as folder:
        for name, scheduler in (("command line", "threads"), ("worker processes", "processes")):
            out = Path(folder) / scheduler
            command = ["segment", *map(str, paths), "--out", str(out), "--device", "cpu", "--threads", "1"]
            assert cli.main([*command, "--no-report", "--scheduler", scheduler]) == 0
            ways[name] = [read_labels(out / f"{path.stem}_labels.tif") for path in paths]
    ways["two threads"] = library(2)
    with mock.patch.object(inference, "fast_dtype", lambda device: torch.float32):
        ways["float32"] = library(1)
    pixels = sum(labels.size for labels in base)
    print(
        f"{len(base)} images, {pixels / 1e6:.1f} megapixels, {fast_dtype(torch.device('cpu'))}; other than the library"
    )
    for name, labels in ways.items():
        exact = sum(int(np.count_nonzero(a != b)) for a, b in zip(base, labels, strict=True))
        renamed = sum(renamed_difference(a, b) for a, b in zip(base, labels, strict=True))
        results.add("pixels that differ", "%", 100 * exact / pixels, way=name)
        results.add("pixels that differ, once renamed", "%", 100 * renamed / pixels, way=name)
        same = sum(np.array_equal(a, b) for a, b in zip(base, labels, strict=True))
        print(
            f"  {name:17} {same} images identical; {100 * exact / pixels:.4f} % of pixels differ, "
            f"{100 * renamed / pixels:.4f} % once renamed"
        )
    results.write()


if __name__ == "__main__":
    main()
