"""Trains a binary network on one host or on many, on Keras 3 and JAX (docs/many-hosts.md).

    python docs/examples/many_hosts_jax.py --backup backup --save model.keras

On many hosts each runs this command with its own KERAS_DISTRIBUTION_PROCESS_ID. The backup's folder
is the same for all of them, the saved model's path is not.
"""

import argparse
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np

import larq_bop as lb

BATCH = 32  # All hosts together.


def images(number=256):
    """Noise and a bright quadrant, and which of the four it is: the same on every host."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, number)
    quadrants = np.kron(np.eye(4).reshape(4, 2, 2), np.ones((4, 4)))
    noise = rng.standard_normal((number, 8, 8))
    return (noise + quadrants[labels])[..., None].astype("float32"), labels


def share(array, hosts, host):
    """Returns what one host computes: its part of each global batch."""
    batches = array.reshape(-1, hosts, BATCH // hosts, *array.shape[1:])
    return batches[:, host].reshape(-1, *array.shape[1:])


def network():
    """A binary convolution and a binary dense layer."""
    binary = {"kernel_quantizer": lb.quantizers.NoOp(precision=1), "use_bias": False}

    def normalization():
        return lb.layers.BatchNormalization(momentum=0.9, scale=False)

    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            lb.layers.QuantConv2D(8, 3, **binary),
            normalization(),
            keras.layers.Flatten(),
            lb.layers.QuantDense(4, input_quantizer="ste_sign", **binary),
            normalization(),
            keras.layers.Softmax(),
        ]
    )


def connect(heartbeat_timeout):
    """Connects the hosts that KERAS_DISTRIBUTION_* name, and returns their number and this one's.

    `keras.distribution.initialize()` does so too, but waits 100 seconds for a host that is dead.
    """
    hosts = int(os.environ.get("KERAS_DISTRIBUTION_NUM_PROCESSES", 1))
    if hosts == 1:
        return 1, 0
    jax.config.update("jax_cpu_collectives_implementation", "gloo")  # GPUs do not need it.
    jax.distributed.initialize(
        os.environ["KERAS_DISTRIBUTION_JOB_ADDRESSES"].split(",")[0],
        hosts,
        int(os.environ["KERAS_DISTRIBUTION_PROCESS_ID"]),
        heartbeat_timeout_seconds=heartbeat_timeout,
    )
    # Each host brings its own share of the data.
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(distribution)
    return hosts, jax.process_index()


def main(arguments=None, callbacks=()):
    """Trains, goes on where a run before this one was broken off, and saves the model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--backup", required=True, help="a folder that all hosts share")
    parser.add_argument("--save", required=True, help="where this host saves the trained model")
    parser.add_argument(
        "--heartbeat-timeout", type=int, default=30, help="seconds; who is silent longer is dead"
    )
    options = parser.parse_args(arguments)

    hosts, host = connect(options.heartbeat_timeout)
    x, y = (share(array, hosts, host) for array in images())
    keras.utils.set_random_seed(0)  # All hosts begin with the same weights.
    model = network()
    optimizer = lb.CaseOptimizer(
        (lb.Bop.is_binary_variable, lb.Bop(threshold=1e-4, gamma=1e-2)),
        default_optimizer=keras.optimizers.Adam(0.01),
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])

    backup = Path(options.backup) / "latest.weights.h5"
    done = 0
    if backup.exists():
        optimizer.build(model.trainable_variables)
        model.load_weights(backup)
        done = int(optimizer.iterations) // (len(x) // (BATCH // hosts))

    def back_up(epoch, logs):
        backup.parent.mkdir(parents=True, exist_ok=True)
        written = backup.with_name(f"host-{host}.weights.h5")
        model.save_weights(written)  # On every host: Keras' saving needs all of them.
        if host == 0:
            os.replace(written, backup)  # Whoever is killed leaves the old backup or the new one.

    model.fit(
        x,
        y,
        batch_size=BATCH // hosts,
        initial_epoch=done,
        epochs=options.epochs,
        shuffle=False,
        verbose=2,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=back_up), *callbacks],
    )
    model.save(options.save)


if __name__ == "__main__":
    main()
