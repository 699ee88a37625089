"""Larq on Keras 2 and larq_bop on Keras 3, side by side in one process."""

import os

# `tf.keras` is Keras 2, which Larq needs, from its first use on.
os.environ["TF_USE_LEGACY_KERAS"] = "1"

import keras
import numpy as np
import pytest

larq = pytest.importorskip("larq", reason="Larq is not installed in this environment")
if keras.backend.backend() != "tensorflow":
    pytest.skip("Larq runs on TensorFlow", allow_module_level=True)

import tensorflow as tf  # noqa: E402


def normal(shape, seed=0, scale=1.0):
    """Returns normally distributed float32 values."""
    return (scale * np.random.default_rng(seed).standard_normal(shape)).astype("float32")


def output_and_gradients(call, inputs, weights=()):
    """Returns a call's output and the gradients of a weighted sum of it.

    Args:
        call: A function of a tensor.
        inputs: A NumPy array.
        weights: TensorFlow variables that `call` uses.

    Returns:
        Three: the output, the gradient with respect to the inputs, a list of the weights'.
    """
    x = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = call(x)
        loss = tf.reduce_sum(y * normal(y.shape, seed=7))
    d_x, *d_weights = tape.gradient(loss, [x, *weights], unconnected_gradients="zero")
    return y.numpy(), d_x.numpy(), [g.numpy() for g in d_weights]


def assert_equal(ours, theirs, rtol=1e-6):
    """Asserts that two arrays agree within `rtol` of the largest value."""
    assert ours.shape == theirs.shape
    scale = np.abs(theirs).max(initial=0.0)
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * scale)
