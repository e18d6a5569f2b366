"""Write docs/commands.md from the command line itself: ``python scripts/commands_page.py``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from napari_wnet.cli import parser

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
INTRODUCTION = """# Commands

Made from the commands themselves by `python scripts/commands_page.py`. The exit status is 0 when all is done,
1 when some input failed, 2 for wrong use. Parameters that are not given are those that the model recommends.
"""


def sections(prefix: str, command: argparse.ArgumentParser, about: str = "") -> Iterator[str]:
    """Yield a section for a command and for each of its own commands; `about` is what the one above says of it."""
    children = [action for action in command._actions if isinstance(action, argparse._SubParsersAction)]
    if not children:
        yield f"## {prefix}\n\n{command.description or about}\n\n{table(command)}"
    for action in children:
        told = {one.dest: f"{(one.help or '')[:1].upper()}{(one.help or '')[1:]}." for one in action._choices_actions}
        for name, child in action.choices.items():
            yield from sections(f"{prefix} {name}", child, told.get(name, ""))


def table(command: argparse.ArgumentParser) -> str:
    """Return a table of a command's arguments."""
    rows = ["| argument | meaning |", "|---|---|"]
    for action in command._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        if action.choices:
            name += " {" + ",".join(map(str, action.choices)) + "}"
        help_text = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
        rows.append(f"| `{name}` | {help_text} |".replace("\n", " "))
    return "\n".join(rows)


def page() -> str:
    """Return the whole page."""
    return "\n\n".join([INTRODUCTION.rstrip(), *sections("napari-wnet", parser())]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
