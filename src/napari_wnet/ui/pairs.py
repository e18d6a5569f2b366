"""Which image labels are worked on with: what a person, or the Repair dock, has chosen."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary, ref

from napari.components import ViewerModel
from napari.layers import Layer

from napari_wnet.ui.layers import is_candidate
from napari_wnet.ui.placing import goes_with, made_from, shape_of


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pair:
    """An image, without keeping it in memory, and how to know it when its file is opened anew."""

    image: ref[Layer]
    name: str
    path: str
    shape: tuple[int, ...]

    def reopened_as(self, layer: Layer) -> bool:
        """Tell whether a layer is the image, opened from the same file again."""
        path = str(layer.source.path or "")
        return is_candidate(layer) and bool(path) and (path, shape_of(layer)) == (self.path, self.shape)


class Pairs:
    """The images of a viewer's labels.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._pairs: WeakKeyDictionary[Layer, _Pair] = WeakKeyDictionary()

    def note(self, labels: Layer, image: Layer, *, guessed: bool = False) -> None:
        """Note with which image labels are worked on; images that do not go with them are not noted.

        Parameters
        ----------
        labels, image : Layer
        guessed : bool
            Whether nobody has chosen the image: then it takes the place of none, not even of one that is closed.
        """
        known = labels in self._pairs or made_from(labels) not in ("", image.name)
        if (guessed and known) or not goes_with(image, labels):
            return
        path = str(image.source.path or "")
        self._pairs[labels] = _Pair(image=ref(image), name=image.name, path=path, shape=shape_of(image))

    def image_of(self, labels: Layer) -> Layer | None:
        """Return the image that labels are worked on with, if it is open, or open again."""
        pair = self._pairs.get(labels)
        if pair is None:
            return None
        image = pair.image()
        if image is not None and image in self._viewer.layers:
            return image
        again = [layer for layer in self._viewer.layers if pair.reopened_as(layer)]
        # A reader can make several layers of a file.
        return next((layer for layer in again if layer.name == pair.name), None)

    def closed_image(self, labels: Layer) -> str:
        """Return the name of the image that labels were worked on with, or made from, if it is closed; else nothing."""
        pair = self._pairs.get(labels)
        if pair is not None:
            return "" if self.image_of(labels) is not None else pair.name
        name = made_from(labels)
        return "" if any(layer.name == name for layer in self._viewer.layers) else name
