"""Put the pages of the documentation site together in build/docs: ``python scripts/site.py``.

Pages are written to be read in the repository, where README.md and its like are at the top and links lead to sources.
Here they are copied into one folder and their links follow them, so that each page is written once.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "docs"
TOP = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "src/napari_wnet/datasets/rosettes/textures/README.md": "textures.md",
    "src/napari_wnet/samples/README.md": "samples.md",
    "tests/data/leaves/README.md": "real-plants.md",
}
"""Pages that lie outside docs/, and what they are called in the site."""
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)")
FENCE = re.compile(r"^(```.*?^```\s*?)$", re.MULTILINE | re.DOTALL)


def site_path(source: Path) -> Path:
    """Return where a file of the repository lies in the site.

    Sources and other files that are no pages get the ending .txt, so that a browser shows them.
    """
    inside = source.relative_to(ROOT)
    if str(inside) in TOP:
        return Path(TOP[str(inside)])
    if inside.parts[0] == "docs" and source.suffix != ".py":
        return inside.relative_to("docs")
    return Path("files") / (inside if inside.suffix == ".txt" else inside.with_name(f"{inside.name}.txt"))


def page(source: Path) -> tuple[str, set[Path]]:
    """Return a page with its links as they are in the site, and the files they lead to."""
    here, linked = site_path(source), set[Path]()

    def follow(match: re.Match[str]) -> str:
        target, anchor = match.group(1), match.group(2) or ""
        if not target:
            return match.group()
        path = (source.parent / target).resolve()
        if path.is_dir():
            path = path / "README.md"
        linked.add(path)
        return f"]({os.path.relpath(site_path(path), here.parent)}{anchor})"

    parts = FENCE.split(source.read_text(encoding="utf-8"))
    parts[::2] = [LINK.sub(follow, part) for part in parts[::2]]
    return "".join(parts), linked


def build(out: Path = OUT) -> None:
    """Write all pages, and the files they lead to."""
    shutil.rmtree(out, ignore_errors=True)
    pages = [*(ROOT / name for name in TOP), *sorted((ROOT / "docs").rglob("*.md"))]
    for source in pages:
        text, linked = page(source)
        target = out / site_path(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        for path in linked.difference(pages):
            (out / site_path(path)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, out / site_path(path))


if __name__ == "__main__":
    build()
