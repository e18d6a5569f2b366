"""The documentation site is put together whole, and its pictures load fast."""

from __future__ import annotations

import runpy

import pytest
import yaml
from PIL import Image

from markdown_pages import ROOT, links

UNLISTED = {"real-plants.md", "samples.md", "textures.md"}
"""Pages about bundled files, which other pages lead to."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    runpy.run_path(str(ROOT / "scripts" / "site.py"))["build"](out)
    return out


def listed(entries):
    for entry in entries:
        for value in entry.values():
            yield from listed(value) if isinstance(value, list) else [value]


def test_the_site_lists_every_page_once(site):
    nav = list(listed(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    pages = {str(path.relative_to(site)) for path in site.rglob("*.md")}
    records = {page for page in pages if page.startswith("decisions/0")}
    assert len(set(nav)) == len(nav)
    assert set(nav) == pages - UNLISTED - records
    assert {f"decisions/{target}" for target, _ in links(site / "decisions" / "README.md")} == records


def test_links_lead_somewhere_within_the_site(site):
    for page in site.rglob("*.md"):
        for target, _ in links(page):
            leads_to = (page.parent / target).resolve() if target else page
            assert leads_to.is_relative_to(site.resolve())
            assert leads_to.is_file(), (page, target)


def test_nothing_is_fetched_from_other_servers():
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert config["theme"]["font"] is False
    assert not {"extra_javascript", "extra_css", "extra"} & set(config)


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "images").glob("tutorial-*.png")), ids=lambda path: path.name)
def test_a_picture_of_the_tutorial_is_small_and_shown(path):
    assert path.stat().st_size < 150_000
    assert f"images/{path.name}" in (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


def test_the_tour_is_short_and_moves():
    path = ROOT / "docs" / "images" / "tour.gif"
    assert path.stat().st_size < 3_000_000
    with Image.open(path) as tour:
        assert 850 < tour.width < 1000
        assert tour.n_frames > 20
        length_ms = 0
        for number in range(tour.n_frames):
            tour.seek(number)
            length_ms += tour.info["duration"]
    assert 8_000 <= length_ms <= 13_000
