"""Networks for ImageNet, trained on a tiny data set in its layout."""

import dataclasses

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.special

from experiments.data.stream import Stream, stored
from experiments.engine import opening
from experiments.errors import ExperimentError
from experiments.imagenet import runs
from experiments.imagenet.settings import settings
from tests.experiments.data.stored import store
from tests.experiments.imagenet import small

pytest.importorskip("tensorflow_datasets")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    store(folder, train=45, test=10)
    return stored("tiny", folder)


def training(data, folder, **options):
    """A training of QuickNet on images of 32 pixels, and its folder."""
    given = {"batch_size": 20, "image_size": 32, "epochs": 2, **options}
    run = runs.run("quicknet", "tiny", "quick", **given)
    with opening.opened(folder, run.settings, overwrite=False) as here:
        yield runs.ImagenetTraining(run.settings, data, here)


def values(training):
    return [keras.ops.convert_to_numpy(v) for v in training.model.variables]


@pytest.mark.parametrize(
    ("model", "epochs"),
    [("binary-alexnet", 150), ("xnor-net", 100), ("bireal-net", 300), ("quicknet", 300)],
)
def test_the_papers_settings(model, epochs):
    """As in its section 5.3 and its code; Bi-Real Net's length for QuickNet, which it has not."""
    paper = settings(model, "imagenet2012", "paper")
    assert (paper.epochs, paper.batch_size, paper.image_size) == (epochs, 1024, 224)
    assert bool(paper.note) == (model == "quicknet")
    steps = 1_281_167 // 1024
    for name, start, end in (("gamma", 1e-4, 1e-6), ("learning_rate", 2.5e-3, 5e-6)):
        schedule = paper.schedule(name).by_step(steps)
        for step, value in ((0, start), (steps * epochs / 2, (start + end) / 2)):
            np.testing.assert_allclose(schedule(step), value, rtol=1e-5)
        np.testing.assert_allclose(schedule(steps * epochs), end, rtol=1e-5)
    assert paper.schedule("threshold").by_step(steps) == 1e-8


def test_what_is_shortened_is_told():
    run = runs.run("xnor-net", "imagenet2012", "quick", image_size=217, limit=5000)
    assert run.shortened == (
        "2 of 100 epochs, 5,000 training images only, images of 217 instead of 224 pixels"
    )


def test_images_are_normalized_as_the_zoo_does(data, tmp_path):
    model = next(training(data, tmp_path / "run")).on_bytes()
    scale = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    images, *_ = Stream(data, "validation", 32, 4)[0]
    expected = (images - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(scale(images)), expected, rtol=1e-5, atol=1e-5
    )


def test_a_run_is_tested_and_resumes_where_it_was_left(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(runs._NETWORKS, "quicknet", small.network)
    for whole in training(data, tmp_path / "whole"):
        whole.train()
        result = whole.test()
    told = capsys.readouterr().out
    assert f"test {result['test_accuracy']:6.2%}  flips" in told
    assert "validation" not in told
    for half in training(data, tmp_path / "half", epochs=2):
        half.settings = dataclasses.replace(half.settings, epochs=1)
        half.train()
    for rest in training(data, tmp_path / "half"):
        assert rest.progress.epoch == 1
        rest.train()
    for value, other in zip(values(rest), values(whole), strict=True):
        np.testing.assert_array_equal(value, other)
    for ended in training(data, tmp_path / "half"):
        ended.train()
        assert ended.test() == rest.test() == result

    history = pd.read_csv(tmp_path / "whole" / "history.csv")
    assert list(history.epoch) == [1, 2]
    assert result["epochs"] == result["tested_epoch"] == 2
    last = history.iloc[-1]
    for name in ("test_accuracy", "test_top_5_accuracy", "test_loss"):
        np.testing.assert_allclose(result[name], last[name], rtol=1e-5)
    # Four classes: the right one is always among the first five.
    assert result["test_top_5_accuracy"] == 1.0

    images, labels, weights = whole.batches()[2][0]
    kept = weights > 0
    assert kept.sum() == 10
    scaled = (images[kept] - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]
    before_softmax = keras.Model(whole.model.inputs, whole.model.layers[-1].input)
    logits = before_softmax.predict(np.float32(scaled), verbose=0)
    right = logits.argmax(-1) == labels[kept]
    np.testing.assert_allclose(result["test_accuracy"], right.mean(), rtol=1e-6)
    loss = -scipy.special.log_softmax(logits, -1)[np.arange(10), labels[kept]].mean()
    np.testing.assert_allclose(result["test_loss"], loss, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["binary-alexnet", "xnor-net", "bireal-net", "quicknet"])
def test_every_network_trains(model, data, tmp_path):
    size = {"xnor-net": 217, "binary-alexnet": 64}.get(model, 32)
    run = runs.run(model, "tiny", "quick", epochs=1, batch_size=20, image_size=size)
    with opening.opened(tmp_path / "run", run.settings, overwrite=False) as here:
        result = run.measure(run.settings, data, here)
    assert 0 <= result["test_accuracy"] <= 1
    assert result["flips"] > 0
    assert result["binary_weights"] > 1e6


def test_too_few_images_are_refused(data, tmp_path):
    with pytest.raises(ExperimentError, match="less than a batch of 50"):
        next(training(data, tmp_path / "run", batch_size=50))
