"""`python -m experiments imagenet` with a network that is compiled in no time.

It checkpoints after every epoch, however short that is, and soon takes a silent host for dead. With
DIES_IN_BATCH in the environment it kills itself when it has begun so many batches.
"""

import os
import signal

from experiments import cli  # First: it silences TensorFlow's log.

import keras  # isort: skip

import larq_bop as lb  # isort: skip
from experiments.engine import connection, training  # isort: skip
from experiments.imagenet import runs  # isort: skip


def network(input_shape, num_classes):
    """A binary convolution and a binary dense layer, on a fourth of the pixels."""
    binary = {"kernel_quantizer": lb.quantizers.NoOp(precision=1), "use_bias": False}
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.AveragePooling2D(4),
            lb.layers.QuantConv2D(8, 3, **binary),
            lb.layers.BatchNormalization(momentum=0.9, scale=False),
            keras.layers.Flatten(),
            lb.layers.QuantDense(num_classes, input_quantizer="ste_sign", **binary),
            lb.layers.BatchNormalization(momentum=0.9, scale=False),
            keras.layers.Softmax(),
        ]
    )


class Mortal(runs.ImagenetTraining):
    """A training that ends its process in the midst of an epoch."""

    def callbacks(self):
        begun = []

        def begin(batch, logs):
            begun.append(batch)
            if len(begun) == int(os.environ["DIES_IN_BATCH"]):
                os.kill(os.getpid(), signal.SIGKILL)

        return [*super().callbacks(), keras.callbacks.LambdaCallback(on_train_batch_begin=begin)]


def prepare():
    """Makes runs small, and hosts impatient."""
    training.SECONDS_BETWEEN_CHECKPOINTS = 0
    connection.HEARTBEAT_SECONDS = 5
    runs._NETWORKS["quicknet"] = network


if __name__ == "__main__":
    prepare()
    if "DIES_IN_BATCH" in os.environ:
        runs.ImagenetTraining = Mortal
    cli.app(prog_name="python -m experiments")
