"""Trains a Larq model on one device and on two, and prints how far apart the results are.

`test_training.py` runs this file in a process of its own, since the number of devices is settled
before TensorFlow starts:

    python -m tests.larq.replicas
"""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from tests.larq import networks

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


def train(scope, scaled=False):
    with scope:
        # Each replica would normalize its own half of the batch.
        model = networks.network(normalized=False)
        optimizer = networks.bop_and_adam(clipnorm=0.01)
        if scaled:
            optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
        model.compile(optimizer, "sparse_categorical_crossentropy")
    networks.fit(model, epochs=3)
    bop = getattr(optimizer, "inner_optimizer", optimizer).pred_opt_pairs[0][1]
    return model, bop.flips(12).tolist()


def copies(variable):
    return [copy.numpy() for copy in getattr(variable, "values", [variable])]


def main():
    one, flips = train(tf.distribute.get_strategy().scope())
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    results = {}
    for name, scaled in (("plain", False), ("scaled", True)):
        two, flips_on_two = train(strategy.scope(), scaled)
        pairs = [
            (u.numpy(), copies(v))
            for u, v in zip(one.trainable_variables, two.trainable_variables, strict=True)
        ]
        results[name] = {
            "flips": flips,
            "flips_on_two": flips_on_two,
            "copies": [len(vs) for _, vs in pairs],
            "binary_weights_that_differ": sum(
                int((u != v).sum()) for u, vs in pairs[:2] for v in vs
            ),
            "largest_difference": max(float(np.abs(u - v).max()) for u, vs in pairs for v in vs),
        }
    print(json.dumps(results))


if __name__ == "__main__":
    main()
