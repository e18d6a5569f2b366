"""What is known of an image that was segmented: of which planes, and of which part."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_wnet.ui.requests import RunResult, checksum
from napari_wnet.ui.sessions import Job, Session, Sessions
from napari_wnet.ui.settings import SegmentSettings
from napari_wnet.ui.slides import Window


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def sessions(viewer):
    return Sessions(viewer)


def run(sessions: Sessions, image, index=(), window: Window | None = None) -> tuple[Session, str]:
    """Record and show that one object was found in a plane."""
    job = Job(image=image, foreground=None, settings=SegmentSettings(image=image.name, model="m"), window=window)
    source, _ = job.read()
    labels = np.zeros(source.shape, np.int32)
    labels[(*index, slice(5, 10), slice(5, 10))] = 1
    result = RunResult(
        distance=np.zeros(source.shape, np.float32),
        picture=np.zeros((*source.shape, 3), np.uint8),
        labels=labels,
        indices=(index,),
        keys={index: ("key", index)},
        tables={index: {"label": np.array([1])}},
        checksums={index: checksum(labels[index])},
        model_name="m",
        sha256="0",
        in_channels=1,
        edited=None,
    )
    session = sessions.record(job, source, result)
    session.outputs.show_images(result, session.metadata)
    return session, session.show_labels(result)


@pytest.mark.parametrize("edited", [True, False])
def test_a_new_layer_has_nothing_of_the_planes_of_the_one_before(viewer, sessions, edited):
    stack = viewer.add_image(np.zeros((3, 64, 64), np.uint8), name="stack")
    first, _ = run(sessions, stack, (0,))
    if edited:
        first.outputs.labels.data_setitem((np.array([0]), np.array([30]), np.array([30])), 2)
    else:
        viewer.layers.remove(first.outputs.labels)
    second, said = run(sessions, stack, (1,))
    assert ("kept" in said) == edited
    assert [index for index in range(3) if second.outputs.labels.data[index].any()] == [1]
    assert list(second.tables) == list(second.keys) == [(1,)]
    third, _ = run(sessions, stack, (2,))
    assert list(third.tables) == list(third.keys) == [(1,), (2,)]


def test_at_another_part_of_a_slide_edited_labels_stay_where_they_are(viewer, sessions):
    slide = viewer.add_image(dask.array.zeros((4000, 4000), np.uint8, chunks=1000), name="slide", multiscale=False)
    first, _ = run(sessions, slide, window=(slice(0, 100), slice(0, 100)))
    labels = first.outputs.labels
    labels.data_setitem((np.array([50]), np.array([50])), 2)
    second, said = run(sessions, slide, window=(slice(1000, 1100), slice(2000, 2100)))
    assert "kept, hidden" in said
    assert labels.translate.tolist() == [0, 0]
    assert second.outputs.labels.translate.tolist() == [1000, 2000]
    third, said = run(sessions, slide, window=(slice(500, 600), slice(0, 100)))
    assert said == ""
    assert third.outputs.labels is second.outputs.labels
    assert third.outputs.labels.translate.tolist() == [500, 0]
