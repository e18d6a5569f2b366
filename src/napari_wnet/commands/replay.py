"""``napari-wnet replay``: the same labels again, from the file beside a result."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_wnet.commands.console import counted, say, warn, with_bar


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "replay",
        help="make results again from their .json files",
        description="Make results again, with the image, model, parameters and thread count that are noted beside "
        "them, and tell whether the labels are identical. Status 1 if any are not.",
    )
    parser.add_argument("sidecars", nargs="+", type=Path, metavar="NAME.json", help="the .json file beside a result")
    parser.add_argument("--out", type=Path, help="folder for the copies (by default nothing is written)")
    parser.add_argument("--device", help="by default the one of the first time")
    parser.add_argument("--overwrite", action="store_true", help="replace earlier copies")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Make each again."""
    from napari_wnet.batch.replay import replay_steps
    from napari_wnet.batch.slide_replay import replay_slide_steps
    from napari_wnet.errors import WNetError
    from napari_wnet.io.sidecar import read_sidecar

    failed = False
    for sidecar in given.sidecars:
        try:
            steps = replay_slide_steps if "blocks" in read_sidecar(sidecar) else replay_steps
            replay = with_bar(steps(sidecar, given.out, device=given.device, overwrite=given.overwrite))
        except WNetError as error:
            warn(f"{sidecar}: {error}")
            failed = True
            continue
        if replay.identical:
            since = "; they have been corrected by hand since" if replay.edited else ""
            say(f"{sidecar}: identical labels, {counted(replay.n_objects, 'object')}{since}")
            continue
        failed = True
        count = "" if replay.n_different is None else f", {counted(replay.n_different, 'pixel')} of them"
        warn(f"{sidecar}: the labels differ{count}")
        for difference in replay.differences:
            warn(f"  {difference}")
    return 1 if failed else 0
