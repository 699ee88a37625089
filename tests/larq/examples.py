"""Runs the examples of the documentation, as they are with Larq and moved to larq_bop.

    python -m tests.larq.examples WEIGHTS NAME...

runs those that need nothing but another import, on the Keras 3 that `tf.keras` is without
`TF_USE_LEGACY_KERAS`. WEIGHTS is a folder with `NAME.npz` for each.
"""

import functools
import json
import os
import re
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

ROOT = Path(__file__).parents[2]
# The programs that are written for Larq; those for many hosts are not to be moved.
EXAMPLES = {
    path.stem: path
    for path in sorted((ROOT / "docs" / "examples").glob("*.py"))
    if not path.stem.startswith("many_hosts")
}
SHAPES = {"mnist": (28, 28), "fashion_mnist": (28, 28), "cifar10": (32, 32, 3)}
# Three steps an epoch, the last one of a smaller batch. A weight on the brink of a flip may flip on
# one side alone, and change everything after it: so there are few weights, and few that flip.
SETTINGS = {"EPOCHS": 2, "BATCH_SIZE": 8, "FILTERS": 16, "DENSE_UNITS": 64, "THRESHOLD": 1e-6}
SAMPLES = 20


def with_one_import_changed(source):
    """Returns an example that stands on the Keras 3 of TensorFlow."""
    return source.replace("import larq as lq", "import larq_bop as lq")


def moved(source):
    """Returns an example after the changes that `docs/moving-from-larq.md` tells."""
    source = with_one_import_changed(source)
    source = source.replace("tensorflow.keras.optimizers.legacy", "keras.optimizers")
    source = source.replace("import tensorflow as tf", "import keras")
    return re.sub(r"\btf\.keras\b", "keras", source)


def data(name):
    """Returns what `load_data` of a data set does, on few random images."""
    rng = np.random.default_rng(0)

    def some(samples):
        images = rng.integers(0, 256, (samples, *SHAPES[name]), dtype="uint8")
        return images, rng.integers(0, 10, samples, dtype="uint8")

    return some(SAMPLES), some(SETTINGS["BATCH_SIZE"])


def run(source, keras, weights):
    """Runs the `main` of an example for a few steps, on small data.

    Args:
        source: The example's text.
        keras: The Keras that it imports.
        weights: A function from the new model to the weights that it starts with.

    Returns:
        The history, and the trained weights.
    """
    models, histories = [], []
    example = {"__name__": "example"}
    exec(compile(source, "example.py", "exec"), example)
    example.update({name: value for name, value in SETTINGS.items() if name in example})
    build_model = example["build_model"]

    def prepared():
        model = build_model()
        model.set_weights(weights(model))
        fit = model.fit

        def fit_in_order(*args, **kwargs):
            # Each Keras shuffles in its own way.
            histories.append(fit(*args, **kwargs, shuffle=False, verbose=0))
            return histories[-1]

        model.fit = fit_in_order
        models.append(model)
        return model

    example["build_model"] = prepared
    loaders = {name: getattr(keras.datasets, name) for name in SHAPES}
    own = {name: loader.load_data for name, loader in loaders.items()}
    try:
        for name, loader in loaders.items():
            loader.load_data = functools.partial(data, name)
        example["main"]()
    finally:
        for name, loader in loaders.items():
            loader.load_data = own[name]
    (model,), (history,) = models, histories
    history = {name: [float(v) for v in values] for name, values in history.history.items()}
    return history, model.get_weights()


def main(folder, *names):
    """Runs examples from saved weights, and prints their histories by name as JSON."""
    import tensorflow as tf

    assert tf.keras.__version__.startswith("3.")
    histories = {}
    for name in names:
        with np.load(Path(folder) / f"{name}.npz") as saved:
            weights = [saved[key] for key in saved.files]
        source = with_one_import_changed(EXAMPLES[name].read_text())
        histories[name], _ = run(source, tf.keras, lambda model, weights=weights: weights)
    print(json.dumps(histories))


if __name__ == "__main__":
    main(*sys.argv[1:])
