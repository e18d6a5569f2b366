"""StarDist, trained from scratch by its own recipe within a given time, thresholds chosen on the validation images."""

from __future__ import annotations

import math
import time

import exchange
import numpy as np

given = exchange.arguments()

import tensorflow  # noqa: E402  (after the number of threads is set)
from csbdeep.utils import normalize  # noqa: E402
from keras.callbacks import Callback  # noqa: E402
from stardist import fill_label_holes  # noqa: E402
from stardist.models import Config2D, StarDist2D  # noqa: E402

tensorflow.config.threading.set_intra_op_parallelism_threads(given.threads)
tensorflow.config.threading.set_inter_op_parallelism_threads(1)

RATE = 3e-4  # StarDist's own


class Budget(Callback):
    """Ends the training in time; the rate falls along half a cosine to 0, as in W-Net's."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.began, self.batches = seconds, time.monotonic(), 0

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        part = min(1.0, (time.monotonic() - self.began) / self.seconds)
        self.model.optimizer.learning_rate.assign(RATE * 0.5 * (1 + math.cos(math.pi * part)))

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self.batches += 1

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.model.stop_training = time.monotonic() - self.began >= self.seconds


def prepared(image: np.ndarray) -> np.ndarray:
    """Normalise as in StarDist's examples."""
    return normalize(image, 1, 99.8, axis=(0, 1))


def augment(image: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flip, turn and change the intensity, as in StarDist's examples."""
    turns, flip = np.random.randint(4), np.random.randint(2)
    image, labels = np.rot90(image, turns), np.rot90(labels, turns)
    if flip:
        image, labels = image[::-1], labels[::-1]
    image = image * np.random.uniform(0.6, 2) + np.random.uniform(-0.2, 0.2)
    image = image + 0.02 * np.random.uniform(0, 1) * np.random.normal(0, 1, image.shape)
    return image, labels


def train() -> None:
    """Train within the time; keeps the weights of the least validation loss, as StarDist does."""
    np.random.seed(given.seed)
    tensorflow.random.set_seed(given.seed)
    parts = {}
    for part in ("train", "validation"):
        _, images, labels = exchange.read(given.data, part)
        parts[part] = [prepared(image) for image in images], [fill_label_holes(one) for one in labels]
    config = Config2D(n_rays=32, grid=(2, 2), n_channel_in=1, train_learning_rate=RATE, train_reduce_lr=None)
    config.train_tensorboard = False
    model = StarDist2D(config, name="model", basedir=str(given.model))
    model.prepare_for_training()
    budget = Budget(given.minutes * 60)
    model.callbacks.append(budget)
    validation = parts["validation"]
    model.train(*parts["train"], validation_data=validation, augmenter=augment, epochs=100_000, seed=given.seed)
    seconds = time.monotonic() - budget.began
    model.optimize_thresholds(*validation)
    exchange.write(given.model / "trained.json", {"seconds": seconds, "steps": budget.batches})


def main() -> None:
    """Train or predict."""
    if given.task == "train":
        train()
        return
    model = StarDist2D(None, name="model", basedir=str(given.model))
    exchange.predict(
        given,
        lambda image: model.predict_instances(prepared(image))[0],
        size_bytes=exchange.size_of(given.model / "model" / "weights_best.h5"),
        about={"parameters": int(model.keras_model.count_params())},
    )


if __name__ == "__main__":
    main()
