"""Generators of reports pass on what they are told, both ways."""

from __future__ import annotations

import pytest

from napari_wnet.reports import drain, watched


def work(log: list[str], reports: int = 3):
    try:
        for number in range(reports):
            try:
                yield number
            except KeyboardInterrupt:
                log.append("stopped")
                return "so far"
        return "all"
    finally:
        log.append("closed")


def test_each_report_is_seen_and_passed_on():
    seen, steps = [], []

    def outer():
        result = yield from watched(work([]), seen.append)
        steps.append(result)

    assert list(outer()) == seen == [0, 1, 2]
    assert steps == ["all"]
    assert drain(watched(work([]), seen.append)) == "all"


def test_an_interrupt_reaches_the_work_and_its_result_comes_back():
    log = []
    steps = watched(work(log), log.append)
    assert next(steps) == 0
    with pytest.raises(StopIteration) as end:
        steps.throw(KeyboardInterrupt())
    assert end.value.value == "so far"
    assert log == [0, "stopped", "closed"]


def test_an_interrupt_while_a_report_is_looked_at_reaches_the_work_as_well():
    log = []

    def interrupted(report):
        raise KeyboardInterrupt

    assert drain(watched(work(log), interrupted)) == "so far"
    assert log == ["stopped", "closed"]


def test_an_interrupt_that_the_work_does_not_know_comes_back():
    def deaf():
        yield 1

    steps = watched(deaf(), lambda report: None)
    next(steps)
    with pytest.raises(KeyboardInterrupt):
        steps.throw(KeyboardInterrupt())


def test_closing_closes_the_work():
    log = []
    steps = watched(work(log), lambda report: None)
    next(steps)
    steps.close()
    assert log == ["closed"]
