"""W-Net beside its peers: the same images, the same split, the same time to train, on the same machine.

python benchmarks/peers.py --images nuclei/images --labels nuclei/labels --work runs/peers --minutes 30

Each peer gets a virtual environment of its own from the package index, made by this command, is trained from scratch on
the training part within the same wall time (thresholds are chosen on the validation part afterwards), and segments the
validation and the test part, one image after the other with nothing else running: scores, seconds a megapixel, memory,
size. What is done already is not done again. `--side-by-side 2` trains two at once, on a thread each.

Cellpose 4 and InstanSeg fetch their weights from a server and are not trained from scratch like this: left out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from results import machine

from napari_wnet.datasets.folder import load_steps, pairs
from napari_wnet.datasets.split import split
from napari_wnet.reports import drain
from napari_wnet.score import score_folders

SCRIPTS = Path(__file__).parent / "peer_scripts"
PARTS = ("train", "validation", "test")
SCORED = PARTS[1:]
COLUMNS = (
    ("AP .5", "average_precision_0.5"),
    ("AP .75", "average_precision_0.75"),
    ("AP .9", "average_precision_0.9"),
    ("mAP", "mean_average_precision"),
    ("mSBD", "symmetric_best_dice"),
)


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A method: its script, the packages it needs, and what shows its version."""

    name: str
    script: str
    requirements: str = ""
    package: str = "napari-wnet"
    timed: bool = True
    recipe: str = ""


PEERS = (
    Peer(name="W-Net, recipe nuclei-fast", script="wnet_peer.py", recipe="nuclei-fast"),
    Peer(name="W-Net, bundled nuclei-fast", script="wnet_peer.py", timed=False, recipe="nuclei-fast"),
    Peer(name="W-Net, bundled nuclei", script="wnet_peer.py", timed=False, recipe="nuclei"),
    Peer(name="StarDist", script="stardist_peer.py", requirements="requirements-stardist.txt", package="stardist"),
    Peer(name="Cellpose 3", script="cellpose_peer.py", requirements="requirements-cellpose.txt", package="cellpose"),
    Peer(name="Otsu + watershed", script="threshold_peer.py", timed=False, package="scikit-image"),
)


def slug(peer: Peer) -> str:
    """Return the name of a peer's folder."""
    return re.sub("[^a-z0-9]+", "-", peer.name.lower())


def python_of(peer: Peer, work: Path) -> Path:
    """Return the interpreter of a peer's environment, made if it is not there."""
    if not peer.requirements:
        return Path(sys.executable)
    folder = work / "environments" / slug(peer)
    python = folder / "bin" / "python"
    done = folder / "done"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", SCRIPTS / peer.requirements], check=True)
        done.touch()
    return python


def version_of(peer: Peer, python: Path) -> str:
    """Return the version of a peer's package."""
    if not peer.requirements:
        return version(peer.package)
    code = f"from importlib.metadata import version; print(version('{peer.package}'))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def write_split(given: argparse.Namespace) -> Path:
    """Write the parts as TIFF, grey images and labels, and return their folder."""
    folder: Path = given.work / "data"
    if (folder / "done").exists():
        return folder
    found = pairs(given.images, given.labels)
    names = split([pair.name for pair in found.pairs])
    for sample in drain(load_steps(found)).samples:
        (part,) = [part for part in PARTS if sample.name in getattr(names, part)]
        for kind, array in (("images", sample.image[0]), ("labels", sample.labels.astype(np.uint16))):
            path = folder / part / kind / f"{sample.name}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, array)
    (folder / "done").touch()
    return folder


def run(peer: Peer, task: str, given: argparse.Namespace, *more: str | Path) -> None:
    """Run a peer's script in its environment, its words kept in a log."""
    folder = given.work / slug(peer)
    folder.mkdir(parents=True, exist_ok=True)
    command = [python_of(peer, given.work), SCRIPTS / peer.script, task, "--data", given.work / "data"]
    command += ["--model", folder / "model", "--threads", str(given.threads), "--seed", str(given.seed)]
    command += ["--recipe", peer.recipe, *more]
    environment = {**os.environ, "OMP_NUM_THREADS": str(given.threads), "TF_CPP_MIN_LOG_LEVEL": "2"}
    with (folder / f"{task}.log").open("a") as log:
        subprocess.run(command, check=True, stdout=log, stderr=subprocess.STDOUT, env=environment)


def train(peer: Peer, given: argparse.Namespace) -> None:
    """Train a peer, unless that is done."""
    if not (given.work / slug(peer) / "model" / "trained.json").exists():
        run(peer, "train", given, "--minutes", str(given.minutes if peer.timed else 0))


def measure(peer: Peer, part: str, given: argparse.Namespace) -> dict[str, Any]:
    """Segment a part and score it."""
    out = given.work / slug(peer) / part
    if not (out / "times.json").exists():
        run(peer, "predict", given, "--part", part, "--out", out)
    times = json.loads((out / "times.json").read_text())
    scores = score_folders(given.work / "data" / part / "labels", out).scores
    return {
        "n_images": len(scores.images),
        **{column: scores.mean[key] for column, key in COLUMNS},
        "pooled AP .5": scores.pooled[0].average_precision,
        "seconds a megapixel": times["seconds"] / times["megapixels"],
        **{key: times[key] for key in ("peak_mib", "size_bytes", "parameters")},
    }


def table(rows: dict[str, Any], part: str) -> list[str]:
    """Return a part's rows as Markdown."""
    columns = [column for column, _ in COLUMNS]
    lines = [f"| {part} | {' | '.join(columns)} | s/MP | peak MiB | MB | trained |", "|---" * 10 + "|"]
    for name, row in rows.items():
        one = row[part]
        scores = " | ".join(f"{one[column]:.3f}".lstrip("0") for column in columns)
        trained = f"{row['steps']:,} steps in {row['seconds'] / 60:.0f} min" if row["steps"] else "-"
        size = f"{one['size_bytes'] / 1e6:.1f}"
        lines.append(
            f"| {name} {row['version']} | {scores} | {one['seconds a megapixel']:.2f} | {one['peak_mib']:.0f} | {size} "
            f"| {trained} |"
        )
    return lines


def main() -> None:
    """Make environments, train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for environments, models and results")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side-by-side", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers", nargs="+", default=[peer.name for peer in PEERS], choices=[p.name for p in PEERS])
    given = parser.parse_args()
    given.work = given.work.resolve()
    chosen = [peer for peer in PEERS if peer.name in given.peers]
    write_split(given)
    for peer in chosen:
        python_of(peer, given.work)
    with ThreadPoolExecutor(given.side_by_side) as pool:
        list(pool.map(lambda peer: train(peer, given), chosen))
    rows = {}
    for peer in chosen:
        trained = json.loads((given.work / slug(peer) / "model" / "trained.json").read_text())
        parts = {part: measure(peer, part, given) for part in SCORED}
        steps = trained["steps"] if peer.timed else 0
        about = {
            "version": version_of(peer, python_of(peer, given.work)),
            "steps": steps,
            "seconds": trained["seconds"],
        }
        rows[peer.name] = about | parts
    budget = {"threads": given.threads, "minutes": given.minutes, "seed": given.seed}
    note = {"machine": machine(), **budget, "peers": rows}
    (given.work / "peers.json").write_text(json.dumps(note, indent=1))
    print("\n".join([*table(rows, "validation"), "", *table(rows, "test")]))


if __name__ == "__main__":
    main()
