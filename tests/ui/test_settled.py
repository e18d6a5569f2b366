"""Every undoable edit of labels is known: who changed, and what was cleared."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_wnet.ui.settled import settled


@pytest.fixture
def layer():
    labels = np.zeros((30, 40), np.int32)
    labels[2:10, 2:10], labels[12:20, 12:20], labels[22:28, 30:38] = 1, 2, 3
    return Labels(labels)


def test_painting_settles_the_painted_and_the_painted_over(layer):
    book = settled(layer)
    assert not book
    layer.brush_size = 6
    layer.paint((5, 9), 9)
    assert book.edited(()) == {1, 9}
    assert book.plane(()).cleared is None
    assert settled(layer) is book


def test_erasing_settles_the_object_and_the_gap(layer):
    book = settled(layer)
    layer.brush_size = 4
    layer.paint((5, 9), 0)
    plane = book.plane(())
    assert plane.numbers == (1,)
    assert plane.cleared is not None
    assert (plane.cleared[2:10, 2:10] == (layer.data[2:10, 2:10] == 0)).all()
    kept = plane.kept(layer.data)
    assert kept is not None
    assert (kept.labels == np.where(layer.data == 1, 1, 0)).all()


def test_filling_and_assigning_through_the_history(layer):
    book = settled(layer)
    layer.fill((15, 15), 8)  # the whole bounding box at once
    assert book.edited(()) == {2, 8}
    layer.data_setitem((np.array([23, 24]), np.array([31, 31])), np.array([0, 5], np.int32))
    assert book.edited(()) == {2, 8, 3, 5}
    assert np.argwhere(book.plane(()).cleared).tolist() == [[23, 31]]
    assert book.revision == 2


def test_planes_are_known_apart():
    layer = Labels(np.ones((3, 20, 20), np.int32))
    book = settled(layer)
    layer.n_edit_dimensions = 2
    layer.paint((1, 5, 5), 4)
    assert book.edited((1,)) == {1, 4}
    assert book.edited((0,)) == frozenset()
    layer.data_setitem((np.array([0, 2]), np.array([3, 3]), np.array([3, 4])), 0)
    assert set(book.planes()) == {(0,), (1,), (2,)}
    assert np.argwhere(book.plane((2,)).cleared).tolist() == [[3, 4]]


def test_ticks_come_and_go_and_listeners_hear_of_it(layer):
    book, heard = settled(layer), []

    def listener() -> None:
        heard.append(book.done(()))

    book.listen(listener)
    book.tick((), [1, 3])
    book.tick((), [3], False)
    assert heard == [{1, 3}, {1}]
    assert book
    book.unlisten(listener)
    book.clear()
    assert len(heard) == 2
    assert not book


def test_a_tick_taken_away_frees_what_was_edited_as_well(layer):
    book = settled(layer)
    layer.paint((5, 5), 1)
    layer.paint((5, 15), 1)
    book.tick((), [1])
    book.tick((), [1], False)
    assert book.plane(()).numbers == ()


def test_what_was_saved_can_be_restored(layer):
    book = settled(layer)
    cleared = np.zeros(layer.data.shape, bool)
    cleared[0, 0] = True
    book.restore((), done=[2], edited=[3], cleared=cleared)
    plane = book.plane(())
    assert plane.numbers == (2, 3)
    assert plane.cleared[0, 0]
    assert book.done(()) == {2}
