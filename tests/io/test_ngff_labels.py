from __future__ import annotations

import json

import numpy as np
import pytest

from napari_wnet.errors import ImageError, OutputError
from napari_wnet.io.export_context import ExportContext
from napari_wnet.io.images import read_labels
from napari_wnet.io.ngff import open_ngff, open_ngff_labels
from napari_wnet.io.ngff_labels import add_ngff_labels, write_ngff_labels
from ngff_images import VERSIONS, make_image, random_image
from odd_labels import LARGE, ODD

ome_zarr_reader = pytest.importorskip("ome_zarr.reader", reason="its newer versions need pydantic of their own")
IMAGE = random_image((2, 3, 40, 50))


def nodes(path):
    """Return what ome-zarr's own reader finds: a node for the image and one for each of its labels."""
    from ome_zarr.io import parse_url

    return list(ome_zarr_reader.Reader(parse_url(str(path)))())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ODD)
def test_labels_read_by_ome_zarr_are_the_same(tmp_path, name, version):
    write_ngff_labels(tmp_path / "a.ome.zarr", ODD[name], version=version)
    (node,) = nodes(tmp_path / "a.ome.zarr")
    np.testing.assert_array_equal(np.asarray(node.data[0]), ODD[name])
    assert any(type(spec).__name__ == "Label" for spec in node.specs)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.ome.zarr"), ODD[name])


@pytest.mark.parametrize("version", VERSIONS)
def test_levels_halve_and_say_how_large_their_pixels_are(tmp_path, version):
    labels = np.arange(3 * 600 * 300).reshape(3, 600, 300) + LARGE
    write_ngff_labels(tmp_path / "a.zarr", labels, ExportContext(lead="T", pixel_size=(0.5, 0.25)), version=version)
    image = open_ngff(tmp_path / "a.zarr")
    assert (image.axes, image.version, image.pixel_size) == ("TYX", version, (0.5, 0.25))
    assert [level.shape for level in image.levels] == [(3, 600, 300), (3, 300, 150), (3, 150, 75)]
    assert image.levels[0].dtype == np.uint32
    np.testing.assert_array_equal(image.levels[2][:], labels[:, ::4, ::4])
    (node,) = nodes(tmp_path / "a.zarr")
    scales = [level[0]["scale"] for level in node.metadata["coordinateTransformations"]]
    assert scales == [[1, 0.5, 0.25], [1, 1.0, 0.5], [1, 2.0, 1.0]]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_metadata_is_what_the_standard_asks_for(tmp_path, version):
    from ome_zarr_models.v04.image_label import ImageLabelAttrs as Old
    from ome_zarr_models.v04.labels import LabelsAttrs as OldList
    from ome_zarr_models.v05.image_label import ImageLabelAttrs as New
    from ome_zarr_models.v05.labels import LabelsAttrs as NewList

    make_image(tmp_path / "a.zarr", version, IMAGE, "tcyx")
    add_ngff_labels(tmp_path / "a.zarr", "cells", np.ones((2, 40, 50), int), lead="T")
    for inner, models in (("labels", (OldList, NewList)), ("labels/cells", (Old, New))):
        folder = tmp_path / "a.zarr" / inner
        if version == "0.4":
            models[0].model_validate(json.loads((folder / ".zattrs").read_text()))
            continue
        info = json.loads((folder / "zarr.json").read_text())
        models[1].model_validate(info["attributes"]["ome"])
    if version == "0.5":
        arrays = [json.loads(path.read_text()) for path in (folder / "0").glob("zarr.json")]
        assert [array["dimension_names"] for array in arrays] == [["t", "y", "x"]]


def test_labels_have_as_many_levels_as_their_image_and_of_the_same_sizes(tmp_path):
    make_image(tmp_path / "a.zarr", "0.5", random_image((75, 101)), "yx")
    labels = np.arange(75 * 101).reshape(75, 101)
    add_ngff_labels(tmp_path / "a.zarr", "cells", labels)
    image, found = open_ngff(tmp_path / "a.zarr"), open_ngff_labels(tmp_path / "a.zarr")
    assert [level.shape for level in found.levels] == [level.shape for level in image.levels]
    height, width = image.levels[1].shape
    np.testing.assert_array_equal(found.levels[1][:], labels[::2, ::2][:height, :width])


@pytest.mark.parametrize("version", VERSIONS)
def test_labels_inside_an_image_are_found_with_it(tmp_path, version):
    make_image(tmp_path / "a.zarr", version, IMAGE, "tcyx")
    labels = np.stack([np.pad(ODD["touching"], ((0, 37), (0, 46)))] * 2)
    assert add_ngff_labels(tmp_path / "a.zarr", "cells", labels, lead="T") == tmp_path / "a.zarr" / "labels" / "cells"
    first, second = nodes(tmp_path / "a.zarr")[0], nodes(tmp_path / "a.zarr")[-1]
    np.testing.assert_array_equal(np.asarray(first.data[0]), IMAGE)
    np.testing.assert_array_equal(np.asarray(second.data[0]), labels)
    assert second.metadata["coordinateTransformations"][0][0]["scale"] == [7.0, 500.0, 250.0]
    np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr"), labels)
    assert open_ngff_labels(tmp_path / "a.zarr" / "labels").pixel_size == (0.5, 0.25)
    with pytest.raises(OutputError, match="--overwrite"):
        add_ngff_labels(tmp_path / "a.zarr", "cells", labels, lead="T")
    add_ngff_labels(tmp_path / "a.zarr", "cells", labels * 0, lead="T", overwrite=True)
    assert not read_labels(tmp_path / "a.zarr").any()
    add_ngff_labels(tmp_path / "a.zarr", "nuclei 2", labels, lead="T")
    with pytest.raises(ImageError, match=r"several labels \(cells, nuclei 2\)"):
        read_labels(tmp_path / "a.zarr")


def test_what_else_is_said_of_a_group_of_labels_stays(tmp_path):
    make_image(tmp_path / "a.zarr", "0.4", IMAGE, "tcyx")
    add_ngff_labels(tmp_path / "a.zarr", "one", np.ones((40, 50), int))
    list_file = tmp_path / "a.zarr" / "labels" / ".zattrs"
    list_file.write_text(json.dumps({**json.loads(list_file.read_text()), "note": "keep"}))
    add_ngff_labels(tmp_path / "a.zarr", "two", np.ones((40, 50), int))
    assert json.loads(list_file.read_text()) == {"labels": ["one", "two"], "note": "keep"}


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", ".hidden", "a\\b", "---"])
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    make_image(tmp_path / "a.zarr", "0.4", IMAGE, "tcyx")
    with pytest.raises(OutputError, match="name"):
        add_ngff_labels(tmp_path / "a.zarr", name, np.ones((40, 50), int))


def test_labels_of_another_image_are_refused(tmp_path):
    make_image(tmp_path / "a.zarr", "0.4", IMAGE, "tcyx")
    for shape, lead in (((40, 51), ""), ((3, 40, 50), "T"), ((2, 40, 50), "P")):
        with pytest.raises(ImageError, match="very image"):
            add_ngff_labels(tmp_path / "a.zarr", "cells", np.ones(shape, int), lead=lead)
    assert not (tmp_path / "a.zarr" / "labels").exists()


def test_axes_come_in_the_order_of_the_standard(tmp_path):
    labels = np.arange(2 * 3 * 4 * 5 * 6).reshape(2, 3, 4, 5, 6)
    write_ngff_labels(tmp_path / "a.zarr", labels, ExportContext(lead="ZPT"))
    image = open_ngff(tmp_path / "a.zarr")
    assert image.axes == "TPZYX"
    np.testing.assert_array_equal(image.levels[0][:], labels.transpose(2, 1, 0, 3, 4))
    with pytest.raises(OutputError, match="--axes"):
        write_ngff_labels(tmp_path / "b.zarr", labels, ExportContext(lead="RPT"))
    assert not (tmp_path / "b.zarr").exists()


def test_a_folder_is_replaced_only_if_asked_and_only_if_it_is_zarr(tmp_path):
    write_ngff_labels(tmp_path / "a.zarr", ODD["hole"])
    with pytest.raises(OutputError, match="--overwrite"):
        write_ngff_labels(tmp_path / "a.zarr", ODD["touching"])
    write_ngff_labels(tmp_path / "a.zarr", ODD["touching"], ExportContext(overwrite=True))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr"), ODD["touching"])
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]
    (tmp_path / "photos").mkdir()
    with pytest.raises(OutputError, match="something else"):
        write_ngff_labels(tmp_path / "photos", ODD["hole"], ExportContext(overwrite=True))
