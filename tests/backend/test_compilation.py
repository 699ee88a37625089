"""Work that is compiled inside a step equals the same work op by op."""

import keras
import numpy as np
import pytest

from tests import backends, oracle

if backends.BACKEND != "tensorflow":
    pytest.skip("only TensorFlow compiles parts of a step", allow_module_level=True)

import tensorflow as tf

from larq_bop import context, models, quantizers
from larq_bop.backend.tensorflow import compilation


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("clip_value", [1.0, 0.5, None])
def test_a_large_sign_and_its_gradient(clip_value, dtype):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 16, 16, 32)).astype("float32")
    x.ravel()[:6] = [0.0, -0.0, 1.0, -1.0, 0.5, np.nan]
    x = tf.cast(x, dtype)
    incoming = tf.cast(rng.normal(size=x.shape), dtype)

    @tf.function(autograph=False)
    def compute(x, incoming):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = quantizers.ste_sign(x, clip_value)
        return y, tape.gradient(y, x, incoming)

    y, gradient = (backends.to_numpy(v) for v in compute(x, incoming))
    x, incoming = backends.to_numpy(x), backends.to_numpy(incoming)
    assert np.isnan(y[np.isnan(x)]).all()
    number = ~np.isnan(x)
    np.testing.assert_array_equal(y[number], oracle.sign(x[number]))
    bound = np.inf if clip_value is None else clip_value
    expected = oracle.ste_sign_gradient(x, incoming, bound)
    np.testing.assert_array_equal(gradient[number], expected[number])


@pytest.mark.parametrize(
    ("shape", "is_compiled"),
    [((2, 4096), True), ((None, 64, 64), True), ((2, 4095), False), (None, False)],
)
@pytest.mark.parametrize("of_gradients", [False, True])
def test_only_large_tensors_of_a_step_are_compiled(shape, is_compiled, of_gradients):
    fused = compilation.fused(lambda x: x + 1, of_gradients=of_gradients)
    step = tf.function(fused, input_signature=[tf.TensorSpec(shape)], autograph=False)
    with context.training_scope(not of_gradients):
        step.get_concrete_function()
    operations = {op.type for op in step.get_concrete_function().graph.get_operations()}
    assert ("AddV2" not in operations) == is_compiled
    x = tf.ones((2, 64, 64) if shape is None else [n or 2 for n in shape])
    np.testing.assert_array_equal(step(x), x + 1)
    np.testing.assert_array_equal(fused(x), x + 1)


def compiles(model, training):
    """Whether anything in a traced call of a model is compiled by XLA when it runs."""

    @tf.function(autograph=False)
    def call(x):
        return model(x, training=training)

    traced = call.get_concrete_function(tf.TensorSpec(model.input_shape))
    library = traced.graph.as_graph_def().library.function
    return any(function.attr["_XlaMustCompile"].b for function in library)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_predictions_compile_nothing(policy):
    """A server sees many sizes of batches, each of which would be compiled anew."""
    keras.config.set_dtype_policy(policy)
    model = models.binarynet((16, 16, 3), filters=128, dense_units=4096)
    assert compiles(model, training=True)
    assert not compiles(model, training=False)
    assert not compiles(model, training=None)
