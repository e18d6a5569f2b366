"""The page on a whole batch opens without a network and says what came of each image."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import tifffile

from napari_wnet.batch import report
from napari_wnet.batch.inputs import find_inputs
from napari_wnet.batch.job import BatchJob
from napari_wnet.batch.run import batch_steps
from napari_wnet.network.registry import load_model
from napari_wnet.reports import drain


class Page(HTMLParser):
    """Collects the addresses and the words of a page, and checks that its elements close."""

    EMPTY = frozenset({"meta", "img", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def job(tmp_path):
    model = load_model("nuclei")
    params = model.header.params.replace(clustering__angle=33.0)
    return BatchJob(model=model, params=params, out=tmp_path / "out", device="cpu", report=True)


@pytest.fixture
def images(tmp_path, nuclei_image):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        tifffile.imwrite(folder / f"<b>{number}.tif", nuclei_image[0, :96, 96 * number : 96 * (number + 1)])
    (folder / "broken & bad.png").write_text("no picture")
    return folder


def made(job, images) -> str:
    drain(batch_steps(job, find_inputs([str(images)], job.out).items))
    return (job.out / "report.html").read_text(encoding="utf-8")


def test_it_holds_all_that_it_shows(job, images):
    page = Page(made(job, images))
    assert len(page.addresses) == 3
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    words = " ".join(page.words)
    assert "3 of 4 images segmented" in words
    assert "<b>0.tif" in words  # as text, whatever an image is called
    assert "broken & bad.png" in words
    assert "is no PNG or JPEG picture" in words
    assert re.search(r"33\.0.*recommended:", words)
    assert job.model.sha256 in words
    assert "numpy" in words


def test_it_is_made_anew_and_knows_what_was_finished_before(job, images):
    first = Page(made(job, images))
    (images / "broken & bad.png").unlink()
    second = Page(made(job, images))
    assert "failed.csv" not in [path.name for path in job.out.iterdir()]
    assert second.addresses == first.addresses
    assert "3 of 3 images segmented" in " ".join(second.words)
    assert second.words.count("skipped") == 3


def test_a_page_of_the_users_is_left_alone(job, images):
    job.out.mkdir()
    (job.out / "report.html").write_text("mine")
    assert made(job, images) == "mine"
    assert "3 of 4" in (job.out / "batch_report.html").read_text(encoding="utf-8")


def test_images_and_tables_that_went_are_left_out(job, images):
    steps = batch_steps(replace(job, report=False), find_inputs([str(images)], job.out).items)
    results = drain(steps)
    next(images.glob("*0.tif")).unlink()
    (job.out / "<b>1.csv").unlink()
    tifffile.imwrite(job.out / "<b>2_labels.tif", np.ones((5, 5), np.uint8))
    for _ in report.report_steps(job, results):
        pass
    page = Page((job.out / "report.html").read_text(encoding="utf-8"))
    assert len(page.addresses) == 1
    assert "3 of 4 images segmented" in " ".join(page.words)


def test_of_many_images_the_most_telling_are_shown(job, images):
    results = [replace(result, n_objects=number) for number, result in enumerate(drain(
        batch_steps(replace(job, report=False), find_inputs([str(images)], job.out).items)
    ) * 200)]  # fmt: skip
    chosen = report._chosen(results)
    assert len(chosen) <= report.MOST_PICTURES
    assert {0, len(results) - 1, len(results) - 2} <= {result.n_objects for result in chosen}


@pytest.mark.parametrize("values", [[], [3], [2, 2, 2], list(range(1000)), [0.5, 0.25, 1e6]])
def test_every_value_is_in_one_bar(values):
    shown = report._histogram("objects", "", np.array(values, float))
    assert (shown is None) == (not values)
    if shown is not None:
        assert sum(count for *_, count in shown.bars) == len(values)
        assert max(share for share, *_ in shown.bars) == 1
