"""Slides for tests: small networks, hand-made maps in their place, and the labels that the whole plane has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from hypothesis import strategies as st
from scipy import ndimage

import scenes
from napari_wnet.core.maps import Maps
from napari_wnet.network.checkpoint import Model, read_model, save_model
from napari_wnet.network.header import ModelHeader
from napari_wnet.network.wnet import WNet
from napari_wnet.params import SegmentParams, WNetConfig
from napari_wnet.slide import predict, stages
from napari_wnet.slide.parts import GIANT, Plan
from napari_wnet.slide.run import segment_zarr

PARAMS = SegmentParams().replace(tiles__size=64, clustering__min_area=10)


def tiny_model(folder: Path, network: WNet | None = None, **header: Any) -> Model:
    """Return a small model from a file of its own."""
    network = network or WNet(WNetConfig(widths=(4, 8), stem=1)).eval()
    path = folder / "tiny.safetensors"
    save_model(path, network, ModelHeader(name="tiny", config=network.config, **header), half=False, overwrite=True)
    return read_model(path)


def give_maps(patch: Any, maps: Maps) -> np.ndarray:
    """Let every block have its window of these maps, whatever the network; return an image of their size."""

    def window_of(job: Any, model: Any, window: Any) -> Maps:
        return Maps(
            distance=maps.distance[window].copy(),
            embedding=np.moveaxis(np.moveaxis(maps.embedding, 0, -1)[window].copy(), -1, 0),
            foreground=None if maps.foreground is None else maps.foreground[window].copy(),
        )

    patch.setattr(predict, "_maps", window_of)
    return np.random.default_rng(0).integers(0, 255, maps.shape).astype(np.uint8)


def watch_plan(patch: Any) -> list[Plan]:
    """Return a list that the plan of each run is added to."""
    plans: list[Plan] = []
    real = stages.plan

    def noted(*given: Any) -> Plan:
        plans.append(real(*given))
        return plans[-1]

    patch.setattr(stages, "plan", noted)
    return plans


def has_giants(plan: Plan) -> bool:
    """Tell whether a component with several seeds is too large for any window."""
    return bool(((plan.kinds == GIANT) & (plan.joined.n_seeds > 1)).any())


def labels_in(path: Path, level: int = 0) -> np.ndarray:
    """Return the labels in an OME-Zarr folder."""
    return np.asarray(zarr.open_array(str(path / str(level)), mode="r")[:], np.int32)


def labels_of(image: Any, folder: Path, model: Model, params: SegmentParams = PARAMS, **options: Any) -> np.ndarray:
    """Segment in blocks and return the labels."""
    found = segment_zarr(image, folder / "a_labels.ome.zarr", model, params, device="cpu", overwrite=True, **options)
    assert not (folder / ".a.partial").exists()
    return labels_in(found.labels)


def clusters(size: int, spacing: int, gone: float, seed: int) -> np.ndarray:
    """Return (size, size) labels of rounded cells, most of them touching, of which a part is taken away again."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(spacing // 2, size, spacing)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    centres = np.clip(np.rint(grid + rng.uniform(-0.15, 0.15, grid.shape) * spacing), 0, size - 1).astype(int)
    elsewhere = np.ones((size, size), bool)
    elsewhere[tuple(centres.T)] = False
    away, nearest = ndimage.distance_transform_edt(elsewhere, return_indices=True)
    numbers = np.zeros((size, size), np.int32)
    numbers[tuple(centres.T)] = np.where(rng.random(len(centres)) < gone, 0, np.arange(1, len(centres) + 1))
    return np.where(away < 0.6 * spacing, numbers[tuple(nearest)], 0).astype(np.int32)


@st.composite
def scene(draw: Any) -> dict[str, Any]:
    """Draw what :func:`cell_maps` makes maps of: cells in clusters of all sizes, with noise or without."""
    return {
        "seed": draw(st.integers(0, 10**6)),
        "size": draw(st.integers(130, 260)),
        "spacing": draw(st.sampled_from([11, 14, 20])),
        "gone": draw(st.sampled_from([0.0, 0.3, 0.5])),
        "noise": draw(st.sampled_from([0.0, 0.1, 0.2, 0.3])),
        "foreground": draw(st.booleans()),
    }


def cell_maps(drawn: dict[str, Any]) -> Maps:
    """Return the maps of a scene."""
    labels = clusters(drawn["size"], drawn["spacing"], drawn["gone"], drawn["seed"])
    return scenes.maps_of(labels, drawn["noise"], seed=drawn["seed"], foreground=drawn["foreground"])
