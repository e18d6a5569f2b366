"""The paper's tables: the right settings, runs that go on where they were ended, and tables that say what was found."""

from __future__ import annotations

import builtins
import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_wnet import cli
from napari_wnet.datasets.annotated import AnnotatedImage
from napari_wnet.errors import OutputError, ParamsError, TrainingError
from napari_wnet.network.wnet import WNet, n_parameters
from napari_wnet.params import WNetConfig
from napari_wnet.presets import PRESETS
from napari_wnet.reports import EpochReport, Progress, drain
from napari_wnet.reproduce import STUDIES, Budget, ReproduceJob, RunDone, Study, Variant, job
from napari_wnet.reproduce.data import StudyData, data_steps
from napari_wnet.reproduce.run import reproduce_steps
from napari_wnet.reproduce.table import Row, as_csv, as_markdown

TINY = Study(
    name="tiny",
    title="Tiny: two networks",
    variants=(
        Variant(
            key="none", label="U-Net", network={"concat": "none"}, paper={"symmetric_best_dice": 0.5}, repeated=True
        ),
        Variant(key="dfeat", label="W-Net"),
    ),
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Networks and crops that take a moment."""
    monkeypatch.setattr(job, "SMALL_WIDTHS", (4, 8))
    training = job.SMALL_TRAINING.replace(steps=3, crop_size=32, batch_size=1, warmup_steps=0, report_every=1)
    monkeypatch.setattr(job, "SMALL_TRAINING", training)


def picture(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.zeros((48, 56), np.uint8)
    for number in range(1, 5):
        row, column = rng.integers(0, 38), rng.integers(0, 46)
        labels[row : row + 9, column : column + 9] = number
    image = (60 + 120 * (labels > 0) + rng.integers(0, 20, labels.shape)).astype(np.uint8)
    return np.stack([image, image // 2, image // 3], axis=-1), labels


@pytest.fixture
def folder(tmp_path) -> Path:
    for part in ("images", "labels"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for seed in range(11):
        image, labels = picture(seed)
        Image.fromarray(image).save(tmp_path / "data" / "images" / f"{seed:02}.png")
        Image.fromarray(labels).save(tmp_path / "data" / "labels" / f"{seed:02}.png")
    return tmp_path / "data"


def job_of(folder: Path, out: Path, study: Study = TINY, **budget) -> ReproduceJob:
    return ReproduceJob(study=study, data=str(folder), out=out, budget=Budget(n_seeds=2, **budget), device="cpu")


# What is compared


def test_the_rows_are_the_papers():
    paper = {
        study.name: [(variant.key, variant.paper.get("symmetric_best_dice")) for variant in study.variants]
        for study in STUDIES.values()
    }
    assert [sbd for _, sbd in paper["table1"]] == [0.794, 0.798, 0.824, 0.864, 0.879, 0.847, 0.873]
    assert [sbd for _, sbd in paper["table2"]] == [0.879, 0.854, 0.835, 0.823]
    assert [sbd for _, sbd in paper["bbbc006"]] == [0.896, 0.915]
    assert [variant.paper for variant in STUDIES["table3"].variants] == [{"A1": 0.919}, {"A1-3": 0.87}, {"A1-5": 0.879}]
    assert [variant.label for variant in STUDIES["fig6b"].variants][-1] == "the push alone"


def test_rows_of_one_name_are_the_same_run_in_every_study():
    seen = {}
    for study in STUDIES.values():
        for variant in study.variants:
            made = job_of(Path(), Path(), study)
            run = made.config(variant, 3), made.params(variant, 0)
            assert seen.setdefault(variant.key, run) == run, variant.key
    assert len(seen) == 40


def test_drawn_plants_have_losses_to_their_scale_but_what_a_row_says_holds():
    def losses(study: Study, data: str, **budget) -> list[tuple[float, float]]:
        made = replace(job_of(Path(), Path(), study, **budget), data=data)
        found = [made.params(variant, 0).loss for variant in study.variants]
        return [(loss.neighbour_distance, loss.inter_weight) for loss in found]

    assert set(losses(STUDIES["table1"], "synthetic")) == {(3.2, 4.0)}
    assert set(losses(STUDIES["table1"], "nuclei")) == {(10.0, 4.0)}
    assert set(losses(STUDIES["table1"], "synthetic", recipe="paper")) == {(10.0, 1.0)}
    weights = [weight for _, weight in losses(STUDIES["fig6b"], "synthetic")]
    assert weights == [0.5, 1.0, 10.0, 100.0, 500.0, 4.0]


def test_settings_are_changed_one_at_a_time_and_only_in_the_small_recipe():
    study = STUDIES["settings"]
    made = replace(job_of(Path(), Path(), study), data="synthetic")
    plain = made.config(study.variants[0], 3).to_dict(), made.params(study.variants[0], 0).to_dict()
    for variant in study.variants[1:]:
        config, params = made.config(variant, 3).to_dict(), made.params(variant, 0).to_dict()
        changed = [name for name in config if config[name] != plain[0][name]]
        changed += [name for name in params if params[name] != plain[1][name]]
        if changed == ["batch_size", "crop_size"]:  # about as many pixels a step
            assert params["batch_size"] * params["crop_size"] ** 2 == pytest.approx(4 * 160**2, rel=0.3)
        else:
            assert len(changed) == 1, (variant.key, changed)
        assert made.segment_params(variant).normalize == made.params(variant, 0).normalize
    with pytest.raises(ParamsError, match="'settings' compares settings of the small recipe; give --recipe small"):
        job_of(Path(), Path(), study, recipe="paper")


@pytest.mark.parametrize(
    "study", [study for study in STUDIES.values() if not study.small_only], ids=lambda one: one.name
)
def test_every_row_is_a_network_and_a_loss_of_its_own(study):
    made = job_of(Path(), Path(), study, recipe="paper")
    runs = [(made.config(variant, 3), made.params(variant, 0), variant.subsets) for variant in study.variants]
    assert len({json.dumps([c.to_dict(), p.to_dict(), s]) for c, p, s in runs}) == len(study.variants)
    for config, params, _ in runs:
        assert n_parameters(WNet(config)) > 7_000_000
        assert params.batch_size == (2 if config.embedding_dim >= 32 else 4)
        assert params.replace(batch_size=4, loss=PRESETS["paper"].params.loss) == PRESETS["paper"].params


def test_seeds_come_round_by_round_and_only_some_rows_are_repeated():
    made = job_of(Path(), Path())
    assert [(variant.key, seed) for variant, seed in made.runs()] == [("none", 0), ("dfeat", 0), ("none", 1)]


def test_rows_can_be_chosen_by_their_keys():
    made = replace(job_of(Path(), Path()), rows=("none",))
    assert [(variant.key, seed) for variant, seed in made.runs()] == [("none", 0), ("none", 1)]
    with pytest.raises(ParamsError, match="no row 'nome'; choose among none, dfeat"):
        replace(made, rows=("nome",))


# Runs


def test_a_study_is_trained_scored_and_written(folder, tmp_path):
    steps, reports = reproduce_steps(job_of(folder, tmp_path / "out")), []
    while True:
        try:
            reports.append(next(steps))
        except StopIteration as stop:
            result = stop.value
            break
    kinds = [type(report) for report in reports]
    assert {Progress, EpochReport, RunDone} == set(kinds)
    assert [report.name for report in reports if isinstance(report, RunDone)] == [
        "none-seed0",
        "dfeat-seed0",
        "none-seed1",
    ]
    assert [row.n_seeds for row in result.rows] == [2, 1]
    assert not result.failed
    assert sorted(path.name for path in result.files) == ["tiny.csv", "tiny.md", "tiny.png"]
    with Image.open(tmp_path / "out" / "tiny.png") as plot:
        assert plot.width > 300
    with (tmp_path / "out" / "tiny.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == ["U-Net", "W-Net"]
    assert rows[0]["symmetric_best_dice_paper"] == "0.5000"
    assert not rows[1]["symmetric_best_dice_paper"]
    leftovers = {path.name for path in (tmp_path / "out" / "runs").iterdir()}
    assert leftovers == {
        f"{name}.{end}" for name in ("none-seed0", "dfeat-seed0", "none-seed1") for end in ("json", "safetensors")
    }


def test_what_is_finished_is_used_again_and_other_settings_are_refused(folder, tmp_path):
    first = drain(reproduce_steps(job_of(folder, tmp_path / "out")))
    again = [report for report in reproduce_steps(job_of(folder, tmp_path / "out")) if isinstance(report, RunDone)]
    assert all(run.reused for run in again)
    assert again[1].scores["symmetric_best_dice"] == pytest.approx(first.rows[1].mean["symmetric_best_dice"])
    with pytest.raises(OutputError, match="choose another folder"):
        drain(reproduce_steps(job_of(folder, tmp_path / "out", steps=2)))


def weights(out: Path) -> bytes:
    from safetensors import safe_open

    with safe_open(out / "runs" / "none-seed0.safetensors", "np") as file:
        return b"".join(file.get_tensor(name).tobytes() for name in sorted(file.keys()))


def test_an_interrupted_run_is_not_taken_for_finished_and_ends_as_if_never_interrupted(folder, tmp_path):
    drain(reproduce_steps(job_of(folder, tmp_path / "whole")))
    steps = reproduce_steps(job_of(folder, tmp_path / "out"))
    for report in steps:
        if isinstance(report, EpochReport) and report.step == 2:
            break
    with pytest.raises(KeyboardInterrupt):
        steps.throw(KeyboardInterrupt())
    runs = tmp_path / "out" / "runs"
    assert {path.name for path in runs.iterdir()} == {"none-seed0.begun.json", "none-seed0.state.safetensors"}
    resumed = [
        report for report in reproduce_steps(job_of(folder, tmp_path / "out")) if isinstance(report, EpochReport)
    ]
    assert resumed[0].step == 3
    assert weights(tmp_path / "out") == weights(tmp_path / "whole")


def test_an_interrupted_run_is_not_gone_on_with_under_other_settings(folder, tmp_path):
    steps = reproduce_steps(job_of(folder, tmp_path / "out"))
    while not isinstance(next(steps), EpochReport):
        pass
    with pytest.raises(KeyboardInterrupt):
        steps.throw(KeyboardInterrupt())
    with pytest.raises(OutputError, match="other settings"):
        drain(reproduce_steps(job_of(folder, tmp_path / "out", steps=9)))


def test_one_run_that_fails_does_not_end_the_others(folder, tmp_path):
    broken = Variant(key="broken", label="Broken", network={"concat": "nothing"})
    study = replace(TINY, variants=(broken, *TINY.variants))
    result = drain(reproduce_steps(job_of(folder, tmp_path / "out", study)))
    assert [run.name for run in result.failed] == ["broken-seed0"]
    assert [row.label for row in result.rows] == ["U-Net", "W-Net"]
    assert "broken-seed0: WNetConfig.concat is 'nothing'" in (tmp_path / "out" / "tiny.md").read_text()


def test_the_command_says_what_it_did_and_fails_where_a_run_did(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(vars(cli.reproduce), "STUDIES", {"tiny": TINY})
    arguments = [
        "--data",
        str(folder),
        "--recipe",
        "small",
        "--seeds",
        "1",
        "--device",
        "cpu",
        "--out",
        str(tmp_path / "o"),
    ]
    assert cli.main(["reproduce", "tiny", *arguments]) == 0
    out = capsys.readouterr().out
    assert "dfeat-seed0: mSBD" in out
    assert "tiny.md" in out
    broken = replace(TINY, variants=(Variant(key="broken", label="Broken", network={"concat": "nothing"}),))
    monkeypatch.setitem(vars(cli.reproduce), "STUDIES", {"tiny": broken})
    assert cli.main(["reproduce", "tiny", *arguments]) == 1
    assert "broken-seed0 failed" in capsys.readouterr().err
    assert cli.main(["reproduce", "tiny", "--data", str(tmp_path / "nothing"), "--out", str(tmp_path / "o")]) == 1
    assert "is no data set known here" in capsys.readouterr().err


def test_without_a_plotting_library_there_are_tables_and_a_note(folder, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    result = drain(reproduce_steps(job_of(folder, tmp_path / "out")))
    assert [path.suffix for path in result.files] == [".csv", ".md"]
    assert "napari-wnet[plots]" in result.notes[-1]


# Data


def test_synthetic_data_is_drawn_once(tmp_path):
    made = ReproduceJob(study=TINY, data="synthetic", out=tmp_path, budget=Budget(n_images=5))
    data = drain(data_steps(made))
    assert (len(data.train), len(data.test)) == (5, 1)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    assert len(before) == 12
    drain(data_steps(made))
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}


def leaf_challenge(root: Path) -> Path:
    """Write a few plants in the leaf challenge's layout, those of the test part without labels."""
    for number in range(1, 25):
        subset = f"A{1 + (number - 1) // 5}"
        part = root / ("training" if number <= 22 else "testing") / subset
        part.mkdir(parents=True, exist_ok=True)
        image, labels = picture(number)
        name = part / f"plant{number:03}"
        Image.fromarray(image).save(f"{name}_rgb.png")
        if number <= 22:
            leaves = Image.fromarray(labels, "P")
            leaves.putpalette(list(range(256)) * 3)
            leaves.save(f"{name}_label.png")
        Image.fromarray(((labels > 0) * 255).astype(np.uint8)).save(f"{name}_fg.png")
    return root


def test_the_leaf_challenge_is_scored_by_subset_and_handed_in(tmp_path):
    import h5py

    source = leaf_challenge(tmp_path / "leaves")
    result = drain(reproduce_steps(job_of(source, tmp_path / "out", STUDIES["table3"])))
    assert [row.label for row in result.rows] == ["A1", "A1 to A3", "A1 to A5"]
    assert "A1" in result.rows[0].mean
    assert "A1-3" in result.rows[1].mean
    assert "A1-5" in result.rows[2].mean
    assert any("to be handed in" in note for note in result.notes)
    with h5py.File(tmp_path / "out" / "submission.h5") as file:
        assert file["A5/plant023/label"].shape == (48, 56)
        assert set(file["A5"]) == {"plant023", "plant024"}


def test_subsets_that_are_not_there_are_named():
    image = AnnotatedImage(name="a", image=np.zeros((3, 4, 4), np.uint8), labels=np.ones((4, 4), np.int32), subset="A4")
    with pytest.raises(TrainingError, match=r"no labelled images of A1 .* it has A4"):
        StudyData(train=(image,), test=(image,)).of(("A1",))


# Tables


def test_a_network_that_has_not_learnt_is_marked():
    good = Row(label="a", n_seeds=2, mean={"train_symmetric_best_dice": 0.6}, spread={}, paper={})
    poor = Row(label="b", n_seeds=1, mean={"train_symmetric_best_dice": 0.59}, spread={}, paper={})
    assert good.counts
    assert not poor.counts


def test_tables_show_the_mean_over_seeds_and_its_spread():
    made = job_of(Path(), Path())
    done = [
        RunDone(
            variant=TINY.variants[0], seed=seed, scores={"symmetric_best_dice": sbd, "train_symmetric_best_dice": 0.9}
        )
        for seed, sbd in enumerate((0.7, 0.8))
    ]
    text = as_markdown(made, done)
    assert "| U-Net | 2 | 0.750 ± 0.071 | 0.900 ± 0.000 | mSBD 0.500 |" in text
    from napari_wnet.reproduce.table import rows_of

    assert "U-Net,2,True,0.7500,0.0707,0.5000" in as_csv(rows_of(made, done))


def test_networks_of_the_small_recipe_differ_as_the_papers_do():
    made = job_of(Path(), Path(), STUDIES["table1"])
    assert made.config(STUDIES["table1"].variants[0], 3) == WNetConfig(widths=(4, 8), in_channels=3, concat="none")
