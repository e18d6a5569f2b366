"""Instance segmentation of plants and cells with W-Net pixel embeddings, for napari, the shell and Python.

The public names load on first use, so that importing the package costs nothing: no torch, napari, Qt or numpy.
"""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_wnet.batch.corrections import save_labels
    from napari_wnet.batch.folder import segment_folder
    from napari_wnet.core.metrics import evaluate
    from napari_wnet.core.tables import growth, measure, traits
    from napari_wnet.core.tracking import link
    from napari_wnet.errors import WNetError
    from napari_wnet.fine_tune.data import TrainingPair
    from napari_wnet.fine_tune.job import train
    from napari_wnet.model_export.job import export_model
    from napari_wnet.network.registry import load_model
    from napari_wnet.params import SegmentParams, WNetConfig
    from napari_wnet.pipeline import Segmentation, segment
    from napari_wnet.sizing import SizeEstimate, estimate_diameter
    from napari_wnet.slide.earlier import SlideResult
    from napari_wnet.slide.run import segment_zarr, segment_zarr_steps
    from napari_wnet.track_params import TrackParams
    from napari_wnet.train_params import TrainParams

    __version__: str

__all__ = [
    "SegmentParams",
    "Segmentation",
    "SizeEstimate",
    "SlideResult",
    "TrackParams",
    "TrainParams",
    "TrainingPair",
    "WNetConfig",
    "WNetError",
    "__version__",
    "estimate_diameter",
    "evaluate",
    "export_model",
    "growth",
    "link",
    "load_model",
    "measure",
    "save_labels",
    "segment",
    "segment_folder",
    "segment_zarr",
    "segment_zarr_steps",
    "train",
    "traits",
]

_HOMES = MappingProxyType(
    {
        "SegmentParams": "params",
        "Segmentation": "pipeline",
        "SizeEstimate": "sizing",
        "SlideResult": "slide.earlier",
        "TrackParams": "track_params",
        "TrainParams": "train_params",
        "TrainingPair": "fine_tune.data",
        "WNetConfig": "params",
        "WNetError": "errors",
        "estimate_diameter": "sizing",
        "evaluate": "core.metrics",
        "export_model": "model_export.job",
        "growth": "core.tables",
        "link": "core.tracking",
        "load_model": "network.registry",
        "measure": "core.tables",
        "save_labels": "batch.corrections",
        "segment": "pipeline",
        "segment_folder": "batch.folder",
        "segment_zarr": "slide.run",
        "segment_zarr_steps": "slide.run",
        "train": "fine_tune.job",
        "traits": "core.tables",
    }
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        metadata = importlib.import_module("importlib.metadata")
        try:
            value = metadata.version("napari-wnet")
        except metadata.PackageNotFoundError:  # run from a copy of the sources, where nothing can be installed
            value = "0+unknown"
    elif name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
