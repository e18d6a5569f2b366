"""What every test gets: folders of its own instead of the person's, and the bundled nuclei with their true labels."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, settings

DATA = Path(__file__).parent / "data"


# How long an example takes depends on what else the machine is doing.
settings.register_profile("napari-wnet", deadline=None)
# For benchmarks/mutation.py: the same examples each time; that a test fails is enough, no smaller one is looked for.
settings.register_profile(
    "mutation", deadline=None, derandomize=True, max_examples=40, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile("napari-wnet")


def pytest_configure(config: pytest.Config) -> None:
    # napari reads this once, when it is imported.
    folder = tempfile.TemporaryDirectory(prefix="napari-wnet-tests-")
    config.add_cleanup(folder.cleanup)
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    patch.setenv("NAPARI_CONFIG", str(Path(folder.name) / "settings.yaml"))


@pytest.fixture(scope="session", autouse=True)
def own_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the person's cached and own models, and their model server, out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAPARI_WNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("NAPARI_WNET_USER_MODELS", str(tmp_path_factory.mktemp("models")))
        patch.delenv("NAPARI_WNET_MODELS_URL", raising=False)
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def nuclei_image() -> np.ndarray:
    """The bundled sample, ``(1, 520, 696)`` uint8, read-only: it is shared by all tests."""
    from skimage.io import imread

    from napari_wnet.sample_data import sample_path

    image = imread(sample_path("nuclei"))[None]
    image.flags.writeable = False
    return image


@pytest.fixture(scope="session")
def nuclei_labels() -> np.ndarray:
    """The true labels of `nuclei_image`, ``(520, 696)`` int32, 119 objects, read-only."""
    from skimage.io import imread

    labels = imread(DATA / "nuclei_labels.png").astype(np.int32)
    labels.flags.writeable = False
    return labels


@pytest.fixture
def locked_folder() -> Iterator[Path]:
    """A folder that whoever runs the test may enter but not write into; root becomes nobody for as long."""
    root = os.geteuid() == 0
    folder = Path(tempfile.mkdtemp())  # not tmp_path, which nobody but its owner may enter
    folder.chmod(0o555)
    try:
        if root:
            os.seteuid(65534)
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.rmdir()
