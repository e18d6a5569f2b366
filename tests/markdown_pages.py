"""The pages of the documentation, and what leads from one to another."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")


def without_code(text: str) -> str:
    """Return a page with its blocks of code left empty."""
    return re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.DOTALL | re.MULTILINE)


def links(path: Path) -> list[tuple[str, str]]:
    """Return the targets of a page's links within the project, and their anchors."""
    return LINK.findall(without_code(path.read_text(encoding="utf-8")))


def anchors(path: Path) -> set[str]:
    """Return what can stand behind a # to lead to a heading, both where the repository is read and in the site."""
    found = re.findall(r"^#+ (.+)$", without_code(path.read_text(encoding="utf-8")), re.MULTILINE)
    titles = [re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", title).lower()).strip() for title in found]
    return {title.replace(" ", "-") for title in titles} & {re.sub(r"[-\s]+", "-", title) for title in titles}
