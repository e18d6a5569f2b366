"""The page that a package for bioimage.io has for people."""

from __future__ import annotations

import json
from collections.abc import Iterator

from napari_wnet.core.image import MAX_STATISTICS_SAMPLES
from napari_wnet.model_export.description import MEANINGS, PAPER, PAPER_DOI, channel_names, package_name
from napari_wnet.model_export.example import Example
from napari_wnet.model_export.publication import Publication
from napari_wnet.network.card import PROVENANCE
from napari_wnet.network.checkpoint import Model
from napari_wnet.network.onnx_file import INPUT, output_names
from napari_wnet.network.wnet import receptive_radius

SOURCES = {
    "nuclei": "Data Science Bowl 2018 training set (BBBC038v1), image `4d2cff9a0c8df3a7...`, CC0 1.0. Caicedo et al., "
    "Nature Methods 16 (2019), doi:10.1038/s41592-019-0612-7.",
    "cells": "Usiigaci, training image `set1`, MIT licence, (c) 2018 Okinawa Institute of Science & Technology "
    "Graduate University. Tsai et al., SoftwareX 9 (2019), doi:10.1016/j.softx.2019.02.007.",
    "rosette": "LTU-1 data set of github.com/pisyntor/Computer_based_Recognition_of_Arabidopsis_thaliana_Ecotypes, pot "
    "C2, Apache 2.0.",
}
"""Whose the bundled pictures are; their licences go into the package as files."""
LICENCE_FILE = "LICENSE-test-image.txt"


def readme(model: Model, publication: Publication, example: Example) -> str:
    """Return the page as Markdown."""
    parts = (_head(model), _tensors(model), _objects(model), _limits(model), _validation(model), _training(model))
    return "\n".join(line for part in (*parts, _rights(publication, example)) for line in part)


def _head(model: Model) -> Iterator[str]:
    yield f"# {package_name(model)}\n"
    yield f"{model.header.description or 'Instance segmentation with W-Net pixel embeddings.'}\n"
    yield (
        "A W-Net: two U-Nets, of which the first regresses how far each pixel is from its object's boundary, and the "
        "second, which reads what the first found, gives each pixel a vector that points alike within an object and "
        "apart across neighbours. Clustering turns these maps into objects. Made with napari-wnet.\n"
    )


def _tensors(model: Model) -> Iterator[str]:
    factor = model.header.config.pooling_factor
    yield "## Input and outputs\n"
    yield (
        f"Input: raw intensities, channels {', '.join(channel_names(model))}; height and width are multiples of "
        f"{factor} px. They are normalised as `bioimageio.yaml` describes.\n"
    )
    yield "| output | channels | meaning |\n|---|---|---|"
    for name in output_names(model.header.config):
        yield f"| {name} | {model.header.config.embedding_dim if name == 'embedding' else 1} | {MEANINGS[name]} |"
    yield ""


def _objects(model: Model) -> Iterator[str]:
    yield "## From maps to objects\n"
    yield "This package holds the network. `napari-wnet` makes objects of its outputs, as its authors set it:\n"
    yield "```python"
    yield "import numpy as np"
    yield "from bioimageio.core import load_model_description, predict"
    yield "from napari_wnet.core.clustering import cluster"
    yield "from napari_wnet.core.maps import Maps"
    yield "from napari_wnet.params import ClusteringParams\n"
    yield 'model = load_model_description("package.zip")'
    yield 'image = np.load("test_image.npy")  # (1, channels, height, width)'
    yield f'maps = predict(model=model, inputs={{"{INPUT}": image}})'
    yield "maps = {name: tensor.data.values[0] for name, tensor in maps.members.items()}"
    yield f"maps = Maps.from_floats({_arguments(model)})"
    yield 'labels = cluster(maps, ClusteringParams.from_dict(model.config.napari_wnet["clustering"]))'
    yield "```\n"
    yield "In napari, the same model is chosen in the Segment dock, with sliders for seeds, angle and foreground.\n"


def _arguments(model: Model) -> str:
    names = output_names(model.header.config)
    return ", ".join(f'maps["{name}"]' + ("" if name == "embedding" else "[0]") for name in names)


def _limits(model: Model) -> Iterator[str]:
    header, config = model.header, model.header.config
    yield "## Limits\n"
    yield (
        f"- Tiles of a larger image overlap by {receptive_radius(config)} px or more on each side, or seams may show; "
        "it is normalised as a whole, before it is cut."
    )
    if config.concat == "coordinates":
        yield "- The network reads where in the image a pixel is: it looks at whole images, not at tiles."
    if header.diameter:
        yield f"- It knows objects of about {header.diameter:.0f} px; rescale images of much larger or smaller ones."
    if header.params.normalize.square:
        side = header.params.normalize.square
        yield f"- It knows images that are stretched to {side} x {side} px: stretch them after they are normalised."
    elif header.params.normalize.diameter:
        yield f"- Its makers rescale images as for objects of {header.params.normalize.diameter:.0f} px."
    if header.params.normalize.method == "percentile":
        yield (
            "- Percentiles are interpolated here, over all pixels. napari-wnet takes the value of the pixel at that "
            f"rank, and in images of more than {MAX_STATISTICS_SAMPLES:,} values that are neither 8 nor 16 bit, of a "
            "regular sample; where both percentiles are equal, it takes an extreme for one of them."
        )
    yield ""


def _validation(model: Model) -> Iterator[str]:
    yield "## Validation\n"
    if not model.header.scores:
        yield "No scores are known. Compare labels with your own by `napari-wnet evaluate --help`.\n"
        return
    yield "| part | score | value |\n|---|---|---|"
    for part, scores in model.header.scores.items():
        for name, value in scores.items() if isinstance(scores, dict) else [("", scores)]:
            yield f"| {_cell(part)} | {_cell(name)} | {_cell(value)} |"
    yield "\nOn images of your own: `napari-wnet evaluate --labels TRUE --predictions RESULTS` gives the same scores.\n"


def _training(model: Model) -> Iterator[str]:
    known = {name: model.header.provenance[name] for name in PROVENANCE if name in model.header.provenance}
    if known:
        yield "## Training\n"
        yield "| | |\n|---|---|"
        for name, value in known.items():
            yield f"| {name} | {_cell(value)} |"
        yield ""


def _rights(publication: Publication, example: Example) -> Iterator[str]:
    yield "## Licence, picture and citation\n"
    yield f"Weights: {publication.licence}, by {', '.join(publication.authors)}.\n"
    source = SOURCES.get(example.sample)
    yield (
        f"Test image and cover: {source} Cut out; its licence is in `{LICENCE_FILE}`.\n"
        if source
        else "Test image and cover: from the authors.\n"
    )
    yield f"Please cite: {PAPER} doi:{PAPER_DOI}."
    yield ""


def _cell(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text.replace("|", "/").replace("\n", " ")
