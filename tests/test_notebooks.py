"""The notebooks: executed afresh, and as they are committed."""

from pathlib import Path

import keras
import pytest

nbformat = pytest.importorskip("nbformat", reason="the notebooks' packages are not here")
nbclient = pytest.importorskip("nbclient", reason="the notebooks' packages are not here")

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NEEDED = {
    "quickstart",
    "table1_approximation_viewpoint",
    "figure1_learning_rate",
    "figure2_hyperparameters",
    "figure3_cifar10",
    "fast_recipe",
}

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def outputs(notebook):
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [output for cell in cells for output in cell.outputs]


def pictures(notebook):
    return sum("image/png" in output.get("data", {}) for output in outputs(notebook))


def test_no_notebook_is_missing():
    assert {path.stem for path in NOTEBOOKS} == NEEDED


@every_notebook
def test_it_is_committed_executed_and_without_an_error(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert pictures(notebook) >= 2
    assert str(ROOT) not in path.read_text()


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="they show the default backend")
@every_notebook
def test_it_runs_afresh(path, tfds_dir, monkeypatch):
    notebook = nbformat.read(path, as_version=4)
    if path.stem != "quickstart":
        without_the_rerun(notebook)
    assert_runs_afresh(notebook, tfds_dir, monkeypatch)


@pytest.mark.nightly
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="they show the default backend")
@every_notebook
def test_its_rerun_runs_afresh(path, tfds_dir, monkeypatch):
    assert_runs_afresh(nbformat.read(path, as_version=4), tfds_dir, monkeypatch)


def without_the_rerun(notebook):
    """Has a notebook show what is on record, and train nothing."""
    (options,) = [cell for cell in notebook.cells if cell.source.startswith("LIVE = True ")]
    options.source = options.source.replace("True", "False", 1)
    (rerun,) = [cell for cell in notebook.cells if "live.rerun(" in cell.source]
    assert notebook.cells[-1] is rerun
    rerun.outputs = []


def assert_runs_afresh(notebook, tfds_dir, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tfds_dir))
    committed = pictures(notebook)
    client = nbclient.NotebookClient(
        notebook,
        timeout=500,
        kernel_name="python3",
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
    )
    client.execute()
    assert pictures(notebook) == committed
