"""Batches that are killed, and folders with damaged files: what is lost, doubled, damaged or not reported.

python benchmarks/robust.py --images nuclei/images

1. A batch of 80 images runs in a process that is killed (kill -9) at random moments, 20 times, and then to its end.
   Each image must have its results once, all of them whole, and the labels of a run that nobody disturbed.
2. A folder of 1000 files of which 50 are damaged, foreign or empty: 950 are to be finished and 50 reported.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

from napari_wnet.io.images import read_image, read_labels
from napari_wnet.io.sidecar import labels_sha256

SIDE = 128
ENDINGS = ("_labels.tif", ".csv", ".json")


def command(images: Path, out: Path) -> list[str]:
    """Return the command line of a batch."""
    return [sys.executable, "-m", "napari_wnet.cli", "segment", str(images), "--out", str(out), "--device", "cpu"]


def crops(source: Path, folder: Path, count: int) -> None:
    """Write pieces of images as TIFF."""
    folder.mkdir(parents=True)
    arrays = [read_image(path).array for path in sorted(source.glob("*.png"))[:200]]
    for number in range(count):
        array = arrays[number % len(arrays)]
        y, x = (7 * number) % (array.shape[0] - SIDE + 1), (13 * number) % (array.shape[1] - SIDE + 1)
        tifffile.imwrite(folder / f"{number:04}.tif", array[y : y + SIDE, x : x + SIDE])


def killed(images: Path, out: Path, kills: int, rng: random.Random) -> list[float]:
    """Kill a batch at random moments, and let it run to its end; return the moments, in seconds from its start."""
    moments: list[float] = []
    longest = 12.0
    while len(moments) < kills:
        process = subprocess.Popen(command(images, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        moment = rng.uniform(2.0, longest)
        try:
            process.wait(moment)
            for image in rng.sample(sorted(images.iterdir()), 40):  # it was done: half is to be made again
                for ending in ENDINGS:
                    (out / (image.stem + ending)).unlink(missing_ok=True)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            moments.append(moment)
    subprocess.run(command(images, out), check=True, stdout=subprocess.DEVNULL)
    return moments


def compare(images: Path, out: Path, reference: Path) -> dict[str, int]:
    """Count what is lost, doubled and damaged."""
    counts = {"lost": 0, "doubled": 0, "damaged": 0, "left over": 0}
    expected = {"report.html"}
    for image in sorted(images.iterdir()):
        names = [image.stem + ending for ending in ENDINGS]
        expected.update(names)
        there = [name for name in names if (out / name).exists()]
        counts["lost"] += len(there) < len(names)
        counts["doubled"] += len(list(out.glob(f"{image.stem}*"))) > len(names)
        if len(there) == len(names):
            labels = read_labels(out / names[0])
            same = np.array_equal(labels, read_labels(reference / names[0]))
            noted = json.loads((out / names[2]).read_text())["result"]["labels_sha256"] == labels_sha256(labels)
            rows = (out / names[1]).read_text() == (reference / names[1]).read_text()
            counts["damaged"] += not (same and noted and rows)
    counts["left over"] = len({path.name for path in out.iterdir()} - expected)
    return counts


def spoil(folder: Path, rng: random.Random) -> set[str]:
    """Damage, empty or replace 50 of a folder's files and return their names."""
    chosen = rng.sample(sorted(folder.iterdir()), 50)
    for number, path in enumerate(chosen):
        whole = path.read_bytes()
        path.write_bytes(
            [b"", whole[: len(whole) // 2], b"\x89PNG\r\n\x1a\n no picture", whole[:8] + rng.randbytes(500), b"text"][
                number % 5
            ]
        )
    return {path.name for path in chosen}


def main() -> None:
    """Run both and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        crops(given.images, folder / "images", 80)
        subprocess.run(command(folder / "images", folder / "alone"), check=True, stdout=subprocess.DEVNULL)
        moments = killed(folder / "images", folder / "out", given.kills, rng)
        counts = compare(folder / "images", folder / "out", folder / "alone")
        print(f"{len(moments)} kills after {min(moments):.1f} to {max(moments):.1f} s: {counts}", flush=True)
        crops(given.images, folder / "many", 1000)
        spoilt = spoil(folder / "many", rng)
        began = time.monotonic()
        run = subprocess.run(
            command(folder / "many", folder / "much"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        finished = len(list((folder / "much").glob("*.json")))
        with (folder / "much" / "failed.csv").open(newline="") as file:
            reported = {Path(row["file"]).name for row in csv.DictReader(file)}
        print(
            f"1000 files, 50 of them spoilt: {finished} finished, {len(reported)} reported, "
            f"{'the right ones' if reported == spoilt else 'NOT the right ones'}, exit status {run.returncode}, "
            f"{time.monotonic() - began:.0f} s"
        )


if __name__ == "__main__":
    main()
