"""What the documentation says is run or compared with what it speaks of."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest

from napari_wnet.cli import parser
from napari_wnet.core.columns import COLUMNS
from napari_wnet.core.traits import TRAITS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


PYTHON = [(path, code) for path in PAGES for code in blocks(path, "python")]
SHELL = [
    (path, line)
    for path in PAGES
    for code in blocks(path, "bash")
    for line in code.splitlines()
    if line.startswith("napari-wnet ")
]


@pytest.mark.parametrize(("path", "code"), PYTHON, ids=lambda value: getattr(value, "name", "code"))
def test_python_in_the_documentation_runs(path, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "snippet.py"
    script.write_text(code, encoding="utf-8")
    assert runpy.run_path(str(script))


@pytest.mark.parametrize(("path", "line"), SHELL, ids=lambda value: str(getattr(value, "name", value)))
def test_commands_in_the_documentation_are_understood(path, line):
    given = parser().parse_args(shlex.split(line, comments=True)[1:])
    assert callable(given.run)


def test_there_are_snippets_to_test():
    assert PYTHON
    assert len(SHELL) > 5


def test_the_page_of_commands_is_up_to_date():
    page = runpy.run_path(str(ROOT / "scripts" / "commands_page.py"))["page"]()
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == page


def test_every_column_of_a_table_is_explained():
    text = (ROOT / "docs" / "measurements.md").read_text(encoding="utf-8")
    explained = re.findall(
        r"`(\w+)`", "".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    )
    assert sorted(explained) == sorted(
        [*(column.name for column in (*COLUMNS, *TRAITS)), "t", "time_h", "time_day"]
        + [f"{start}_per_{unit}" for start, unit in (("relative_growth_rate", "frame"), ("", "h"), ("", "day"))]
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_within_the_project_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
