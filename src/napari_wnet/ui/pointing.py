"""Objects made from where a person points: a click, a box, clicks in each part; and correcting the one made last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from napari_wnet.core import edits
from napari_wnet.core.changes import check_inside
from napari_wnet.core.maps import Maps
from napari_wnet.errors import EditError
from napari_wnet.ui.repairer import Edit, Repairer

Point = tuple[int, int]

NOTHING_MADE = "Ctrl-click corrects the object that a click or a box has just made; make one first."
NO_GROUND = "A click needs the image, chosen above, or maps ('Compute maps'); or drag a box around the object."


@dataclass(frozen=True, kw_only=True, eq=False)
class _Made:
    """The last object that was pointed at: by what, what was made of it, and how it would be made of another prompt."""

    prompt: edits.Prompt
    change: edits.Change
    make: Callable[[edits.Prompt, bool], Edit]
    over: bool


class Pointing:
    """Turns clicks and boxes into edits of a repairer.

    Where the outline network is there, and the image, it outlines what is pointed at; else the maps have to do.

    Parameters
    ----------
    repairer : Repairer
    """

    def __init__(self, repairer: Repairer) -> None:
        self._repairer = repairer
        self._made: _Made | None = None

    def box(self, start: Point, end: Point) -> edits.Change | None:
        """Make the object that fills a box."""
        repairer, done = self._repairer, self._repairer.done()

        def make(prompt: edits.Prompt, over: bool) -> Edit:
            outline = repairer.outline(prompt)
            return lambda labels, maps: edits.enclose(labels, maps, (start, end), kept=done, outline=outline)

        return self._do(edits.Prompt.box((start, end)), make, over=True)

    def click(self, point: Point, *, over: bool) -> edits.Change | None:
        """Make the object at a pixel; `over` others, too."""
        repairer, done = self._repairer, self._repairer.done()
        plane = repairer.plane()
        check_inside(plane, point)

        def make(prompt: edits.Prompt, over: bool) -> Edit:
            outline = repairer.outline(prompt)
            if outline is not None:
                return lambda labels, _: edits.outline_at(labels, outline, prompt.more, over=over, kept=done)
            return lambda labels, maps: edits.add(labels, _needed(maps), point, repairer.params, over=over)

        length = edits.expected_length(plane, repairer.maps(), point, repairer.usual_px, repairer.params)
        return self._do(edits.Prompt.click(point, length), make, over=over)

    def correct(self, point: Point) -> edits.Change | None:
        """Tell of a pixel that it is the object's that was made last, or, if it is in that, that it is not.

        Raises
        ------
        EditError
            If no object was made last, or it was changed meanwhile.
        """
        made, plane = self._made, self._repairer.plane()
        check_inside(plane, point)
        if made is None or not made.change.objects or self._repairer.outline(made.prompt) is None:
            raise EditError(NOTHING_MADE)
        held, own = int(plane[point]), made.change.objects[0]
        if not self._repairer.take_back(made.change):
            self._made = None
            raise EditError(NOTHING_MADE)
        prompt = made.prompt.without(point) if held == own else made.prompt.also(point)
        change = self._do(prompt, made.make, over=made.over or held not in (0, own))
        if change is None:  # nothing is left of it so: it stays as it was
            again = self._repairer.edit(made.make(made.prompt, made.over))
            self._made = None if again is None else replace(made, change=again)
        return change

    def split(self, points: Sequence[Point]) -> edits.Change | None:
        """Part an object between pixels in it."""
        prompts = []
        for point in points:
            prompt = edits.Prompt.click(point, self._repairer.usual_px)
            for other in points:
                prompt = prompt if other == point else prompt.without(other)
            prompts.append(prompt)
        found = [self._repairer.outline(prompt) for prompt in prompts]
        outlines = [outline for outline in found if outline is not None]
        whole = outlines if len(outlines) == len(points) else None
        return self._repairer.edit(lambda labels, maps: edits.split(labels, maps, points, whole))

    def forget(self) -> None:
        """Correct nothing that was made before."""
        self._made = None

    def _do(
        self, prompt: edits.Prompt, make: Callable[[edits.Prompt, bool], Edit], *, over: bool
    ) -> edits.Change | None:
        change = self._repairer.edit(make(prompt, over))
        self._made = None if change is None else _Made(prompt=prompt, change=change, make=make, over=over)
        return change


def _needed(maps: Maps | None) -> Maps:
    if maps is None:
        raise EditError(NO_GROUND)
    return maps
