"""Fine-tune `nuclei` on 1, 3 and 5 images of phase-contrast cells: before, after, how long; and with a quarter ticked.

python benchmarks/fine_tune.py --data ../shared/data/cells --count 3 --part test

The first images of the training part, by sorted name, train; `--part` scores. Any setting of the training is a flag.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from results import parse

from napari_wnet.core.clustering import cluster
from napari_wnet.core.metrics import DatasetScores, evaluate
from napari_wnet.datasets.folder import load_steps, pairs
from napari_wnet.datasets.split import split
from napari_wnet.fine_tune import FineTuned, FineTuneJob, TrainingPair, fine_tune_params, fine_tune_steps
from napari_wnet.flags import add_flags, apply_flags
from napari_wnet.network.checkpoint import Model
from napari_wnet.network.dataset import Sample
from napari_wnet.network.registry import load_model
from napari_wnet.params import SegmentParams
from napari_wnet.pipeline import predict_steps
from napari_wnet.reports import EpochReport, drain
from napari_wnet.train_params import TrainParams


def read(data: Path, part: str) -> list[Sample]:
    """Return the images of one part of the split, sorted by name."""
    found = pairs(data / "images", data / "labels")
    names = getattr(split([pair.name for pair in found.pairs]), part)
    wanted = tuple(pair for pair in found.pairs if pair.name in names)
    return list(drain(load_steps(replace(found, pairs=wanted))).samples)


def scored(model: Model, params: SegmentParams, samples: Sequence[Sample], device: str) -> DatasetScores:
    """Segment and score images."""
    return evaluate(
        (
            one.name,
            one.labels,
            cluster(drain(predict_steps(one.image, model, params, device=device)), params.clustering),
        )
        for one in samples
    )


def shown(scores: DatasetScores) -> str:
    """Return the scores as one line."""
    mean = scores.mean
    return (
        f"AP .5 {mean['average_precision_0.5']:.3f} (pooled {scores.pooled[0].average_precision:.3f})  "
        f"AP .75 {mean['average_precision_0.75']:.3f}  mSBD {mean['symmetric_best_dice']:.3f}  "
        f"count error {mean['abs_count_difference']:.1f}"
    )


def pair_of(sample: Sample, ticked: float, rng: np.random.Generator) -> TrainingPair:
    """Return a pair; with a share ticked, all other labels are erased, as if nobody had drawn them."""
    if ticked >= 1:
        return TrainingPair(image=sample.image, labels=sample.labels, name=sample.name)
    count = max(3, round(ticked * sample.n_objects))
    done = rng.permutation(np.arange(1, sample.n_objects + 1))[:count].tolist()
    labels = np.where(np.isin(sample.labels, done), sample.labels, 0)
    return TrainingPair(image=sample.image, labels=labels, name=sample.name, done=done)


def followed(job: FineTuneJob, *, quiet: bool) -> tuple[FineTuned, float]:
    """Fine-tune and return the seconds from the start to the best weights as well."""
    began, best_at, best = time.monotonic(), 0.0, None
    steps = fine_tune_steps(job)
    while True:
        try:
            report = next(steps)
        except StopIteration as stop:
            return stop.value, best_at
        if not isinstance(report, EpochReport) or report.validation is None:
            continue
        if report.best_step != best:
            best, best_at = report.best_step, time.monotonic() - began
        if not quiet:
            losses = " ".join(f"{name} {value:.2f}" for name, value in report.losses.items())
            scores = report.validation
            print(
                f"  {time.monotonic() - began:4.0f} s  step {report.step}  {losses}  | SBD "
                f"{scores['symmetric_best_dice']:.3f}  AP .5 {scores['average_precision_0.5']:.3f}",
                flush=True,
            )


def main() -> None:
    """Print the scores before and after."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with images and labels")
    parser.add_argument("--base", default="nuclei")
    parser.add_argument("--count", type=int, nargs="+", default=[1, 3, 5], help="images to train on")
    parser.add_argument("--ticked", type=float, nargs="+", default=[1.0], help="shares of the objects that are ticked")
    parser.add_argument("--part", nargs="+", choices=("test", "validation"), default=["validation"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quiet", action="store_true")
    add_flags(parser, TrainParams)
    given, results = parse(parser)
    torch.set_num_threads(given.threads)
    judge = partial(scored, device=given.device)
    base = load_model(given.base)
    params = apply_flags(fine_tune_params(base), vars(given))
    training, judging = read(given.data, "train"), {part: read(given.data, part) for part in given.part}
    recommended = base.header.params
    typical = float(np.median([one.diameter() for one in training[: max(given.count)]]))
    told = recommended.replace(normalize__diameter=typical)
    for part, samples in judging.items():
        print(f"{base.name} ({base.sha256[:12]}), {part}: {len(samples)} images, {given.threads} threads")
        print(f"before, images as they are      {shown(judge(base, recommended, samples))}")
        print(f"before, diameter {typical:.0f} px given   {shown(judge(base, told, samples))}", flush=True)
    for count in given.count:
        for ticked in given.ticked:
            rng = np.random.default_rng(params.seed)
            job = FineTuneJob(
                pairs=[pair_of(one, ticked, rng) for one in training[:count]],
                base=base,
                params=params,
                device=given.device,
            )
            began, cpu = time.monotonic(), time.process_time()
            tuned, to_best = followed(job, quiet=given.quiet)
            at = {"images": count, "ticked": ticked, "base": base.name, "device": given.device}
            results.add("fine-tuning until the best weights", "s", to_best, **at)
            results.add("fine-tuning", "s", time.monotonic() - began, **at)
            held = [scores["average_precision_0.5"] for scores in (tuned.comparison.current, tuned.comparison.new)]
            print(
                f"{count} image(s), {ticked:.0%} ticked: step {tuned.step} of {tuned.steps_done}, best after "
                f"{to_best:.0f} s, done after {time.monotonic() - began:.0f} s ({time.process_time() - cpu:.0f} s of "
                f"processor time), better: {tuned.better}, held out AP .5 {held[0]:.3f} -> {held[1]:.3f}"
            )
            for part, samples in judging.items():
                scores = judge(tuned.model, tuned.header.params, samples)
                results.add("AP .5 after fine-tuning", "", scores.mean["average_precision_0.5"], part=part, **at)
                print(f"  after, {part}  {shown(scores)}", flush=True)
    results.write()


if __name__ == "__main__":
    main()
