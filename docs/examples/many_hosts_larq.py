"""Trains a binary network of Larq's layers on one host or on many (docs/many-hosts.md).

    python docs/examples/many_hosts_larq.py --backup backup --save model.keras

On many hosts each runs this command with its own TF_CONFIG. The backup's folder is the same for
all of them, the saved model's path is not.
"""

import argparse
import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # Larq runs on Keras 2.

import larq as lq
import numpy as np
import tensorflow as tf

from larq_bop.larq import Bop, CaseOptimizer

BATCH = 32  # All hosts together.


def images(number=256):
    """Noise and a bright quadrant, and which of the four it is: the same on every host."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, number)
    quadrants = np.kron(np.eye(4).reshape(4, 2, 2), np.ones((4, 4)))
    noise = rng.standard_normal((number, 8, 8))
    return (noise + quadrants[labels])[..., None].astype("float32"), labels


def network():
    """A binary convolution and a binary dense layer."""
    binary = {"kernel_quantizer": lq.quantizers.NoOp(precision=1), "use_bias": False}

    def normalization():
        # Not synchronized, each host would normalize its own share of the batch.
        return tf.keras.layers.BatchNormalization(momentum=0.9, scale=False, synchronized=True)

    return tf.keras.Sequential(
        [
            tf.keras.Input((8, 8, 1)),
            lq.layers.QuantConv2D(8, 3, **binary),
            normalization(),
            tf.keras.layers.Flatten(),
            lq.layers.QuantDense(4, input_quantizer="ste_sign", **binary),
            normalization(),
            tf.keras.layers.Softmax(),
        ]
    )


def main(arguments=None, callbacks=()):
    """Trains, goes on where a run before this one was broken off, and saves the model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--backup", required=True, help="a folder that all hosts share")
    parser.add_argument("--save", required=True, help="where this host saves the trained model")
    options = parser.parse_args(arguments)

    # First of all: it connects the hosts that TF_CONFIG names.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    tf.keras.utils.set_random_seed(0)
    with strategy.scope():
        model = network()
        optimizer = CaseOptimizer(
            (Bop.is_binary_variable, Bop(threshold=1e-4, gamma=1e-2)),
            default_optimizer=tf.keras.optimizers.Adam(0.01),
        )
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    # Kept after the training too: whoever dies before the model is saved has lost nothing.
    backup = tf.keras.callbacks.BackupAndRestore(options.backup, delete_checkpoint=False)
    model.fit(
        *images(),
        batch_size=BATCH,
        epochs=options.epochs,
        shuffle=False,
        verbose=2,
        callbacks=[backup, *callbacks],
    )
    # On every host, since they bring their parts of some variables together.
    model.save(options.save)


if __name__ == "__main__":
    main()
