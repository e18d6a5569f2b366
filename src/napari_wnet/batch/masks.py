"""Which foreground mask goes with an image of a batch."""

from __future__ import annotations

from pathlib import Path

from napari_wnet.batch.inputs import Item, plain_stem
from napari_wnet.errors import ImageError, ParamsError
from napari_wnet.io.images import is_image_name
from napari_wnet.io.ngff import is_zarr


def check_masks(foreground: Path | None) -> None:
    """Refuse masks that are nowhere, before every single image fails for that.

    Raises
    ------
    ImageError
    """
    if foreground is not None and not foreground.exists():
        raise ImageError(
            f"There are no foreground masks at {foreground}; check the name, or whether its disk is there."
        )


def mask_path(foreground: Path | None, item: Item) -> Path | None:
    """Return the mask of an image.

    In a folder of masks it is the file of the image's name, with the same ending where there are several. Masks of
    images in sub-folders lie in sub-folders of the same names, or where there are none of these, all in one folder.

    Parameters
    ----------
    foreground : Path or None
        A mask file or OME-Zarr, which is the mask of every image, or a folder of masks.
    item : Item

    Raises
    ------
    ParamsError
        If there is none.
    """
    if foreground is None or not foreground.is_dir() or is_zarr(foreground):
        return foreground
    folder = foreground / Path(item.stem).parent
    folder = folder if folder.is_dir() else foreground
    stem, own = plain_stem(item.path.name), item.path.resolve()
    found = [
        entry
        for entry in sorted(folder.iterdir())
        if plain_stem(entry.name) == stem and is_image_name(entry) and entry.resolve() != own
    ]
    if not found:
        raise ParamsError(f"There is no foreground mask named {stem}.* in {folder}; add it.")
    return next((entry for entry in found if entry.name == item.path.name), found[0])
