"""The examples of the documentation: the same text trains the same network on both sides."""

import contextlib
import difflib
import functools
import importlib
import io
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.larq import examples
from tests.larq.parity import larq, tf

# Keras 2's fused batch normalization keeps another moving variance (docs/moving-from-larq.md), so
# that only what is computed in training is the same.
IN_TRAINING = ("loss", "accuracy", "flip_ratio", "gamma")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def are_binary(model):
    """Whether each of a Larq model's weights is one that Bop trains."""
    return [
        getattr(w, "precision", 32) == 1 and isinstance(w.quantizer, larq.quantizers.NoOp)
        for w in model.weights
    ]


@functools.cache
def run_larqs(name):
    """Returns an example's first weights, its history, the trained weights and what it printed."""
    tf.keras.utils.set_random_seed(0)
    start = []

    def weights(model):
        # Larq makes binary weights binary in its first step only.
        pairs = zip(model.get_weights(), are_binary(model), strict=True)
        start.extend(np.where(w < 0, -1.0, 1.0) if is_binary else w for w, is_binary in pairs)
        return start

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        history, trained = examples.run(examples.EXAMPLES[name].read_text(), tf.keras, weights)
    return start, history, trained, printed.getvalue()


def assert_same_training(history, expected):
    assert history.keys() == expected.keys()
    trained = [name for name in expected if name.startswith(IN_TRAINING)]
    assert len(trained) >= 2
    for name in trained:
        ours, theirs = history[name], expected[name]
        # Larq takes the share that flips from 1, in float32.
        assert ours[0] == pytest.approx(theirs[0], rel=1e-5, abs=1e-6), name
        # An activation on the brink between two values may by now have gone another way.
        assert ours == pytest.approx(theirs, rel=2e-3, abs=1e-4), name
    assert expected["loss"][0] != expected["loss"][1]


def test_these_are_the_examples():
    assert set(examples.EXAMPLES) == {"cifar10_binarynet", "mnist_cnn", "separable_cnn"}


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_only_imports_and_the_name_of_keras_change(name):
    before = examples.EXAMPLES[name].read_text()
    after = examples.moved(before)
    changed = [
        line[2:]
        for line in difflib.ndiff(before.splitlines(), after.splitlines())
        if line.startswith("- ")
    ]
    assert all("import " in line or "tf.keras" in line for line in changed)
    assert "tensorflow" not in after
    assert "tf." not in after


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_a_moved_example_trains_as_it_did_with_larq(name, capsys):
    start, expected, their_weights, printed = run_larqs(name)
    history, our_weights = examples.run(
        examples.moved(examples.EXAMPLES[name].read_text()), keras, lambda model: start
    )
    assert_same_training(history, expected)
    kernels = [i for i, weight in enumerate(start) if weight.ndim > 1]
    changes = [(np.sign(our_weights[i]) != np.sign(start[i])).sum() for i in kernels]
    assert sum(changes) > 0
    apart = [(np.sign(our_weights[i]) != np.sign(their_weights[i])).sum() for i in kernels]
    assert sum(apart) <= 0.001 * sum(changes)
    printed += capsys.readouterr().out
    assert printed.count("Test accuracy: ") == 2
    # A table of each library.
    assert printed.count("1-bit MACs") == 1
    assert printed.count("Number of MACs") == 2


@pytest.mark.slow
def test_one_import_is_enough_where_tf_keras_is_keras_3(tmp_path):
    names = [name for name, path in examples.EXAMPLES.items() if "legacy" not in path.read_text()]
    assert len(names) == 2
    expected = {}
    for name in names:
        start, expected[name], *_ = run_larqs(name)
        np.savez(tmp_path / f"{name}.npz", *start)
    done = subprocess.run(
        [sys.executable, "-m", "tests.larq.examples", tmp_path, *names],
        env={**os.environ, "TF_USE_LEGACY_KERAS": "0", "PYTHONPATH": str(examples.ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    histories = json.loads(done.stdout.splitlines()[-1])
    for name in names:
        assert_same_training(histories[name], expected[name])


def test_examples_say_what_they_are():
    for path in examples.EXAMPLES.values():
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.__doc__.strip().endswith(".")
