"""What the documentation says is run or compared with what it speaks of."""

from __future__ import annotations

import ast
import itertools
import re
import runpy
import shlex
import subprocess
import textwrap
import tomllib
from argparse import Namespace
from pathlib import Path

import pytest
import yaml

import napari_wnet
from markdown_pages import PAGES, ROOT, anchors, links, without_code
from napari_wnet.cli import parser
from napari_wnet.commands.config_file import read_config
from napari_wnet.commands.train import read_job
from napari_wnet.core.columns import COLUMNS
from napari_wnet.core.traits import TRAITS
from napari_wnet.train_params import TrainParams

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
INNER = re.compile(r"\$\(([^()]*)\)")
ENDS = {"&&", "||", "|", "&", ";"}
LANGUAGES = {"bash", "py", "python", "text", "yaml"}
"""What a block can be: bash is parsed, python run, py (which needs what is not here) read, yaml read as settings."""


def blocks(path: Path) -> list[tuple[str, str]]:
    found = FENCE.findall(path.read_text(encoding="utf-8"))
    return [(language, textwrap.dedent(code)) for _, language, code in found]


def blocks_in(language: str) -> list[tuple[Path, str]]:
    return [(path, code) for path in PAGES for found, code in blocks(path) if found == language]


def commands(code: str) -> list[list[str]]:
    """Split a script into the words of its commands, those within $(...) too."""
    inner = [command for text in INNER.findall(code) for command in commands(text)]
    found: list[list[str]] = []
    for line in INNER.sub("INNER", code).replace("\\\n", " ").splitlines():
        found.append([])
        for word in shlex.split(line, comments=True):
            if word in ENDS:
                found.append([])
            elif found[-1] or not re.match(r"\w+=", word):  # variables before a command are none of its words
                found[-1].append(word)
    return [*filter(None, found), *inner]


COMMANDS = [(path, words) for path, code in blocks_in("bash") for words in commands(code)]


def of(program: str) -> list[tuple[Path, list[str]]]:
    return [(path, words[1:]) for path, words in COMMANDS if words[0] == program]


def shown(value: object) -> str:
    return value.name if isinstance(value, Path) else " ".join(value) if isinstance(value, list) else "code"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_block_is_of_a_kind_that_is_tested(path):
    fences = re.findall(r"^ *```(\S*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(fences) == 2 * len(blocks(path))
    assert {language for language, _ in blocks(path)} <= LANGUAGES


@pytest.mark.parametrize(("path", "code"), blocks_in("python"), ids=shown)
def test_python_in_the_documentation_runs(path, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "snippet.py"
    script.write_text(code, encoding="utf-8")
    assert runpy.run_path(str(script))


@pytest.mark.parametrize(("path", "code"), blocks_in("py"), ids=shown)
def test_python_that_needs_a_cluster_can_be_read(path, code):
    names = {
        node.attr
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "napari_wnet"
    }
    assert names <= set(napari_wnet.__all__)


@pytest.mark.parametrize(("path", "code"), blocks_in("bash"), ids=shown)
def test_scripts_in_the_documentation_are_bash(path, code):
    checked = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(("path", "words"), of("napari-wnet"), ids=shown)
def test_commands_in_the_documentation_are_understood(path, words):
    given = parser().parse_args(words)
    assert callable(given.run)


@pytest.mark.parametrize(("path", "words"), [*of("python"), *of("bash")], ids=shown)
def test_scripts_that_are_called_are_there(path, words):
    if words[0] == "-c":
        assert ast.parse(words[1])
    elif words[0] != "-m":
        assert (ROOT / words[0]).is_file()


@pytest.mark.parametrize(("path", "words"), of("pip"), ids=shown)
def test_what_is_installed_is_declared(path, words):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for word in words:
        if extras := re.fullmatch(r"(?:\.|napari-wnet)\[([\w,-]+)\]", word):
            assert set(extras.group(1).split(",")) <= set(project["project"]["optional-dependencies"])
    for option, known in (("-c", {"constraints.txt"}), ("--group", set(project["dependency-groups"]))):
        if option in words:
            assert words[words.index(option) + 1] in known


@pytest.mark.parametrize(("path", "code"), blocks_in("yaml"), ids=shown)
def test_settings_in_the_documentation_are_read(path, code, tmp_path):
    file = tmp_path / "job.yaml"
    file.write_text(code, encoding="utf-8")
    given: Namespace = parser().parse_args(["train", "--config", str(file)])
    assert read_job(given, read_config(file)).params != TrainParams()


def test_there_are_snippets_to_test():
    assert len(blocks_in("python")) > 20
    assert len(of("napari-wnet")) > 50
    assert of("pip")
    assert of("python")
    assert blocks_in("yaml")


@pytest.mark.parametrize("name", ["commands", "settings"])
def test_a_page_that_is_made_is_up_to_date(name):
    page = runpy.run_path(str(ROOT / "scripts" / f"{name}_page.py"))["page"]()
    assert (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") == page


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
def test_menus_are_called_as_in_napari(path):
    manifest = yaml.safe_load((ROOT / "src" / "napari_wnet" / "napari.yaml").read_text(encoding="utf-8"))
    docks, samples = (
        {one["display_name"] for one in manifest["contributions"][kind]} for kind in ("widgets", "sample_data")
    )
    text = " ".join(path.read_text(encoding="utf-8").split())
    for entry in re.findall(r"`Plugins > ([^`]+)`", text):
        assert entry.startswith("napari-wnet > ")
        assert entry.removeprefix("napari-wnet > ") in docks
    for entry in re.findall(r"`File > Open Sample > napari-wnet > ([^`]+)`", text):
        assert entry in samples


def test_every_public_name_has_a_section_in_the_reference():
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^### (\w+)$", text, re.MULTILINE))
    assert set(napari_wnet.__all__) - {"WNetError", "__version__"} <= sections


def test_what_the_reference_names_exists():
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for name in re.findall(r"^::: ([\w.]+)$", text, re.MULTILINE):
        source = (ROOT / "src" / name.replace(".", "/")).with_suffix(".py")
        if not source.is_file():
            module, _, own = name.rpartition(".")
            source = (ROOT / "src" / module.replace(".", "/")).with_suffix(".py")
            assert re.search(rf"^(def|class) {own}\b", source.read_text(encoding="utf-8"), re.MULTILINE), name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_within_the_project_lead_somewhere(path):
    for target, anchor in links(path):
        leads_to = (path.parent / target).resolve() if target else path
        assert leads_to.exists(), target
        if anchor:
            assert anchor in anchors(leads_to), (target, anchor)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_lists_and_tables_stand_apart(path):
    """In the site a list or a table without an empty line before it would run on as text."""
    lines = without_code(path.read_text(encoding="utf-8")).splitlines()
    for before, line in itertools.pairwise(lines):
        if re.match(r"(- |\d+\. |\|)", line):
            assert not before or re.match(r"(- |\d+\. |\|| |#)", before), line
