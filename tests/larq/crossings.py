"""What tests of crossing models have in common."""

import keras
import numpy as np
import tensorflow as tf

import larq_bop
from larq_bop.larq import from_larq, to_larq


def randomized(model, seed=0):
    """Moves weights as training would have, so that no statistic is 0 or 1."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        name = variable.name.split("/")[-1].split(":")[0]
        noise = rng.standard_normal(variable.shape).astype("float32")
        if getattr(variable, "precision", None) == 1 and isinstance(variable, keras.Variable):
            variable.assign(np.where(noise < 0, -1.0, 1.0))
        elif name == "moving_variance":
            variable.assign(np.square(noise) + 1.0)
        else:
            variable.assign(0.5 * noise)
    return model


def inputs_of(model, batch=2, seed=1):
    """Returns an array for each input of a model, in a list if there are several."""
    rng = np.random.default_rng(seed)
    arrays = []
    for tensor in model.inputs:
        shape = (batch, *tensor.shape[1:])
        if "int" in keras.backend.standardize_dtype(tensor.dtype):
            arrays.append(rng.integers(0, 5, shape).astype("int32"))
        else:
            arrays.append(rng.standard_normal(shape).astype("float32"))
    return arrays if len(arrays) > 1 else arrays[0]


def predictions(model, x):
    """Returns a model's outputs as a list of arrays."""
    return [tf.cast(y, "float32").numpy() for y in tf.nest.flatten(model(x, training=False))]


def assert_equal_predictions(model, other, x=None, tolerance=1e-5):
    """Asserts that two models predict the same, within `tolerance` of the largest value."""
    x = inputs_of(model) if x is None else x
    for expected, found in zip(predictions(model, x), predictions(other, x), strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())
        assert np.ptp(expected) > 0.01


def assert_equal_weights(model, other):
    """Asserts that two models hold the same values, in the same order."""
    for weight, its_equal in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(np.asarray(its_equal), np.asarray(weight))


def assert_crosses(model, x=None):
    """Takes a larq_bop model to Larq and back, asserts equality each time, returns both."""
    larqs = to_larq(model)
    assert_equal_weights(model, larqs)
    assert_equal_predictions(model, larqs, x)
    back = from_larq(larqs)
    assert_equal_weights(larqs, back)
    assert_equal_predictions(larqs, back, x)
    return larqs, back


def of_one(layer, shape, dtype="float32"):
    """Returns a model of one layer, with random weights."""
    return randomized(keras.Sequential([keras.Input(shape, dtype=dtype), layer]))


def sign_quantizers(kind, quantizer="ste_sign"):
    """Returns the arguments that binarize a layer of a class: its input and its kernels."""
    roles = [name.removesuffix("_quantizer") for name in kind.quantizer_arguments()]
    return {
        "input_quantizer": "ste_sign",
        **{f"{role}_quantizer": quantizer for role in roles},
        **{f"{role}_constraint": larq_bop.constraints.WeightClip() for role in roles},
    }
