"""Every message that the page on troubleshooting explains is one that the program can say."""

from __future__ import annotations

import ast
import re

import pytest

from markdown_pages import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
QUOTED = re.findall(r"^\*\*`(.+)`\*\*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def text(node: ast.AST) -> str | None:
    """Return what a piece of source says, with … for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return None


@pytest.fixture(scope="module")
def said():
    sources = sorted((ROOT / "src").rglob("*.py"))
    nodes = (node for path in sources for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return {found for node in nodes if (found := text(node))}


@pytest.mark.parametrize("message", QUOTED)
def test_a_message_that_is_explained_can_be_said(message, said):
    beginning = message.removesuffix("…")
    assert any(one == message or (message.endswith("…") and one.startswith(beginning)) for one in said)


def test_there_are_messages_and_each_has_an_answer():
    assert len(QUOTED) > 40
    assert len(set(QUOTED)) == len(QUOTED)
    parts = re.split(r"^\*\*`.+`\*\*$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert all(len(part.split("#")[0].strip()) > 20 for part in parts)
