"""How many small changes to the core's code does some test notice? The mutation score, by mutmut.

python benchmarks/mutation.py --sample 400 --seed 1 --out mutation.json

mutmut makes the changes (mutants: another operator, number or constant, an argument left out, None in place of a
value) in a copy under `--work`, never in the tree itself; a random sample of them is drawn, all with `--sample 0`.
For each, the tests of `tests/core` that call the changed function run, quickest first, until one fails; one that
takes much longer than they do is killed, and counts as noticed. hypothesis draws the same examples each time. What is
not changed: text in `raise` (the wording of errors), annotations, docstrings, constants of modules, and functions
under a decorator other than classmethod or staticmethod (mostly properties). Mutants that change nothing anyone could
see are not taken out: they count as survivors.

A run that was cut short goes on where it ended, for as long as sources and tests are the same. To see a survivor, in
the work folder: `mutmut show NAME`.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.metadata
import json
import os
import platform
import random
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from math import sqrt
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("src", "tests")
DECIDES = ("src/napari_wnet/**/*.py", "tests/core/*.py", "tests/*.py", "pyproject.toml")
CAUGHT = ("killed", "timeout", "segfault")
STATES = ("killed", "survived", "timeout", "segfault", "no tests", "suspicious")


def fingerprint() -> str:
    """Return what tells this state of sources and tests from another."""
    digest = hashlib.sha256()
    for file in sorted(file for pattern in DECIDES for file in ROOT.glob(pattern)):
        digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()


def make_copy(work: Path) -> None:
    """Copy what is needed to `work`; one of the same state, with its results, stays."""
    mark = work / "fingerprint"
    if mark.exists() and mark.read_text() == fingerprint():
        return
    mark.unlink(missing_ok=True)
    for name in ("mutants", *FOLDERS):  # whatever else is there isn't ours
        if (work / name).exists():
            shutil.rmtree(work / name)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, work / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "pyproject.toml", work)
    mark.write_text(fingerprint())


def mutmut(work: Path, lock: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run mutmut in `work`; it holds the lock for as long as it lives, even where this process is killed."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)  # the copy's sources, and no others
    capture = subprocess.PIPE if arguments[0] == "results" else None
    done = subprocess.run(
        [Path(sys.executable).parent / "mutmut", *arguments],
        cwd=work,
        env=environment,
        pass_fds=[lock],
        stdout=capture,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"mutmut {arguments[0]} failed. Where the reason isn't above, delete {work} and start again.")
    return done


def states(work: Path, lock: int) -> dict[str, str]:
    """Return what is known of each mutant, by its name."""
    lines = mutmut(work, lock, "results", "--all", "true").stdout.splitlines()
    pairs = (line.strip().rsplit(": ", 1) for line in lines if ": " in line)
    return {name: state for name, state in pairs}


def interval(caught: int, tried: int, z: float = 1.96) -> list[float]:
    """Return the 95 % interval of a share (Wilson)."""
    share, spread = caught / tried, z * z / tried
    middle = share + spread / 2
    reach = z * sqrt(share * (1 - share) / tried + spread / (4 * tried))
    return [round((middle + sign * reach) / (1 + spread), 4) for sign in (-1, 1)]


def report(drawn: dict[str, str], known: dict[str, str], seed: int) -> dict[str, Any]:
    """Return the score, and the counts of each module."""
    modules: dict[str, Counter[str]] = defaultdict(Counter)
    for name in known:
        modules[name.split(".")[2]]["mutants"] += 1
    for name, state in drawn.items():
        modules[name.split(".")[2]].update(["drawn", state])
    total = Counter(drawn.values())
    caught = sum(total[state] for state in CAUGHT)
    return {
        "mutants": len(known),
        "drawn": len(drawn),
        "seed": seed,
        "score": round(caught / len(drawn), 4),
        "interval_95": interval(caught, len(drawn)),
        **{state: total[state] for state in STATES},
        "modules": {
            module: {key: counts[key] for key in ("mutants", "drawn", *STATES)}
            for module, counts in sorted(modules.items())
        },
        "not_caught": sorted(name for name, state in drawn.items() if state not in CAUGHT),
        "machine": f"{os.cpu_count()} {platform.machine()} cores, {platform.system()}",
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in ("mutmut", "pytest", "hypothesis", "numpy")},
    }


def measure(work: Path, lock: int, sample: int, seed: int) -> dict[str, Any]:
    """Draw mutants, try those that were not tried before, and report."""
    # Names of one small module: with them mutmut makes all mutants, and learns which tests call what.
    mutmut(work, lock, "run", "--max-children", "1", "napari_wnet.core.extras.*")
    known = states(work, lock)
    names = sorted(known)
    if 0 < sample < len(names):
        names = random.Random(seed).sample(names, sample)
    left = sorted(name for name in names if known[name] == "not checked")
    print(f"{len(names)} of {len(known)} mutants drawn, {len(left)} of them to be tried", flush=True)
    if left:
        mutmut(work, lock, "run", "--max-children", "1", *left)
        known = states(work, lock)
    return report({name: known[name] for name in names}, known, seed)


def main() -> None:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=400, help="how many mutants are tried; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("mutation.json"))
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "mutation", help="folder for the copy")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    with (options.work / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"A run, or what a killed one left, still works in {options.work}: wait, or give --work.")
        make_copy(options.work)
        result = measure(options.work, file.fileno(), options.sample, options.seed)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({key: value for key, value in result.items() if not isinstance(value, dict)}, indent=1))


if __name__ == "__main__":
    main()
