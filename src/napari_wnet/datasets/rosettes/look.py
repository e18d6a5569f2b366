"""The light of a scene, and the colours and the surface that the leaves of one plant share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Colour = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Light:
    """Where the light comes from and what shadows it makes; lengths as shares of the leaf that casts them.

    Attributes
    ----------
    direction : (3,) array
        Towards the light: rows, columns, up.
    ambient : float
        Share of the light that comes from everywhere.
    shadow, distance, softness : float
        Darkness of cast shadows, how far they fall, and how blurred they are.
    """

    direction: npt.NDArray[np.float32]
    ambient: float
    shadow: float
    distance: float
    softness: float


@dataclass(frozen=True, kw_only=True)
class Look:
    """Colours and surface of a plant's leaves; the numbers are strengths, 0 for none."""

    grown: Colour
    young: Colour
    petiole: Colour
    vein: Colour
    rib: float
    side_veins: float
    n_veins: float
    fold: float
    cup: float
    droop: float
    ripple: float
    quilt: float
    gloss: float
    texture: float
    speckle: float
    margin: float
    unlike: float
    yellowing: float


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a light."""
    azimuth, elevation = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(35, 85))
    flat = np.cos(elevation)
    direction = np.array([flat * np.sin(azimuth), flat * np.cos(azimuth), np.sin(elevation)], np.float32)
    return Light(
        direction=direction,
        ambient=rng.uniform(0.25, 0.7),
        shadow=rng.uniform(0.15, 0.65),
        distance=rng.uniform(0.01, 0.09),
        softness=rng.uniform(0.02, 0.1),
    )


def draw_look(rng: np.random.Generator) -> Look:
    """Draw the look of a plant."""
    uniform = rng.uniform
    green = np.array([uniform(0.66, 0.98), 1.0, uniform(0.27, 0.58)])
    odd = rng.random()
    if odd < 0.06:
        green = green + uniform(0.2, 0.6) * (np.array([0.85, 0.62, 0.75]) - green)
    elif odd < 0.12:
        green = np.array([uniform(0.5, 0.75), 1.0, uniform(0.6, 0.85)])
    grown = green * uniform(0.42, 0.78)
    change = np.array([uniform(0.85, 1.2), uniform(0.9, 1.1), uniform(0.8, 1.1)]) * uniform(0.75, 1.25)
    pale = (grown + uniform(0.05, 0.4) * (grown.max() * np.array([1.0, 1.0, 0.75]) - grown)) * uniform(1.1, 1.6)
    if rng.random() < 0.15:
        pale = np.array([0.55, 0.4, 0.42]) * uniform(0.8, 1.3)
    stalk = grown + uniform(0.2, 0.9) * (pale - grown)
    return Look(
        grown=grown.astype(np.float32),
        young=(grown * change).astype(np.float32),
        petiole=stalk.astype(np.float32),
        vein=(grown + uniform(0.5, 1.2) * (pale - grown)).astype(np.float32),
        rib=uniform(0.2, 1.0),
        side_veins=max(0.0, uniform(-0.15, 0.4)),
        n_veins=uniform(4, 9),
        fold=rng.normal(0, 0.12),
        cup=rng.normal(-0.05, 0.14),
        droop=rng.normal(0.1, 0.16),
        ripple=abs(rng.normal(0, 0.07)),
        quilt=abs(rng.normal(0, 0.028)),
        gloss=max(0.0, uniform(-0.2, 0.2)),
        texture=uniform(0.2, 1.0),
        speckle=uniform(0.005, 0.05),
        margin=rng.normal(0, 0.08),
        unlike=uniform(0.03, 0.13),
        yellowing=uniform(0.1, 0.6) if rng.random() < 0.15 else 0.0,
    )
