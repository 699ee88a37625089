"""What the experiments' modules import, and how long they are."""

import ast
from pathlib import Path

import pytest

import experiments

ROOT = Path(experiments.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

BELOW = {"experiments", "experiments.errors", "experiments.files"}
MAY_IMPORT = {
    "data": {*BELOW, "experiments.data"},
    "engine": {
        *BELOW,
        *(f"experiments.{name}" for name in ("data", "engine", "options", "terminal")),
    },
    "analysis": {*BELOW, "experiments.data", "experiments.engine", "experiments.analysis"},
}
"""The modules of `experiments` that the folders without an experiment may import."""


def imported(path):
    """Returns the folders and modules of the experiments that a file imports, by dotted name."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in names]
    return {".".join(part[:2]) for part in parts if part[0] == "experiments"}


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_shared_folders_import_no_experiment(folder):
    modules = [path for path in MODULES if path.parent == ROOT / folder]
    assert modules
    for path in modules:
        assert imported(path) <= MAY_IMPORT[folder], path


def test_an_import_of_an_experiment_is_found(tmp_path):
    module = tmp_path / "module.py"
    module.write_text("def f():\n    from experiments.cifar10.runs import settings\n")
    assert imported(module) == {"experiments.cifar10"}
    module.write_text("from experiments import quickstart\nimport experiments.options as o\n")
    assert imported(module) == {"experiments.quickstart", "experiments.options"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_has_more_than_250_lines(path):
    assert len(path.read_text().splitlines()) <= 250
