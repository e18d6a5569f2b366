"""How a rosette grows: where its leaves stand, how large each is and of what shape, and which lies over which."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

GOLDEN = np.deg2rad(137.508)
COTYLEDONS = 2


@dataclass(frozen=True, kw_only=True)
class Outline:
    """The shape of a blade, free of its size.

    Attributes
    ----------
    rise, fall : float
        Exponents of the half width ``u ** rise * (1 - u) ** fall`` along the blade: a large `rise` gives a spoon,
        a large `fall` a pointed tip.
    width : float
        Largest half width, as a share of the length.
    teeth, n_teeth, sharpness : float
        Depth of the teeth as a share of the half width, how many a side, and how pointed they are.
    lobes, n_lobes : float
        The same for lobes.
    waves : float
        Irregularity of the edge as a share of the half width.
    """

    rise: float
    fall: float
    width: float
    teeth: float = 0.0
    n_teeth: float = 5.0
    sharpness: float = 1.5
    lobes: float = 0.0
    n_lobes: float = 3.0
    waves: float = 0.03


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One leaf: lengths in pixels, angles in radians.

    Attributes
    ----------
    base : tuple of float
        Row and column where the petiole starts.
    direction, bend : float
        Where the petiole starts to, and by how much the leaf turns until its tip.
    petiole, length, thickness : float
        Length of petiole and blade, and half width of the petiole.
    maturity : float
        0 as it unfolds, 1 fully grown.
    plant : int
        Which plant it belongs to.
    seed : int
        Of everything that is drawn for this leaf alone.
    """

    base: tuple[float, float]
    direction: float
    bend: float
    petiole: float
    length: float
    thickness: float
    outline: Outline
    maturity: float
    plant: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Habit:
    """What the leaves of one plant have in common."""

    n_leaves: int
    outline: Outline
    petiole: float
    thickness: float
    unfolding: float
    pace: float
    disorder: float
    crowding: float


def habit(kind: str, n_leaves: int, rng: np.random.Generator) -> Habit:
    """Draw how a plant of a kind (``small``, ``rosette``, ``canopy`` or ``broad``) grows."""
    uniform = rng.uniform
    toothed, lobed = rng.random() < 0.5, rng.random() < 0.06
    canopy = kind == "canopy"
    outline = Outline(
        rise=uniform(0.48, 1.05),
        fall=uniform(0.4, 0.75),
        width=uniform(0.19, 0.4) if not canopy else uniform(0.23, 0.42),
        teeth=uniform(0.05, 0.22) if toothed else 0.0,
        n_teeth=uniform(3, 8),
        sharpness=uniform(0.8, 2.5),
        lobes=uniform(0.15, 0.5) if lobed else 0.0,
        n_lobes=uniform(2, 4),
        waves=uniform(0.0, 0.06),
    )
    if kind == "broad":
        outline = replace(
            outline, rise=uniform(0.5, 0.9), fall=uniform(0.5, 0.95), width=uniform(0.28, 0.42), teeth=0.0
        )
    return Habit(
        n_leaves=n_leaves,
        outline=outline,
        petiole={"broad": uniform(0.05, 0.35), "canopy": uniform(0.2, 0.8)}.get(kind, uniform(0.25, 0.95)),
        thickness=uniform(0.04, 0.085),
        unfolding=uniform(1.2, 3.4) + uniform(0.06, 0.2) * n_leaves,
        pace=uniform(1.1, 2.6) + 0.06 * n_leaves,
        disorder=uniform(4, 14),
        crowding=uniform(0.2, 0.9) + 0.03 * n_leaves,
    )


def grow(habit: Habit, plant: int, rng: np.random.Generator) -> list[Leaf]:
    """Return the leaves of a plant at (0, 0) whose farthest tip is 1 away, from the lowest to the topmost."""
    start, turn = rng.uniform(0, 2 * np.pi), rng.choice([-1.0, 1.0])
    ordinals = np.arange(habit.n_leaves)
    younger = habit.n_leaves - 1 - ordinals + rng.uniform(0, 1)
    grown = 1 / (1 + np.exp(-(younger - habit.unfolding) / habit.pace))
    grown = grown / grown.max()
    leaves = [_leaf(habit, int(k), float(grown[k]), start + turn * _divergence(int(k)), (plant, rng)) for k in ordinals]
    heights = ordinals + rng.normal(0, habit.crowding, habit.n_leaves)
    heights[:COTYLEDONS] -= 1.5
    reach = max(leaf.petiole + leaf.length for leaf in leaves)
    return [scaled(leaves[k], 1 / reach, (0.0, 0.0)) for k in np.argsort(heights, kind="stable")]


def scaled(leaf: Leaf, factor: float, centre: tuple[float, float]) -> Leaf:
    """Return a leaf enlarged about (0, 0) and then moved."""
    return replace(
        leaf,
        base=(leaf.base[0] * factor + centre[0], leaf.base[1] * factor + centre[1]),
        petiole=leaf.petiole * factor,
        length=leaf.length * factor,
        thickness=leaf.thickness * factor,
    )


def _divergence(ordinal: int) -> float:
    """Return the angle of a leaf: seed leaves opposite, the first two leaves across them, then the golden angle."""
    if ordinal < COTYLEDONS:
        return ordinal * np.pi
    if ordinal < 2 * COTYLEDONS:
        return np.pi / 2 + (ordinal - COTYLEDONS) * np.pi
    return float(3 * np.pi / 2 + (ordinal - 2 * COTYLEDONS + 1) * GOLDEN)


def _leaf(habit: Habit, ordinal: int, grown: float, direction: float, shared: tuple[int, np.random.Generator]) -> Leaf:
    plant, rng = shared
    about = rng.normal(1, 0.09, 6).clip(0.7, 1.3)
    adult = min(1.0, 0.42 + 0.13 * ordinal)
    seed_leaf = ordinal < COTYLEDONS
    length = (0.33 if seed_leaf else adult) * (0.06 + 0.94 * grown) * about[0]
    own = habit.outline
    width = own.width * (1.25 - 0.25 * adult) * (0.75 + 0.25 * grown) * about[1]
    outline = replace(
        own,
        width=min(width, 0.48),
        rise=own.rise * about[2],
        fall=own.fall * about[3],
        teeth=own.teeth * adult * rng.uniform(0.4, 1.2),
        lobes=own.lobes * adult,
    )
    if seed_leaf:
        outline = Outline(rise=rng.uniform(0.45, 0.7), fall=rng.uniform(0.4, 0.55), width=rng.uniform(0.36, 0.48))
    petiole = length * habit.petiole * (0.1 + 0.9 * grown) * about[4] * (1.4 - 0.4 * adult)
    direction += np.deg2rad(rng.normal(0, habit.disorder))
    # A leaf that rises steeply looks short from above; the young ones in the centre do.
    seen = np.cos(np.deg2rad(min(70.0, abs(rng.normal(0, 18)) + 35 * (1 - grown))))
    offset = rng.uniform(0, 0.02)
    return Leaf(
        base=(offset * np.sin(direction), offset * np.cos(direction)),
        direction=direction,
        bend=float(rng.normal(0, 0.22)),
        petiole=petiole * (0.5 + 0.5 * seen),
        length=length * seen,
        thickness=habit.thickness * (0.4 + 0.6 * adult) * (0.5 + 0.5 * grown) * about[5] * 0.6,
        outline=outline,
        maturity=grown,
        plant=plant,
        seed=int(rng.integers(2**32)),
    )
