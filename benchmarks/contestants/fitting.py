"""The time of the steps of `model.fit`, on Keras 2 and on Keras 3."""

import time

import numpy as np


def seconds_of_fit(model, batches, callback, steps):
    """Trains a compiled model, and returns the seconds between the ends of successive steps.

    One more step comes first and is not measured: it compiles, or fills the queue of batches.

    Args:
        model: The model.
        batches: An endless data set of batches.
        callback: The class `LambdaCallback` of the model's Keras.
        steps: The number of steps to measure.

    Returns:
        A list of `steps` numbers.
    """
    ends = []

    def mark(batch, logs):
        # A step is finished when its loss can be read.
        float(logs["loss"])
        ends.append(time.perf_counter())

    model.fit(
        batches,
        steps_per_epoch=steps + 1,
        shuffle=False,
        verbose=0,
        callbacks=[callback(on_train_batch_end=mark)],
    )
    return np.diff(ends).tolist()
