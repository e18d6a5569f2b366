"""Objects of another size than those trained on: without rescaling, with the true diameter, and with the estimated one.

python benchmarks/scale.py --images nuclei/images --labels nuclei/labels

The validation part of the folder is resized; the true diameter is the median of each image's labels. Images that would
have more than --most-px pixels are left out at that factor, from all three columns.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from time import monotonic

import numpy as np
from skimage.transform import resize

from napari_wnet.core.image import match_channels
from napari_wnet.core.metrics import evaluate
from napari_wnet.datasets.folder import load_steps, pairs
from napari_wnet.datasets.split import split
from napari_wnet.network.dataset import Sample
from napari_wnet.network.registry import load_model
from napari_wnet.params import AUTO
from napari_wnet.pipeline import segment_steps
from napari_wnet.reports import drain
from napari_wnet.sizing import estimate_steps

FACTORS = (1 / 3, 1 / 2, 1, 2, 3, 4)
WAYS = ("as trained", "true", "auto")


def resized(sample: Sample, factor: float) -> Sample:
    """Return an image and its labels at another size, the intensities of its own type."""
    shape = tuple(max(2, round(length * factor)) for length in sample.labels.shape)
    image = resize(sample.image, (len(sample.image), *shape), order=1, anti_aliasing=factor < 1, preserve_range=True)
    labels = resize(sample.labels, shape, order=0, anti_aliasing=False, preserve_range=True)
    whole = np.issubdtype(sample.image.dtype, np.integer)
    stored = (np.rint(image) if whole else image).astype(sample.image.dtype)
    return Sample.checked(sample.name, stored, np.asarray(labels, np.int32))


def main() -> None:
    """Print a row of scores for each factor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--factors", type=float, nargs="+", default=FACTORS)
    parser.add_argument("--every", type=int, default=1, help="only every so many-th of the validation images")
    parser.add_argument("--most-px", type=float, default=16e6)
    given = parser.parse_args()
    folder = pairs(given.images, given.labels)
    names = set(split([pair.name for pair in folder.pairs]).validation[:: given.every])
    chosen = replace(folder, pairs=tuple(pair for pair in folder.pairs if pair.name in names))
    samples = drain(load_steps(chosen)).samples
    model = load_model(given.model)
    print(f"model {model.name} ({model.sha256[:12]}), knows {model.header.diameter:.1f} px; {len(samples)} images")
    for factor in given.factors:
        images = [resized(sample, factor) for sample in samples if sample.labels.size * factor**2 <= given.most_px]
        line, errors = f"{factor:5.2f} {len(images):3} images", []
        for way in WAYS:
            began, triples = monotonic(), []
            for sample in images:
                params = model.header.params
                if way == "true":
                    params = params.with_diameter(sample.diameter(), model.header.diameter)
                if way == "auto":
                    params = params.replace(normalize__diameter=AUTO)
                image, _ = match_channels(sample.image, model.header.config.in_channels)
                result = drain(segment_steps(image, model, params, device=given.device))
                triples.append((sample.name, sample.labels, result.labels))
                if way == "auto" and sample.n_objects:
                    found = drain(estimate_steps([image], model, model.header.params, device=given.device))
                    errors.append(abs(np.log2(max(found.diameter, 0.1) / sample.diameter())))
            mean = evaluate(triples).mean
            line += (
                f" | {way}: SBD {mean['symmetric_best_dice']:.3f} AP .5 {mean['average_precision_0.5']:.3f} "
                f"{monotonic() - began:.0f} s"
            )
        off = f"off by {2 ** np.median(errors):.2f}x, more than 1.5x in {np.mean(np.array(errors) > np.log2(1.5)):.0%}"
        print(f"{line} | estimate {off}", flush=True)


if __name__ == "__main__":
    main()
