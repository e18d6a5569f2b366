"""What trained networks make of the same image: U-Net and W-Net, local and global, lambda."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_wnet.core.clustering import cluster
from napari_wnet.core.embedding_view import embedding_rgb
from napari_wnet.core.image import normalize
from napari_wnet.core.maps import UNIT, Maps
from napari_wnet.core.metrics import symmetric_best_dice
from napari_wnet.core.targets import neighbours
from napari_wnet.core.whole import mean_directions
from napari_wnet.datasets.annotated import AnnotatedImage
from napari_wnet.network.checkpoint import Model, read_model
from napari_wnet.network.inference import fused
from napari_wnet.network.rescaling import predict_rescaled
from napari_wnet.network.wnet import WNet
from napari_wnet.reports import drain
from napari_wnet.reproduce import STUDIES, Budget, ReproduceJob
from napari_wnet.reproduce.data import data_steps, true_foreground
from napari_wnet.reproduce.table import LEARNT
from pictures.parts import INK, Labels, Window, bright, coloured, degrees, new_figure, show

COMPARED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "how-networks": {"none": "U-Net", "dfeat-32": "W-Net"},
        "how-constraint": {"dfeat-32": "local", "global-8": "global"},
    }
)
"""For each picture, the runs that it compares and what they are called in it."""
LAMBDA, LAMBDAS = "how-lambda", ("lambda-0.5", "lambda-1", "lambda-10", "lambda-100", "lambda-500", "dfeat-32")
"""The picture of lambda, and the runs that may differ in it; the last has the recipe's own."""
DRAWN = (*COMPARED, LAMBDA)
CANDIDATES = 24
"""The image shown is the one of the median score among so many test images: neither the best nor the worst."""
NEAR_PX = 10
MARGIN_PX = 10
CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """A trained network of a study.

    Attributes
    ----------
    model : Model
    network : WNet
        Prepared for inference.
    learnt : bool
        Whether it has learnt the images that it was trained on.
    n_train : int
    weight : float
        Lambda, the weight of the push between neighbours.
    """

    model: Model
    network: WNet
    learnt: bool
    n_train: int
    weight: float

    def predict(self, image: AnnotatedImage) -> tuple[Maps, Labels]:
        """Return the maps of an image, and labels within its true foreground, as the study scores them."""
        params = self.model.header.params
        normed = normalize(image.image, params.normalize)
        maps = drain(predict_rescaled(self.network, [normed], params, device=CPU))[0]
        return maps, cluster(maps, params.clustering, true_foreground(image))


def run_figures(folder: Path) -> dict[str, Figure]:
    """Draw what the runs of a folder can be compared in, by name.

    Parameters
    ----------
    folder : Path
        Output folder of ``napari-wnet reproduce``.

    Raises
    ------
    SystemExit
        If there are no two runs to compare.
    WNetError
        If the images are no longer where they were.
    """
    keys = dict.fromkeys([*(key for row in COMPARED.values() for key in row), *LAMBDAS])
    runs = {key: run for key in keys if (run := read_run(folder, key)) is not None}
    wanted = {name: {key: row[key] for key in row if key in runs} for name, row in COMPARED.items()}
    weights = {run.weight: key for key in reversed(LAMBDAS) if (run := runs.get(key)) is not None}
    wanted[LAMBDA] = {weights[weight]: f"lambda {weight:g}" for weight in sorted(weights)}
    wanted = {name: row for name, row in wanted.items() if len(row) > 1}
    if not wanted:
        raise SystemExit(
            f"{folder / 'runs'} has no two finished runs to compare; let napari-wnet reproduce finish some."
        )
    image = typical(folder, next(iter(runs.values())) if "dfeat-32" not in runs else runs["dfeat-32"])
    return {name: compared(image, {label: runs[key] for key, label in row.items()}) for name, row in wanted.items()}


def read_run(folder: Path, key: str) -> Run | None:
    """Return the run of the first seed of a variant, None where it is not finished."""
    path = folder / "runs" / f"{key}-seed0.safetensors"
    record = path.with_suffix(".json")
    if not (path.exists() and record.exists()):
        return None
    found = json.loads(record.read_text(encoding="utf-8"))
    model = read_model(path)
    return Run(
        model=model,
        network=fused(model.network),
        learnt=found["scores"]["train_symmetric_best_dice"] >= LEARNT,
        n_train=len(found["settings"]["train"]),
        weight=found["settings"]["params"]["loss"]["inter_weight"],
    )


def typical(folder: Path, run: Run) -> AnnotatedImage:
    """Return the test image on which a run's score is the median."""
    data = str(run.model.header.provenance["data"])
    job = ReproduceJob(study=STUDIES["table1"], data=data, out=folder, budget=Budget(n_images=run.n_train))
    images = drain(data_steps(job)).test[:CANDIDATES]
    scores = [symmetric_best_dice(image.labels, run.predict(image)[1]) for image in images]
    return images[int(np.argsort(scores, kind="stable")[len(scores) // 2])]


def compared(image: AnnotatedImage, runs: Mapping[str, Run]) -> Figure:
    """Draw the image over its true labels, and beside that the embedding of each run over its labels."""
    truth = np.asarray(image.labels, np.int32)
    window = around(truth)
    side = 9.2 / (len(runs) + 1)
    figure = new_figure(9.2, 2 * side + 1.2)
    panels = figure.subplots(2, len(runs) + 1)
    picture = bright(np.moveaxis(image.image, 0, -1))[window]
    show(panels[0, 0], picture if picture.shape[-1] == 3 else picture[..., 0], "image")
    show(panels[1, 0], coloured(truth)[window], "truth")
    for column, (name, run) in enumerate(runs.items(), start=1):
        maps, labels = run.predict(image)
        show(panels[0, column], embedding_rgb(maps.embedding, true_foreground(image))[window], name)
        describe(panels[0, column], maps, truth)
        score = f"SBD {symmetric_best_dice(truth, labels):.2f}"
        title = score if run.learnt else f"{score}\n(has not learnt)"
        show(panels[1, column], coloured(numbered_as(truth, labels))[window], title)
    return figure


def around(labels: Labels) -> Window:
    """Return the square around all objects, as far as the image goes."""
    ends = [(int(places.min()), int(places.max()) + 1) for places in np.nonzero(labels)]
    reach = max(stop - start for start, stop in ends) // 2 + MARGIN_PX
    middles = [(start + stop) // 2 for start, stop in ends]
    rows, columns = (slice(max(0, middle - reach), middle + reach) for middle in middles)
    return rows, columns


def numbered_as(truth: Labels, labels: Labels) -> Labels:
    """Return labels with the numbers of the true objects that they mostly cover, so that their colours agree.

    Of several that cover the same one, the largest has its number; the others get numbers of their own.
    """
    areas = np.bincount(labels.ravel())[1:]
    numbers = np.zeros(len(areas) + 1, np.int32)
    free = int(truth.max(initial=0)) + 1
    for label in np.argsort(-areas, kind="stable") + 1:
        best = int(np.bincount(truth[labels == label], minlength=1).argmax())
        if best == 0 or best in numbers:
            best, free = free, free + 1
        numbers[label] = best
    return np.asarray(numbers[labels], np.int32)


def describe(axes: Axes, maps: Maps, truth: Labels) -> None:
    """Write below an embedding how far it is from the true objects' means, and these are from one another."""
    vectors = np.moveaxis(maps.embedding, 0, -1)
    directions = mean_directions(vectors, truth)
    inside = truth > 0
    own = degrees((vectors[inside].astype(np.float32) / UNIT * directions[truth[inside] - 1]).sum(axis=-1)).mean()
    angles = degrees(directions @ directions.T)
    near = np.zeros(angles.shape, bool)
    near[tuple((neighbours(truth, NEAR_PX) - 1).T)] = True
    far = ~near & ~np.eye(len(near), dtype=bool)
    shown = [f"within objects {own:.0f}°"]
    shown += [
        f"{word} {angles[pairs].mean():.0f}°" for word, pairs in (("neighbours", near), ("others", far)) if pairs.any()
    ]
    axes.set_xlabel("\n".join(shown), fontsize=8.5, color=INK)
