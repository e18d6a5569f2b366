"""A labels layer as it is saved, with what a person has settled in it, and the layer made of that again."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from napari.layers import Labels, Layer

from napari_wnet.errors import ImageError
from napari_wnet.project import ImageState, LabelsState
from napari_wnet.ui.layers import MARK, Index, fits
from napari_wnet.ui.placing import corner_in, put_over
from napari_wnet.ui.settled import settled

LARGEST_NUMBER = np.iinfo(np.int32).max


def labels_state(layer: Labels, image: Layer) -> LabelsState:
    """Return what is saved of a labels layer: a copy.

    Parameters
    ----------
    layer : Labels
    image : Layer
        On which they lie.

    Raises
    ------
    ImageError
        If the labels are not in memory, or are numbers that cannot be saved.
    """
    if not isinstance(layer.data, np.ndarray):
        raise ImageError(f"The labels '{layer.name}' are not in memory; save them as TIFF and open that.")
    book, shape = settled(layer), layer.data.shape
    planes = {index: plane for index, plane in book.planes().items() if _has_plane(shape, index)}
    cleared = np.zeros(shape, bool)
    for index, plane in planes.items():
        # The layer may have got an array of another size meanwhile.
        if plane.cleared is not None and plane.cleared.shape == shape[-2:]:
            cleared[index] = plane.cleared
    return LabelsState(
        name=layer.name,
        labels=np.array(layer.data),
        done={index: _objects(book.done(index)) for index in planes},
        locked={index: _objects(book.edited(index)) for index in planes},
        cleared=cleared if cleared.any() else None,
        corner=None if fits(image, shape) else corner_in(image, layer),
    )


def restored_layer(labels: LabelsState, state: ImageState, image: Layer) -> Labels:
    """Return a layer of labels that were saved, over their image.

    Raises
    ------
    ImageError
        If they do not go with the image.
    """
    made = {**dict(state.settings), "kind": "labels", "source": image.name}
    layer = Labels(labels.labels.copy(), name=labels.name, metadata={MARK: made})
    put_over(layer, image, labels.corner)
    return layer


def settle_again(layer: Labels, labels: LabelsState) -> None:
    """Settle in a layer what was settled when it was saved."""
    book = settled(layer)
    for plane in {*labels.done, *labels.locked}:
        book.restore(plane, labels.done.get(plane, ()), labels.locked.get(plane, ()))
    if labels.cleared is not None:
        for plane in np.ndindex(*labels.labels.shape[:-2]):
            if labels.cleared[plane].any():
                book.restore(plane, book.done(plane), book.edited(plane), labels.cleared[plane])


def _has_plane(shape: tuple[int, ...], index: Index) -> bool:
    lead = shape[:-2]
    return len(index) == len(lead) and all(place < length for place, length in zip(index, lead, strict=True))


def _objects(numbers: Iterable[int]) -> frozenset[int]:
    """Return the numbers that saved objects can have: pixels that were negative, say, and mended were settled, too."""
    return frozenset(number for number in numbers if 0 < number <= LARGEST_NUMBER)
