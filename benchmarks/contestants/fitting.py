"""`model.fit` by the clock, on Keras 2 and on Keras 3."""

import time

import numpy as np


def seconds_of_fit(model, batches, callback, steps):
    """Trains a compiled model, and returns the seconds from the end of a step to the next one's.

    One step more is taken: the first compiles, or fills the queue of batches.

    Args:
        model: The model.
        batches: An endless supply of batches.
        callback: The `LambdaCallback` of the model's Keras.
        steps: How many steps are measured.

    Returns:
        A list of `steps` numbers.
    """
    ends = []

    def mark(batch, logs):
        # A step has ended when its loss can be read.
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
