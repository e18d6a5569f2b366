"""``napari-wnet demo``: the main job on a bundled image."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_wnet.commands.console import say, show_files


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "demo", help="segment a bundled image of nuclei", description="Segment a bundled image; works offline."
    )
    parser.add_argument(
        "--out", type=Path, default=Path("wnet-demo"), help="folder of the results (default %(default)s)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default %(default)s)")
    parser.add_argument("--gui", action="store_true", help="show it in napari instead, with the dock beside it")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Segment the image and say what was found and where it is."""
    if given.gui:
        from napari_wnet.sample_data import sample_path
        from napari_wnet.ui.launch import show_demo

        show_demo(sample_path("nuclei"))
        return 0
    from napari_wnet.demo import demo_steps

    finished = show_files(demo_steps(given.out, device=given.device), 1)
    for result in finished:
        for kind, path in result.outputs.items():
            say(f"  {kind}: {path}")
    return 1 if any(result.error for result in finished) else 0
