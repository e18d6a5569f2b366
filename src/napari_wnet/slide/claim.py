"""One run at a time for the results of a slide."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from napari_wnet.lock import FolderLock
from napari_wnet.slide.record import Outputs

IN_USE = (
    "where another run{{0}} makes {name} at this moment; wait until it is done or cancel it, or choose another folder "
    "(--out)"
)


@contextlib.contextmanager
def claimed(outputs: Outputs) -> Iterator[None]:
    """Have the results of a slide to oneself: two runs would write into one another's temporary data.

    A run that was killed holds nothing any more. A folder that was made for this and in which nothing is left is taken
    away again.

    Raises
    ------
    ProjectError
        If another run, of this process or any other, makes them.
    OutputError
        If the folder cannot be written to.
    """
    folder = outputs.labels.parent
    is_new = not folder.exists()
    name = outputs.labels.name.replace("{", "{{").replace("}", "}}")
    lock = FolderLock(folder, outputs.lock.name, IN_USE.format(name=name))
    try:
        yield
    finally:
        lock.release(remove=True)
        if is_new:
            with contextlib.suppress(OSError):  # there is something in it, as there should
                folder.rmdir()
