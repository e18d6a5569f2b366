"""The command line: ``napari-wnet``. Exit status 0: all done; 1: some input failed; 2: wrong use."""

from __future__ import annotations

import argparse
import io
import logging
import sys
from collections.abc import Callable, Sequence
from typing import TypeAlias

import napari_wnet
from napari_wnet.commands import (
    convert,
    demo,
    evaluate,
    export,
    measure,
    models,
    replay,
    reproduce,
    segment,
    submission,
    synthesize,
    track,
    train,
    train_outline,
)
from napari_wnet.errors import ParamsError, WNetError

Command: TypeAlias = Callable[[argparse.Namespace], int]
COMMANDS = (
    demo,
    segment,
    replay,
    measure,
    export,
    train,
    evaluate,
    models,
    convert,
    synthesize,
    submission,
    train_outline,
    reproduce,
    track,
)


SILENT = logging.NullHandler()


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    root = argparse.ArgumentParser(
        prog="napari-wnet", description="Segment, train and evaluate with W-Net pixel embeddings."
    )
    root.add_argument("--version", action="version", version=f"napari-wnet {napari_wnet.__version__}")
    subparsers = root.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(subparsers)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):  # a file's name may hold what the terminal cannot show
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    # Its complaints about damaged files come again, in our words, with the remedy. Silenced by its level, it would
    # not even tell the reader, which needs to know.
    logging.getLogger("tifffile").propagate = False
    logging.getLogger("tifffile").addHandler(SILENT)
    given = parser().parse_args(arguments)
    run: Command = given.run
    try:
        return run(given)
    except ParamsError as error:
        sys.stderr.write(f"napari-wnet: {error}\n")
        return 2
    except WNetError as error:
        sys.stderr.write(f"napari-wnet: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("napari-wnet: stopped\n")
        return 130
    except BrokenPipeError:  # the reader, `head` perhaps, has what it wanted
        sys.stderr.close()
        return 1


if __name__ == "__main__":
    sys.exit(main())
