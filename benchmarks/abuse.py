"""Damaged and hostile files of every kind that is read: each is to be refused in words, or read as what it is.

python benchmarks/abuse.py --inputs 10000 --seed 1 --out abuse.json

One process makes inputs and feeds them to a child, whose memory is limited, and which is killed where it works, or
sleeps, for more than 10 seconds. What a seed and a number make is always the same: `--only 1234` tries that one again.
With the same `--out` and seed a run goes on where it ended.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import multiprocessing
import os
import platform
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
HANG_S, STEP_S, LONGEST_S = 10.0, 0.5, 300.0
LIMIT_BYTES = 2 * 2**30
"""Of address space, beyond what the program has when it has been loaded."""
MUCH_BYTES = 2**30
"""What no small file may take, as resident memory beyond what was there."""
SAID = "said.txt"
KEPT = 40
"""Examples of each kind of failure that are kept in the result."""


class Watch:
    """What is written, opened or removed outside of where it may be, by Python's own account."""

    def __init__(self, arena: Path) -> None:
        self.arena, self.case, self.wrong = arena, arena, list[str]()
        self.active = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, given: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event == "open":
            path, mode, flags = given
            writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (
                isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            )
            self._check(path, "written" if writes else "read")
        elif event in ("os.rename", "os.link", "os.symlink"):
            if event == "os.rename":
                self._check(given[0], "written")
            self._check(given[1], "written")
        elif event in ("os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree") and given[-1] in (None, -1):
            self._check(given[0], "written")  # else by a name in a folder that was told before

    def _check(self, path: Any, how: str) -> None:
        if isinstance(path, int):
            return
        where = os.path.realpath(os.fsdecode(path)) if "\0" not in os.fsdecode(path) else ""
        if how == "read" and where.startswith(str(self.arena / "secret")):
            self.wrong.append(f"read {where}")
        allowed = (str(self.case), str(self.arena / "own"), "/dev/null", "/proc/self")
        if how == "written" and where and not where.startswith(allowed):
            self.wrong.append(f"wrote {where}")


def outcome(number: int, seed: int, watch: Watch, sound: Any) -> tuple[str, str, str]:
    """Try an input, and return its kind, what came of it, and what was said."""
    import numpy as np
    from abuse_targets import CLEAN, ORDER, TARGETS

    kind = ORDER[number % len(ORDER)]
    watch.case = watch.arena / f"case{number}"
    watch.case.mkdir()
    watch.wrong.clear()
    watch.active = True
    try:
        TARGETS[kind](np.random.default_rng((seed, number)), watch.case, sound)
        found, said = "read", ""
    except CLEAN as error:
        found, said = "refused", str(error)
        if len(said.strip()) < 20:
            found = "traceback"
    except BaseException:  # noqa: BLE001 - whatever it is, it would have reached the user
        found, said = "traceback", traceback.format_exc(limit=-6)
    finally:
        watch.active = False
    if watch.wrong:
        found, said = "wrong file", "; ".join(watch.wrong[:5])
    shutil.rmtree(watch.case, ignore_errors=True)
    return kind, found, said


def serve(ends: tuple[Connection, Connection], arena: Path, span: tuple[int, int], seed: int) -> None:
    """Try the inputs of a span; told is when each begins and what came of it."""
    theirs, pipe = ends
    theirs.close()  # or this process would outlive the one that listens
    from abuse_sound import Sound

    own = arena / "own"
    os.chdir(own)
    here = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (here + LIMIT_BYTES, here + LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with (own / SAID).open("w") as said:  # what libraries in C say goes past sys.stderr
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    faulthandler.register(signal.SIGUSR1, file=2)
    watch, sound = Watch(arena), Sound(arena / "sound")
    for number in range(*span):
        Path("/proc/self/clear_refs").write_text("5")
        before = _resident("VmRSS")
        pipe.send(("begin", number))
        began = time.monotonic()
        kind, found, text = outcome(number, seed, watch, sound)
        taken = _resident("VmHWM") - before
        if taken > MUCH_BYTES and found in ("read", "refused"):
            found, text = "memory", f"{taken / 2**20:.0f} MB; {text}"
        pipe.send(("end", number, kind, (found, text), time.monotonic() - began, taken))
    pipe.send(("done",))


def _resident(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return 1024 * int(line.split()[1])
    return 0


def feed(arena: Path, span: tuple[int, int], seed: int, note: Any) -> None:
    """Keep a child at work until all of a span has been tried."""
    from abuse_targets import ORDER

    context = multiprocessing.get_context("fork")
    first, last = span
    while first < last:
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=serve, args=((ours, theirs), arena, (first, last), seed))
        child.start()
        theirs.close()
        at, done = first, False
        while not done:
            if not _answers(ours, child):
                note(at, ORDER[at % len(ORDER)], ("hang", _stacks(child, arena)), HANG_S, 0)
                break
            try:
                report = ours.recv()
            except EOFError:
                child.join()
                note(at, ORDER[at % len(ORDER)], ("crash", f"exit status {child.exitcode}"), 0.0, 0)
                break
            if report[0] == "begin":
                at = report[1]
            elif report[0] == "end":
                note(*report[1:])
            else:
                done = True
        child.join()
        first = last if done else at + 1


def _answers(pipe: Connection, child: Any) -> bool:
    """Wait for a report; False where the child has used, or slept for, too many seconds of a processor's time.

    What others do on the same machine does not count: a child that waits for its turn is not stuck.
    """
    stat = Path(f"/proc/{child.pid}/stat")
    first = before = _ticks(stat)
    waited = asleep = 0.0
    while waited < LONGEST_S:
        if pipe.poll(STEP_S):
            return True
        waited += STEP_S
        now = _ticks(stat)
        asleep = asleep + STEP_S if now == before and "S" in stat.read_text().split()[2] else 0.0
        before = now
        if (now - first) / os.sysconf("SC_CLK_TCK") > HANG_S or asleep > HANG_S:
            return False
    return False


def _ticks(stat: Path) -> int:
    fields = stat.read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _stacks(child: Any, arena: Path) -> str:
    """Return where a child is that takes too long, and end it."""
    os.kill(child.pid, signal.SIGUSR1)
    time.sleep(1)
    child.kill()
    return (arena / "own" / SAID).read_text(errors="replace")[-20_000:]


class Result:
    """What came of all inputs so far."""

    def __init__(self, path: Path | None, seed: int) -> None:
        self.path, self.seed, self.next = path, seed, 0
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.examples: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.slowest = self.most = self.seconds = 0.0
        if path is not None and path.exists():
            self._go_on(json.loads(path.read_text()))

    def _go_on(self, found: dict[str, Any]) -> None:
        if found["seed"] != self.seed:
            raise SystemExit(f"{self.path} is of seed {found['seed']}; give another --out, or that seed.")
        self.next, self.slowest, self.most = found["inputs"], found["slowest_s"], found["most_mb"] * 2**20
        self.seconds = found["seconds"]
        for kind, counts in found["by_kind"].items():
            self.counts[kind].update(counts)
        self.examples.update(found["failures"])

    def note(self, number: int, kind: str, said: tuple[str, str], seconds: float, taken: int) -> None:
        found, text = said
        self.next = number + 1
        self.counts[kind][found] += 1
        self.slowest, self.most = max(self.slowest, seconds), max(self.most, taken)
        if found not in ("read", "refused"):
            print(f"{number} {kind}: {found}\n{text[-20_000:]}", flush=True)
            if len(self.examples[found]) < KEPT:
                self.examples[found].append({"number": number, "kind": kind, "said": text[-800:]})
        if self.next % 500 == 0:
            print(f"{self.next}: {dict(self.total)}", flush=True)
            self.write()

    @property
    def total(self) -> Counter[str]:
        return sum(self.counts.values(), Counter[str]())

    def write(self) -> None:
        if self.path is None:
            return
        result = {
            "seed": self.seed,
            "inputs": self.next,
            "total": dict(self.total),
            "by_kind": {kind: dict(counts) for kind, counts in sorted(self.counts.items())},
            "slowest_s": round(self.slowest, 2),
            "most_mb": round(self.most / 2**20),
            "seconds": round(self.seconds),
            "machine": f"{os.cpu_count()} {platform.machine()} cores, {platform.system()}",
            "python": platform.python_version(),
            "failures": self.examples,
        }
        self.path.write_text(json.dumps(result, indent=1) + "\n")


def main() -> int:
    """Try as many as were asked for; status 1 if any did harm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="try this one alone")
    parser.add_argument("--out", type=Path, help="JSON file of the result")
    given = parser.parse_args()
    arena = Path(tempfile.mkdtemp(prefix="abuse-"))
    for name in ("own", "secret", "own/tmp"):
        (arena / name).mkdir(parents=True)
    for variable, name in (
        ("HOME", ""),
        ("TMPDIR", "tmp"),
        ("NAPARI_WNET_CACHE", "c"),
        ("NAPARI_WNET_USER_MODELS", "m"),
    ):
        os.environ[variable] = str(arena / "own" / name)
    tempfile.tempdir = None
    began = time.monotonic()
    try:
        import abuse_targets  # noqa: F401 - once, rather than in each child
        from abuse_sound import make_sound

        sound = make_sound(arena / "sound")
        sound.copy("packed.tif", arena / "secret").rename(arena / "secret" / "secret.tif")
        sound.copy("plants.h5", arena / "secret").rename(arena / "secret" / "secret.h5")
        result = Result(None if given.only is not None else given.out, given.seed)
        span = (result.next, given.inputs) if given.only is None else (given.only, given.only + 1)
        try:
            feed(arena, span, given.seed, result.note)
        finally:
            result.seconds += time.monotonic() - began
            result.write()
    finally:
        shutil.rmtree(arena, ignore_errors=True)
    print(json.dumps({"inputs": result.next, **result.total}))
    return 0 if set(result.total) <= {"read", "refused"} else 1


if __name__ == "__main__":
    sys.exit(main())
