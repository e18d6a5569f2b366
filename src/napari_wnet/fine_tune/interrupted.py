"""A fine-tuning that can be taken up again: what was asked for, in one file beside its checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_wnet.errors import ModelError, TrainingError
from napari_wnet.fine_tune.data import TrainingPair
from napari_wnet.project.training import REQUEST
from napari_wnet.train_params import TrainParams

if TYPE_CHECKING:
    from napari_wnet.fine_tune.worker import FineTuneRequest

ARRAYS = ("image", "labels", "region")


def save_request(request: FineTuneRequest) -> Path:
    """Write what is to be learned beside where the model will be; return the file.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    import torch

    from napari_wnet.network.checkpoint import save_state

    arrays = {
        f"{place}.{name}": torch.from_numpy(_storable(array))
        for place, pair in enumerate(request.pairs)
        for name in ARRAYS
        if (array := getattr(pair, name)) is not None
    }
    info = {
        "pairs": [
            {"name": pair.name, "done": None if pair.done is None else sorted(int(number) for number in pair.done)}
            for pair in request.pairs
        ],
        "colour": list(request.colour),
        "base": request.base,
        "params": request.params.to_dict(),
        "device": request.device,
        "adapt_channels": request.adapt_channels,
        "images_dir": request.images_dir,
        "labels_dir": request.labels_dir,
    }
    path = request.out.parent / REQUEST
    save_state(path, arrays, info)
    return path


def load_request(folder: str | Path) -> FineTuneRequest:
    """Read what was to be learned in a folder.

    Raises
    ------
    WNetError
        If it is missing, damaged or of another version.
    """
    from napari_wnet.fine_tune.worker import FineTuneRequest
    from napari_wnet.network.checkpoint import load_state

    path = Path(folder) / REQUEST
    tensors, info = load_state(path)
    try:
        pairs = [
            TrainingPair(
                image=tensors[f"{place}.image"].numpy(),
                labels=tensors[f"{place}.labels"].numpy(),
                region=tensors[f"{place}.region"].numpy() if f"{place}.region" in tensors else None,
                name=str(pair["name"]),
                done=pair["done"],
            )
            for place, pair in enumerate(info["pairs"])
        ]
        request = FineTuneRequest(
            pairs=tuple(pairs),
            colour=tuple(info["colour"]),
            base=str(info["base"]),
            params=TrainParams.from_dict(info["params"]),
            device=str(info["device"]),
            out=Path(folder) / "new.safetensors",
            adapt_channels=bool(info["adapt_channels"]),
            images_dir=str(info["images_dir"]),
            labels_dir=str(info["labels_dir"]),
        )
    except (KeyError, TypeError) as error:
        raise ModelError(f"{path} is not complete ({error}); the training cannot be taken up again.") from error
    return replace(request, resumable=True)


def _storable(array: Any) -> Any:
    """Return an array in the processor's own order of bytes, which is all that the file knows."""
    values = np.ascontiguousarray(array)
    if values.dtype.kind not in "biuf":
        raise TrainingError(f"Images and labels are numbers, not {values.dtype}.")
    return values.astype(values.dtype.newbyteorder("="), copy=False)
