"""The documentation: its code runs, its links lead somewhere, and its numbers agree."""

import configparser
import inspect
import re
from unittest import mock

import keras
import numpy as np
import pytest

import larq_bop
from tests import documents

README = documents.ROOT / "README.md"
OURS = [block for block in documents.code_blocks(documents.MOVING) if "larq_bop" in block]
TRAIN, LAYER = documents.code_blocks(README)
GUIDES = {
    f"{name} {i}": block
    for name in ("train", "deploy")
    for i, block in enumerate(documents.code_blocks(documents.ROOT / "docs" / f"{name}.md"))
}


@pytest.fixture
def images():
    generator = np.random.default_rng(0)
    return {
        "images": generator.uniform(-1, 1, (4, 32, 32, 3)).astype("float32"),
        "labels": generator.integers(0, 10, 4),
    }


@pytest.mark.parametrize("block", OURS, ids=range(len(OURS)))
def test_code_of_the_page_for_larq_users_runs(block):
    documents.run(block)


def test_the_page_has_code():
    assert len(OURS) == 3


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="it shows the default backend")
def test_code_of_the_readme_trains_a_binary_network(images):
    names = documents.run(TRAIN, **images)
    ((_, bop),) = names["optimizer"].pred_opt_pairs
    kernels = [v for v in names["model"].trainable_variables if larq_bop.Bop.is_binary_variable(v)]
    assert sum(np.prod(kernel.shape) for kernel in kernels) == 14_022_016
    assert bop.iterations == 10
    for kernel in kernels:
        assert set(np.unique(kernel)) == {-1, 1}


def test_the_layer_of_the_readme_has_a_binary_kernel_and_a_binary_input():
    layer = eval(LAYER, {"lb": larq_bop})
    layer.build((None, 8, 8, 3))
    assert larq_bop.Bop.is_binary_variable(layer.kernel)
    assert set(np.unique(layer.kernel)) == {-1, 1}
    assert layer.kernel.shape == (3, 3, 3, 128)
    assert layer.input_quantizer.name.startswith("ste_sign")


def test_the_guide_begins_with_the_code_of_the_readme():
    assert GUIDES["train 0"] == TRAIN


@pytest.mark.parametrize("name", [name for name in GUIDES if name not in ("train 0", "train 2")])
def test_code_of_the_guides_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    documents.run(GUIDES[name])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.data feeds TensorFlow")
def test_the_data_set_of_the_guide_trains_without_being_tuned(images):
    layers = [keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential(layers)
    model.compile("sgd", "sparse_categorical_crossentropy")
    user = mock.Mock(wraps=model)
    documents.run(GUIDES["train 2"], model=user, **images)
    (dataset,) = user.fit.call_args.args
    assert dataset.options().autotune.enabled is False
    assert model.optimizer.iterations == 10


@pytest.mark.parametrize("page", documents.PAGES, ids=lambda p: str(p.relative_to(documents.ROOT)))
def test_links_lead_somewhere(page):
    assert not documents.broken_links(page)
    assert not documents.undefined_references(page)


def test_the_readme_leads_everywhere_from_a_package_index_too():
    links = documents.links(README)
    relative = [link for link in links if ":" not in link]
    assert relative == []
    inside = {documents.REPOSITORY.sub("", link) for link in links}
    guides = {f"docs/{path.name}" for path in documents.ROOT.glob("docs/*.md")}
    assert guides <= inside
    assert {"CHANGELOG.md", "CONTRIBUTING.md", "experiments/README.md"} <= inside


def test_the_readme_is_short():
    assert len(README.read_text().splitlines()) < 130


# The rows of the README's table of results: what it calls them, and the rows of all results that
# its numbers stand in.
RESULTS = {
    "[Table 1][table1], MNIST": [
        "Table 1, MNIST: binary weights",
        "Table 1, MNIST: latent weights",
        "Table 1, MNIST: latent weights, batch norm retrained",
    ],
    "[Table 1][table1], CIFAR-10": [
        "Table 1, CIFAR-10: binary weights",
        "Table 1, CIFAR-10: latent weights",
        "Table 1, CIFAR-10: latent weights, batch norm retrained",
    ],
    "[Figure 1][figure1], CIFAR-10": [
        f"Figure 1, CIFAR-10: {name}, training accuracy after epoch 100"
        for name in ("Glorot, SGD 0.01", "Glorot, SGD 1", "Glorot x 0.01, SGD 0.01")
    ],
    "[Figure 2][figure2]": [
        "Figure 2, threshold 0 / 1e-06 / 1e-05 at gamma 0.001: validation accuracy"
    ],
    "[Figure 3][figure3]": [
        "Figure 3, report protocol, `report-310-epochs`: test accuracy",
    ],
}


def numbers(cell):
    """Returns the numbers of a cell as they are written, without deviations."""
    return re.findall(r"[\d.]+", re.sub(r"± [\d.]+", "", cell))


@pytest.mark.parametrize("name", RESULTS)
def test_the_results_of_the_readme_are_those_of_the_whole_table(name):
    (row,) = (row for row in documents.table_rows(README.read_text()) if row[0].startswith(name))
    whole = documents.table_rows((documents.ROOT / "docs" / "reproduction.md").read_text())
    whole = {cells[0]: cells for cells in whole}
    for column in (1, 2):
        found = [number for key in RESULTS[name] for number in numbers(whole[key][column])]
        assert numbers(row[column]) == found


def test_the_accuracies_at_the_top_of_the_readme_are_those_of_the_whole_table():
    top = {cells[0]: cells for cells in documents.table_rows(README.read_text())}
    whole = documents.table_rows((documents.ROOT / "docs" / "reproduction.md").read_text())
    fast = next(cells for cells in whole if cells[0].startswith("The fast recipe"))
    report = next(cells for cells in whole if "`report-310-epochs`" in cells[0])
    ours = next(cells for key, cells in top.items() if "--preset fast" in key)
    again = next(cells for key, cells in top.items() if key.startswith("`--preset report`"))
    assert ours[3] == f"**{fast[1]}**"
    assert again[3] == report[1]
    assert top["the report"][3] == fast[2]
    assert top["the paper"][3] == fast[3]


def test_every_public_module_has_a_page_in_the_reference():
    modules = {name for name in larq_bop.__all__ if inspect.ismodule(getattr(larq_bop, name))}
    pages = {path.stem for path in (documents.ROOT / "docs" / "reference").glob("*.md")}
    assert pages == modules | {"index", "larq"}


def test_the_repository_has_one_address_and_the_software_one_version():
    setup = configparser.ConfigParser()
    setup.read(documents.ROOT / "setup.cfg")
    address = setup["metadata"]["url"]
    citation = (documents.ROOT / "CITATION.cff").read_text()
    assert f"repository-code: {address}\n" in citation
    assert f"repo_url: {address}\n" in (documents.ROOT / "mkdocs.yml").read_text()
    assert documents.REPOSITORY.match(f"{address}/blob/main/")
    assert f"version: {larq_bop.__version__}\n" in citation
    assert f"## {larq_bop.__version__}" in (documents.ROOT / "CHANGELOG.md").read_text()
