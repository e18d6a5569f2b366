"""Cellpose 3, trained from scratch by its own recipe; the number of epochs is chosen to fit the given time."""

from __future__ import annotations

import time

import exchange
import numpy as np

given = exchange.arguments()

import torch  # noqa: E402  (after the number of threads is set)
from cellpose import models, train  # noqa: E402

torch.set_num_threads(given.threads)

MOST_EPOCHS = 2000
TRIAL_IMAGES = 24
SETTINGS = {
    "channels": [0, 0],
    "batch_size": 8,
    "learning_rate": 0.005,
    "weight_decay": 1e-5,
    "min_train_masks": 1,
}


def fit(epochs: int, images: list[np.ndarray], labels: list[np.ndarray], per_epoch: int | None, name: str) -> None:
    """Train from random weights."""
    torch.manual_seed(given.seed)
    model = models.CellposeModel(gpu=False, pretrained_model=None)
    train.train_seg(
        model.net,
        train_data=images,
        train_labels=labels,
        n_epochs=epochs,
        nimg_per_epoch=per_epoch,
        save_path=given.model,
        model_name=name,
        compute_flows=True,
        **SETTINGS,
    )


def main() -> None:
    """Train or predict."""
    if given.task == "train":
        _, images, labels = exchange.read(given.data, "train")
        given.model.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        fit(1, images[:TRIAL_IMAGES], labels[:TRIAL_IMAGES], TRIAL_IMAGES, "trial")
        an_image = (time.monotonic() - began) / TRIAL_IMAGES
        # Epochs of equal cost, short enough that Cellpose's own schedule of the rate has room.
        per_epoch = max(8, min(len(images), int(given.minutes * 60 / an_image / 400)))
        epochs = max(1, min(MOST_EPOCHS, int(given.minutes * 60 / an_image / per_epoch)))
        began = time.monotonic()
        fit(epochs, images, labels, per_epoch, "model")
        steps = epochs * -(-per_epoch // SETTINGS["batch_size"])
        exchange.write(given.model / "trained.json", {"seconds": time.monotonic() - began, "steps": steps})
        return
    path = given.model / "models" / "model"
    model = models.CellposeModel(gpu=False, pretrained_model=str(path))
    exchange.predict(
        given,
        lambda image: model.eval(image, channels=[0, 0], diameter=None)[0],
        size_bytes=exchange.size_of(path),
        about={"parameters": sum(one.numel() for one in model.net.parameters())},
    )


if __name__ == "__main__":
    main()
