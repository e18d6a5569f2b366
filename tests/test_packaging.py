"""The promises of the package as a whole: what importing costs, what is declared, what the pages name."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import napari_wnet

ROOT = Path(__file__).parents[1]
QT_BINDINGS = {"pyqt5", "pyqt6", "pyside2", "pyside6"}
HEAVY = ("PyQt6", "PySide6", "magicgui", "napari", "numpy", "pandas", "pooch", "qtpy", "scipy", "skimage", "torch")


def run(code: str) -> str:
    """Run code in a fresh interpreter, outside the checkout, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, cwd=Path(sys.prefix)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def manifest() -> dict:
    return yaml.safe_load(files("napari_wnet").joinpath("napari.yaml").read_text(encoding="utf-8"))


def pins() -> dict[str, list[Requirement]]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found: dict[str, list[Requirement]] = {}
    for line in lines:
        if line and not line.startswith("#"):
            pin = Requirement(line)
            found.setdefault(pin.name.lower(), []).append(pin)
    return found


def imported(path: Path, *, late: bool = True) -> set[str]:
    """Return the packages that a file imports, anywhere in it, or, if not `late`, as it is imported itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes: list[ast.AST] = list(ast.walk(tree))
    if not late:
        functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        inside = {id(node) for function in functions for node in ast.walk(function)}
        nodes = [node for node in nodes if id(node) not in inside]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("module", ["napari_wnet", "napari_wnet.params", "napari_wnet.sample_data"])
def test_importing_loads_nothing_heavy(module):
    assert run(f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])") == "[]"


def test_all_but_the_docks_import_without_napari():
    code = """
import importlib, pkgutil, sys
for name in ("PyQt6", "PySide6", "magicgui", "napari", "qtpy", "superqt"):
    sys.modules[name] = None
import napari_wnet
names = [item.name for item in pkgutil.walk_packages(napari_wnet.__path__, "napari_wnet.", onerror=lambda name: None)]
names = [name for name in names if not name.startswith("napari_wnet.ui")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""
    assert int(run(code)) > 10


@pytest.mark.parametrize("name", napari_wnet.__all__)
def test_public_names_resolve_and_are_listed(name):
    assert getattr(napari_wnet, name) is not None
    assert name in dir(napari_wnet)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'segmnet'"):
        _ = napari_wnet.segmnet


def test_the_top_level_manifest_is_the_packages():
    link, real = ROOT / "napari.yaml", ROOT / "src" / "napari_wnet" / "napari.yaml"
    if link.is_symlink():
        assert link.samefile(real)
    else:  # git without symlinks writes the target's path into a file
        assert link.read_text(encoding="utf-8").strip() == "src/napari_wnet/napari.yaml"
    assert files("napari_wnet").joinpath("napari.yaml").read_bytes() == real.read_bytes()


def test_the_manifest_is_found_by_napari():
    (entry,) = importlib.metadata.entry_points(group="napari.manifest", name="napari-wnet")
    package, _, file = entry.value.partition(":")
    # The menu knows a dock by the display name, the window by the name: were they to differ, there could be two docks.
    assert manifest()["name"] == manifest()["display_name"] == entry.name
    assert files(package).joinpath(file).is_file()


def test_every_contribution_names_a_declared_command():
    contributions = manifest()["contributions"]
    declared = [command["id"] for command in contributions.pop("commands")]
    used = re.findall(r"'command': '([^']+)'", str(contributions))
    assert len(set(declared)) == len(declared)
    assert set(used) == set(declared)


def test_no_qt_binding_unless_asked_for():
    requirements = [Requirement(line) for line in importlib.metadata.requires("napari-wnet") or []]
    plain = {req.name.lower() for req in requirements if req.marker is None or req.marker.evaluate({"extra": ""})}
    assert "torch" in plain
    assert not plain & (QT_BINDINGS | {"napari", "magicgui", "qtpy", "superqt"})


def test_every_import_is_declared():
    owners = importlib.metadata.packages_distributions()
    declared = project()["project"]
    plain = {Requirement(line).name.lower() for line in declared["dependencies"]}
    extras = {
        name: plain | {Requirement(line).name.lower() for line in lines}
        for name, lines in declared["optional-dependencies"].items()
    }
    optional = set().union(*(extras[name] for name in extras if name not in ("all", "napari")))
    source = ROOT / "src" / "napari_wnet"
    for path in source.rglob("*.py"):
        in_dock = path.is_relative_to(source / "ui")
        # What is optional is imported where it is used, so that nothing else fails without it.
        for names, allowed in (
            (imported(path, late=False), extras["napari"] if in_dock else plain),
            (imported(path), optional | extras["napari"] if in_dock else optional),
        ):
            for name in names - sys.stdlib_module_names - {"napari_wnet"}:
                distributions = {owner.lower() for owner in owners.get(name, [name])}
                assert distributions & allowed, f"{path.name} imports {name}, which pyproject.toml does not declare"


def test_pins_are_in_the_constraints_and_nowhere_else():
    declared = project()
    tables = [declared["project"]["dependencies"], *declared["project"]["optional-dependencies"].values()]
    tables += [[item for item in group if isinstance(item, str)] for group in declared["dependency-groups"].values()]
    pinned = pins()
    for requirement in map(Requirement, (line for table in tables for line in table)):
        assert all(spec.operator in (">=", "!=") for spec in requirement.specifier), requirement
        if requirement.name != "napari-wnet":
            for pin in pinned[requirement.name.lower()]:
                (exact,) = pin.specifier
                assert requirement.specifier.contains(exact.version), (requirement, pin)


def test_version_is_the_same_everywhere():
    version = project()["project"]["version"]
    assert napari_wnet.__version__ == version
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == version
    assert version in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_contributing_names_only_what_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    quoted = " ".join(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))
    paths = {word for word in quoted.split() if re.fullmatch(r"[\w.-]+/[\w./-]*|[\w-]+\.(md|txt|toml|yaml|py)", word)}
    assert len(paths) > 10
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_a_copy_of_the_sources_runs_without_being_installed(tmp_path):
    """On a server where nothing can be installed, a path is all that is needed."""
    shutil.copytree(
        ROOT / "src" / "napari_wnet", tmp_path / "napari_wnet", ignore=shutil.ignore_patterns("__pycache__")
    )
    code = (
        "import sys, importlib.metadata as m\n"
        "def missing(name): raise m.PackageNotFoundError(name)\n"
        "m.version = missing\n"
        "from napari_wnet import cli, __version__\n"
        "assert __version__ == '0+unknown', __version__\n"
        "assert cli.main(['train', '--config', 'nothing.yaml']) == 2\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
