"""The leaf challenge, read from small made-up copies in its exact layouts: palette pictures in folders, and HDF5."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from napari_wnet.cli import main
from napari_wnet.datasets import cvppp, plain
from napari_wnet.datasets.annotated import AnnotatedImage, DataSet, Selection
from napari_wnet.datasets.cvppp_hdf5 import write_submission
from napari_wnet.errors import ImageError, OutputError, TrainingError
from napari_wnet.reports import drain

LEAVES = np.zeros((26, 30), np.uint8)
LEAVES[3:9, 4:10], LEAVES[9:15, 4:10], LEAVES[18:24, 20:27] = 1, 3, 200


def colours(leaves: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return a picture in which every pixel has a colour of its own."""
    return np.random.default_rng(seed).integers(0, 256, (*leaves.shape, 3), np.uint8)


def palette(leaves: np.ndarray) -> Image.Image:
    """Return labels as the challenge stores them: indices with colours that are not their numbers."""
    picture = Image.fromarray(leaves)
    picture.putpalette([value for index in range(256) for value in ((index * 97) % 256, 255 - index, index // 2)])
    return picture


def add_plant(folder: Path, name: str, leaves: np.ndarray = LEAVES, *, labelled: bool = True) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(colours(leaves)).save(folder / f"{name}_rgb.png")
    Image.fromarray((leaves > 0).astype(np.uint8) * 255).save(folder / f"{name}_fg.png")
    if labelled:
        palette(leaves).save(folder / f"{name}_label.png")
        Image.fromarray(leaves > 200).save(folder / f"{name}_centers.png")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "CVPPP2017_LSC"
    add_plant(root / "training" / "A1", "plant001")
    add_plant(root / "training" / "A1", "plant002")
    add_plant(root / "training" / "A4", "plant0001", LEAVES[:, 2:])
    add_plant(root / "testing" / "A1", "plant003", labelled=False)
    add_plant(root / "testing" / "A5", "plant0001", labelled=False)
    (root / "training" / "A1" / "._plant001_rgb.png").write_bytes(b"what a Mac leaves behind")
    return root


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The same plants as HDF5, with images and labels in different files."""
    folder = tmp_path / "hdf5"
    folder.mkdir()
    with h5py.File(folder / "images.h5", "w") as images, h5py.File(folder / "truth.h5", "w") as truth:
        for key, leaves in (("A1/plant001", LEAVES), ("A4/plant0001", LEAVES[:, 2:]), ("A5/plant0001", LEAVES)):
            rgba = np.dstack([colours(leaves), np.full(leaves.shape, 255, np.uint8)])
            images[f"{key}/rgb"], images[f"{key}/rgb_filename"] = rgba, f"{key}_rgb.png"
            images[f"{key}/fg"] = (leaves > 0).astype(np.uint8)
            if not key.startswith("A5"):
                truth[f"{key}/label"] = leaves
    return folder


def read(source: Path, selection: Selection | None = None) -> DataSet:
    return drain(cvppp.read_steps(source, selection))


def load(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def same(one: AnnotatedImage, other: AnnotatedImage) -> bool:
    return (one.name, one.subset) == (other.name, other.subset) and all(
        np.array_equal(getattr(one, part), getattr(other, part)) for part in ("image", "labels", "foreground")
    )


def test_labels_are_the_indices_of_the_palette_and_subsets_go_with_them(source: Path) -> None:
    data = read(source)
    assert data.subsets == {"A1_plant001": "A1", "A1_plant002": "A1", "A4_plant0001": "A4"}
    plant = data.images[0]
    np.testing.assert_array_equal(plant.labels, LEAVES)
    np.testing.assert_array_equal(plant.foreground, LEAVES > 0)
    np.testing.assert_array_equal(plant.image, np.moveaxis(colours(LEAVES), -1, 0))
    assert data.problems == ()
    assert [sample.name for sample in data.samples()] == list(data.subsets)
    assert all(sample.labels.max() == 3 for sample in data.samples())  # training numbers them 1, 2, 3


def test_folders_and_hdf5_hold_the_same(source: Path, bundle: Path) -> None:
    in_folders = {image.name: image for image in read(source, Selection(labelled=None)).images}
    in_files = read(bundle, Selection(labelled=None)).images
    assert [image.name for image in in_files] == ["A1_plant001", "A4_plant0001", "A5_plant0001"]
    assert all(same(image, in_folders[image.name]) for image in in_files)
    with_labels = read(bundle)
    assert list(with_labels.subsets) == ["A1_plant001", "A4_plant0001"]


def test_a_part_of_the_plants_can_be_chosen(source: Path) -> None:
    assert list(read(source, Selection(subsets=("A4",))).subsets) == ["A4_plant0001"]
    without = read(source, Selection(labelled=False))
    assert list(without.subsets) == ["A1_plant003", "A5_plant0001"]
    assert without.samples() == ()
    with pytest.raises(TrainingError, match="no subset A3; choose among A1, A4, A5"):
        read(source, Selection(subsets=("A3",)))
    with pytest.raises(TrainingError, match="is one with labels"):
        read(source, Selection(subsets=("A5",)))


def test_one_subset_and_one_file_may_be_named(source: Path, bundle: Path) -> None:
    assert list(read(source / "training" / "A1").subsets) == ["A1_plant001", "A1_plant002"]
    with pytest.raises(ImageError, match=r"truth.h5 has no plants: looked for .*A1/plant001/rgb"):
        read(bundle / "truth.h5")
    assert len(read(bundle / "images.h5", Selection(labelled=False)).images) == 3


def test_large_plants_can_be_shrunk_as_they_are_read(tmp_path: Path) -> None:
    leaves = np.kron(LEAVES, np.ones((94, 68), np.uint8))  # 2444 x 2040, as in A3
    add_plant(tmp_path / "A3", "plant001", leaves)
    (plant,) = read(tmp_path, Selection(longest_px=26)).images
    assert plant.image.shape == (3, 26, 22)
    assert plant.image.dtype == np.uint8
    # Each pixel takes the label at its centre: the objects keep their places and their shares of the picture.
    rows, columns = ((np.arange(n) + 0.5) * side / n for n, side in ((26, 2444), (22, 2040)))
    np.testing.assert_array_equal(plant.labels, leaves[np.ix_(rows.astype(int), columns.astype(int))])
    np.testing.assert_array_equal(plant.foreground, plant.labels > 0)
    (whole,) = read(tmp_path, Selection(longest_px=2444)).images
    assert whole.image.shape == (3, 2444, 2040)


def test_conversion_writes_masks_that_fit_and_sets_plants_without_labels_apart(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = cvppp.convert(source, out)
    assert result.names == ("A1_plant001", "A1_plant002", "A4_plant0001")
    assert result.unlabelled == ("A1_plant003", "A5_plant0001")
    assert (result.n_objects, result.notes) == (9, ())
    np.testing.assert_array_equal(load(out / "images" / "A1_plant001.png"), colours(LEAVES))
    labels = load(out / "labels" / "A1_plant001.png")
    assert labels.dtype == np.uint16
    np.testing.assert_array_equal(labels, np.searchsorted([0, 1, 3, 200], LEAVES))
    for folder in (out, out / "unlabelled"):
        images = {path.name for path in (folder / "images").iterdir()}
        assert images == {path.name for path in (folder / "foreground").iterdir()}
    assert not (out / "unlabelled" / "labels").exists()
    with pytest.raises(OutputError, match="--overwrite"):
        cvppp.convert(source, out)


def test_what_was_converted_reads_as_the_source_does(source: Path, tmp_path: Path) -> None:
    cvppp.convert(source, tmp_path / "out")
    listing = drain(plain.list_steps(tmp_path / "out"))
    converted = [entry.read() for entry in listing.entries]
    originals = read(source, Selection(labelled=None)).images
    assert [image.name for image in converted] == [image.name for image in originals]
    assert [image.subset for image in converted] == [image.subset for image in originals]
    for image, original in zip(converted, originals, strict=True):
        np.testing.assert_array_equal(image.image, original.image)
        np.testing.assert_array_equal(image.foreground, original.foreground)
        assert (image.labels is None) == (original.labels is None)


def test_missing_labels_colours_for_labels_and_other_sizes_leave_the_rest(source: Path) -> None:
    training = source / "training" / "A1"
    (training / "plant001_label.png").unlink()
    for name, leaves in (("plant011", LEAVES), ("plant012", LEAVES), ("plant013", LEAVES), ("plant014", LEAVES)):
        add_plant(training, name, leaves)
    Image.fromarray(colours(LEAVES)).save(training / "plant011_label.png")
    palette(LEAVES[:20]).save(training / "plant012_label.png")
    (training / "plant013_rgb.png").write_bytes(b"not copied to its end")
    Image.fromarray(LEAVES).save(training / "plant014_rgb.png")
    data = read(source)
    assert list(data.subsets) == ["A1_plant002", "A4_plant0001"]
    told = "\n".join(data.problems)
    # plant003 has none either, but it lies among test plants.
    assert "A1: 1 of 6 plants of A1 have no labels (A1_plant001)." in told
    assert "plant011_label.png is a colour or multichannel picture" in told
    assert "A1_plant012: the image is (26, 30), its labels are (20, 30)" in told
    assert "plant013_rgb.png" in told
    assert "plant014_rgb.png is (26, 30) uint8 where a colour picture" in told


def test_of_two_copies_of_a_plant_the_one_with_labels_is_used(source: Path) -> None:
    add_plant(source / "another" / "A1", "plant001", LEAVES[:5], labelled=False)
    data = read(source)
    assert data.images[0].image.shape == (3, 26, 30)
    assert any("another A1/plant001 is used" in problem for problem in data.problems)


@pytest.mark.parametrize("there", [[], ["A6"], ["images", "masks", "notes", "plants", "texts"]])
def test_another_layout_is_refused_with_what_was_looked_for_and_what_is_there(tmp_path: Path, there: list[str]) -> None:
    for name in there:
        (tmp_path / name).mkdir()
    found = "images, masks, notes and 2 more" if len(there) == 5 else there[0] if there else "an empty folder"
    with pytest.raises(ImageError, match=rf"looked for A1/plant001_rgb.png .*; found {found}"):
        cvppp.convert(tmp_path, tmp_path / "out")
    with pytest.raises(ImageError, match="nothing of that name"):
        cvppp.convert(tmp_path / "nowhere", tmp_path / "out")


def test_a_damaged_bundle_and_odd_datasets_are_told(tmp_path: Path) -> None:
    (tmp_path / "damaged.h5").write_bytes(b"not copied to its end")
    with pytest.raises(ImageError, match=r"damaged.h5 is damaged or no HDF5 file.*download it again"):
        read(tmp_path)
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file["readme"] = "text"
        file["A1/notes"] = "text"
        file["A1/plant001/rgb"], file["A1/plant001/label"] = colours(LEAVES), LEAVES
        file["A1/plant002/rgb"], file["A1/plant002/label"] = colours(LEAVES), colours(LEAVES)
        file["A1/plant003/rgb"], file["A1/plant003/label"] = colours(LEAVES), LEAVES / 2
    data = read(tmp_path / "odd.h5")
    assert list(data.subsets) == ["A1_plant001"]
    assert "A1/plant002/label has shape (26, 30, 3)" in data.problems[0]
    assert "A1/plant003/label hold float64" in data.problems[1]


@pytest.mark.parametrize("level", ["A1", "A1/plant001", "A1/plant001/label"])
def test_a_bundle_that_leads_to_another_file_is_not_followed(tmp_path: Path, level: str) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["A1/plant001/label"] = LEAVES
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file["A1/plant001/rgb"] = colours(LEAVES)
        if level in file:
            del file[level]
        file[level] = h5py.ExternalLink(str(tmp_path / "secret.h5"), level)
    with pytest.raises(ImageError, match="leads to another file"):
        read(tmp_path / "theirs.h5")


@pytest.mark.parametrize("kind", ["external", "virtual"])
def test_pixels_that_lie_in_another_file_are_not_read(tmp_path: Path, kind: str) -> None:
    (tmp_path / "secret").write_bytes(LEAVES.tobytes())
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["a"] = LEAVES
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file["A1/plant001/rgb"] = colours(LEAVES)
        if kind == "external":
            place = (str(tmp_path / "secret"), 0, LEAVES.nbytes)
            file.create_dataset("A1/plant001/label", LEAVES.shape, LEAVES.dtype, external=[place])
        else:
            layout = h5py.VirtualLayout(LEAVES.shape, LEAVES.dtype)
            layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "a", LEAVES.shape)
            file.create_virtual_dataset("A1/plant001/label", layout)
    with pytest.raises(TrainingError, match="leads to another file"):
        read(tmp_path / "theirs.h5")


def test_a_bundle_that_promises_more_than_the_memory_is_told(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file["A1/plant001/rgb"] = colours(LEAVES)
        file.create_dataset("A1/plant001/label", (10**7, 10**7), np.uint8, chunks=(1000, 1000))
    with pytest.raises(TrainingError, match="more memory than there is"):
        read(tmp_path / "huge.h5")


def test_without_h5py_the_remedy_is_named(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImageError, match=r"napari-wnet\[hdf5\]"):
        read(bundle)


def test_a_submission_reads_back(tmp_path: Path) -> None:
    many = np.arange(26 * 30).reshape(26, 30)
    assert write_submission(tmp_path / "out.h5", iter([("A1_plant003", LEAVES), ("A5_plant0001", many)])) == 2
    with h5py.File(tmp_path / "out.h5") as file:
        assert {subset: set(plants) for subset, plants in file.items()} == {"A1": {"plant003"}, "A5": {"plant0001"}}
        assert file["A1/plant003/label"].dtype == np.uint8
        np.testing.assert_array_equal(file["A1/plant003/label"], LEAVES)
        np.testing.assert_array_equal(file["A5/plant0001/label"], many)
    with pytest.raises(OutputError, match="exists"):
        write_submission(tmp_path / "out.h5", [("A1_plant003", LEAVES)])


@pytest.mark.parametrize(
    ("plants", "remedy"),
    [
        ([], "segment the plants first"),
        ([("leaf", LEAVES)], "like A1_plant001"),
        ([("A1_plant1", LEAVES), ("A1_plant1", LEAVES)], "once"),
        ([("A1_plant1", LEAVES / 2)], "astype"),
        ([("A1_plant1", np.stack([LEAVES, LEAVES]))], "one plane"),
    ],
)
def test_what_cannot_be_handed_in_leaves_no_file(tmp_path: Path, plants: list, remedy: str) -> None:
    with pytest.raises(ImageError, match=remedy):
        write_submission(tmp_path / "out.h5", plants)
    assert list(tmp_path.iterdir()) == []


def test_the_command_converts_and_tells_of_both_kinds(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", "cvppp", str(bundle), str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "2 images with 6 objects written" in said
    assert "1 image without labels written" in said


def test_results_of_a_batch_become_a_submission(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "results"
    results.mkdir()
    for name, array in (("A1_plant003_labels", LEAVES), ("A5_plant0001_labels", LEAVES), ("A1_plant003_pca", LEAVES)):
        Image.fromarray(array).save(results / f"{name}.png")
    out = tmp_path / "out.h5"
    assert main(["submission", str(results), str(out)]) == 0
    assert "labels of 2 plants" in capsys.readouterr().out
    with h5py.File(out) as file:
        np.testing.assert_array_equal(file["A5/plant0001/label"], LEAVES)
    assert main(["submission", str(results), str(out)]) == 1
    assert "--overwrite" in capsys.readouterr().err
