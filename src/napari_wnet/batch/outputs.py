"""The files that a batch writes for an image: their names, how they get into place, and whether they are there.

They are written into a folder of their own within the output folder and then moved, the sidecar last: a sidecar means
that everything it names is there. A run that is killed between two moves is brought to its end by the next. What no
sidecar names is somebody else's and never replaced, whatever its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from napari_wnet.atomic import refuse_existing, refuse_existing_folder, writing
from napari_wnet.batch.kinds import ENDINGS
from napari_wnet.errors import OutputError, ParamsError, WNetError
from napari_wnet.io.sidecar import read_sidecar

WORK = ".napari-wnet"
"""Folder within the output folder for what is not finished; hidden, so that nobody takes it for results."""
STEM_FILE, DECIDED_FILE = "stem", "decided"
EARLIER = "earlier"
"""Key of a sidecar's result: names of what earlier results have left."""
ALWAYS = ("labels", "table", "sidecar")


def output_paths(out: Path, stem: str, kinds: Sequence[str]) -> dict[str, Path]:
    """Return where the results of an image go, by kind, the sidecar last."""
    ordered = [kind for kind in dict.fromkeys((*ALWAYS, *kinds)) if kind != "sidecar"]
    return {kind: out / (stem + ENDINGS[kind]) for kind in (*ordered, "sidecar")}


def own_outputs(folder: Path) -> frozenset[str]:
    """Return the names of the sidecars in a folder, and of the files that they name as results."""
    names: set[str] = set()
    for path in folder.glob("*.json"):
        if path.name.endswith(ENDINGS["coco"]) and (folder / path.name.replace(ENDINGS["coco"], ".json")).exists():
            continue  # named there, and megabytes long
        names |= named_by(path)
    return frozenset(names)


def named_by(sidecar: Path) -> frozenset[str]:
    """Return the name of a sidecar and those of the results that it knows of; none, if it is some other file or none.

    These are the results it was written with, and what is left of earlier ones: see :func:`left_of_earlier`.
    """
    try:
        result = read_sidecar(sidecar).get("result")
    except ParamsError:  # some other JSON, or nothing
        return frozenset()
    told = result if isinstance(result, dict) else {}
    files, left = told.get("files"), told.get(EARLIER)
    names = [*(files.values() if isinstance(files, dict) else ()), *(left if isinstance(left, list) else ())]
    return frozenset({sidecar.name, *map(str, names)})


def left_of_earlier(targets: Mapping[str, Path]) -> list[str]:
    """Return the names of earlier results of an image that are there, and that new ones do not take the place of.

    A sidecar goes on naming them (``result.earlier``): they stay results of this program, which may be replaced one
    day and are no images to segment.
    """
    sidecar = targets["sidecar"]
    names = named_by(sidecar) - {target.name for target in targets.values()}
    return sorted(name for name in names if (sidecar.parent / name).exists())


@contextlib.contextmanager
def staged(out: Path, stem: str, targets: Mapping[str, Path], *, overwrite: bool) -> Iterator[dict[str, Path]]:
    """Give places to write results to, and move all of them to where they go when the block ends without an error.

    Parameters
    ----------
    out : Path
    stem : str
    targets : mapping of str to Path
        See :func:`output_paths`.
    overwrite : bool
        Whether earlier results may be replaced; other files never are.

    Raises
    ------
    OutputError
        If something is in the way or cannot be written.
    """
    refuse_results(targets, overwrite=overwrite)
    # Its own: a worker that is given up for lost may be alive, and write the same results.
    stage = out / WORK / f"{_key(stem)}-{secrets.token_hex(4)}"
    with writing(stage):
        stage.mkdir(parents=True)
        (stage / STEM_FILE).write_bytes(os.fsencode(stem))
    try:
        yield {kind: stage / target.name for kind, target in targets.items()}
        refuse_results(targets, overwrite=overwrite)  # someone else may have written there meanwhile
        with writing(stage):
            (stage / DECIDED_FILE).write_text("overwrite" if overwrite else "new", encoding="utf-8")
        _move(stage, targets)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        with contextlib.suppress(OSError):  # others are being written, or a batch has its lock there
            stage.parent.rmdir()


def _move(stage: Path, targets: Mapping[str, Path]) -> None:
    for target in targets.values():  # the sidecar is the last
        source = stage / target.name
        if source.exists():
            with writing(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.is_dir():  # a folder takes the place of none but an empty one
                    target.rename(stage / f"{target.name}.old")
                source.replace(target)


def refuse_results(targets: Mapping[str, Path], *, overwrite: bool) -> None:
    """Refuse places where something is that must not be replaced, be it a file or, for zarr, a folder.

    Parameters
    ----------
    targets : mapping of str to Path
        See :func:`output_paths`.
    overwrite : bool
        Whether earlier results may be replaced.

    Raises
    ------
    OutputError
        If earlier results are there and may not be replaced, or anything else is.
    """
    refuse_foreign(targets)
    for target in targets.values():
        refuse = refuse_existing_folder if target.name.endswith(ENDINGS["zarr"]) else refuse_existing
        refuse(target, overwrite=overwrite)


def refuse_foreign(targets: Mapping[str, Path], but: Collection[str] = ()) -> None:
    """Refuse places where something is that is no result of this program, such as labels that somebody drew.

    Nobody can be meant to lose that, so the message names no way to have it replaced.

    Parameters
    ----------
    targets : mapping of str to Path
        See :func:`output_paths`; the sidecar that is there says which of the others are results.
    but : collection of str
        Kinds that are known to be results although no sidecar says so yet.

    Raises
    ------
    OutputError
    """
    found = _foreign({kind: target for kind, target in targets.items() if kind not in but}, targets["sidecar"])
    if found is not None:
        raise OutputError(
            f"{found} exists already and is not known to be a result of napari-wnet, so it is not replaced; choose "
            "another folder (--out), or move it away."
        )


def _foreign(targets: Mapping[str, Path], sidecar: Path) -> Path | None:
    """Return the first place that holds what no sidecar names, if there is one."""
    own = named_by(sidecar)
    for target in targets.values():
        with writing(target):  # to look is not allowed everywhere
            if target.name not in own and target.exists():
                return target
    return None


def _key(stem: str) -> str:
    return hashlib.sha1(stem.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()


def tidy(out: Path, stem: str | None = None) -> None:
    """Bring what a killed run left behind to its end where all of it was written, and clear the rest away.

    Parameters
    ----------
    out : Path
    stem : str, optional
        Of one image; by default of all.
    """
    found = (out / WORK).glob("*" if stem is None else f"{_key(stem)}-*")
    for stage in sorted(path for path in found if (path / STEM_FILE).exists()):
        with contextlib.suppress(WNetError, OSError, KeyError, TypeError, ValueError):  # damaged: it is made anew
            _finish(out, stage)
        shutil.rmtree(stage, ignore_errors=True)


def tidy_corrections(out: Path, stems: Iterable[str]) -> None:
    """Do the same where corrections are written: in the folders that the results lie in.

    Parameters
    ----------
    out : Path
    stems : iterable of str
        Of the images whose results may have been corrected.
    """
    for folder in sorted({(out / stem).parent for stem in stems} - {out}):
        tidy(folder)
        with contextlib.suppress(OSError):  # there is none, or something is being written
            (folder / WORK).rmdir()


def _finish(out: Path, stage: Path) -> None:
    decided = (stage / DECIDED_FILE).read_text(encoding="utf-8")
    stem = os.fsdecode((stage / STEM_FILE).read_bytes())
    names = read_sidecar(stage / (Path(stem).name + ENDINGS["sidecar"]))["result"]["files"]
    targets = output_paths(out, stem, [kind for kind in names if kind in ENDINGS])
    inside = (out / stem).parent.resolve().is_relative_to(out.resolve())
    waiting = {kind: path for kind, path in targets.items() if (stage / path.name).exists()}
    if decided == "overwrite":
        in_the_way = _foreign(waiting, targets["sidecar"]) is not None  # what was moved already is ours, named or not
    else:
        in_the_way = any(path.exists() for path in waiting.values())
    if inside and not in_the_way:
        _move(stage, targets)
