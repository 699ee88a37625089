"""Trains a network on one device and on two, and prints how far apart the results are.

`test_replicas.py` runs this file in a process of its own, since the number of devices is
settled before the backend starts:

    python -m tests.optimizers.replicas SCENARIO...

The output is a JSON object: for each scenario what `compare` returns.
"""

import functools
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"

import keras
import numpy as np

import larq_bop as lb

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
if ON_TENSORFLOW:
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    # One for all scenarios: TensorFlow mixes up the collectives of several strategies.
    STRATEGY = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

SAMPLES, BATCH, EPOCHS = 64, 16, 3


def kernel():
    return {
        "kernel_quantizer": lb.quantizers.NoOp(precision=1),
        "kernel_initializer": lb.initializers.BinaryGlorotNormal(),
        "use_bias": False,
    }


def normalization(synchronized):
    if synchronized is None:
        return []
    return [keras.layers.BatchNormalization(scale=False, synchronized=synchronized)]


def network(scenario, on_two):
    keras.utils.set_random_seed(0)
    synchronized = on_two and ON_TENSORFLOW if "normalized" in scenario else None
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            lb.layers.QuantConv2D(4, 3, **kernel()),
            *normalization(synchronized),
            keras.layers.Flatten(),
            lb.layers.QuantDense(8, input_quantizer="ste_sign", **kernel()),
            *normalization(synchronized),
            *([] if "bop" in scenario else [keras.layers.Dense(3)]),
            *([lb.layers.QuantDense(3, **kernel())] if "bop" in scenario else []),
            keras.layers.Softmax(),
        ]
    )


def optimizer(scenario):
    clip = {"clipnorm": 0.01} if "clipnorm" in scenario else {}
    bop = lb.Bop(threshold=1e-4, gamma=0.1, **clip)
    if "bop" in scenario:
        return bop
    result = lb.CaseOptimizer(
        (lb.Bop.is_binary_variable, bop),
        default_optimizer=keras.optimizers.Adam(0.01),
    )
    return keras.optimizers.LossScaleOptimizer(result) if "scaled" in scenario else result


def train(scenario, on_two):
    """Returns the model after training, the flips of every step, and reported flip ratios."""
    rng = np.random.default_rng(0)
    samples = 53 if "uneven" in scenario else SAMPLES
    x = rng.standard_normal((samples, 6, 6, 1)).astype("float32")
    y = rng.integers(0, 3, samples)
    # Two replicas take the mean of their means, so that in a batch of 3 + 2 samples the first
    # three count 5/6 and the others 5/4.
    weight = np.ones(samples, dtype="float32")
    if "uneven" in scenario and not on_two:
        weight[-5:] = [5 / 6, 5 / 6, 5 / 6, 5 / 4, 5 / 4]

    with lb.context.metrics_scope(["flip_ratio"] if "normalized" in scenario else []):
        model = network(scenario, on_two)
    model.compile(optimizer(scenario), "sparse_categorical_crossentropy")
    flips = lb.callbacks.FlipRatioLogger()
    history = model.fit(
        x,
        y,
        sample_weight=weight,
        batch_size=BATCH,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks=[flips],
    ).history
    ratios = sorted(values for name, values in history.items() if name.startswith("flip_ratio/"))
    return model, flips.flips, ratios


@functools.cache
def train_on_one(scenario):
    return train(scenario, on_two=False)


def train_on_two(scenario):
    if ON_TENSORFLOW:
        with STRATEGY.scope():
            return train(scenario, on_two=True)
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    assert keras.distribution.distribution().device_mesh.devices.size == 2
    try:
        return train(scenario, on_two=True)
    finally:
        keras.distribution.set_distribution(None)


def copies(variable):
    """The variable's value on every replica."""
    values = variable.value.values if hasattr(variable.value, "values") else [variable.value]
    return [np.array(keras.ops.convert_to_numpy(value)) for value in values]


def compare(scenario):
    """Returns numbers that tell how the two trainings differ.

    The one on one device never scales its loss: scaling must not change anything.
    """
    one, flips_on_one, ratios_on_one = train_on_one(scenario.replace("-scaled", ""))
    two, flips_on_two, ratios_on_two = train_on_two(scenario)
    pairs = list(zip(one.trainable_variables, two.trainable_variables, strict=True))
    binary = [pair for pair in pairs if lb.Bop.is_binary_variable(pair[0])]
    other = [pair for pair in pairs if not lb.Bop.is_binary_variable(pair[0])]
    return {
        "binary_weights": sum(copies(u)[0].size for u, _ in binary),
        "binary_weights_that_differ": sum(
            int((copies(u)[0] != value).sum()) for u, v in binary for value in copies(v)
        ),
        "copies": min(len(copies(v)) for _, v in pairs),
        "others": len(other),
        "largest_difference_of_others": max(
            (float(np.abs(copies(u)[0] - c).max()) for u, v in other for c in copies(v)),
            default=0.0,
        ),
        "flips_on_one": flips_on_one,
        "flips_on_two": flips_on_two,
        "ratios_on_one": ratios_on_one,
        "ratios_on_two": ratios_on_two,
    }


if __name__ == "__main__":
    print(json.dumps({scenario: compare(scenario) for scenario in sys.argv[1:]}))
