"""Operations between layers, both ways: where both sides compute the same, they cross."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from keras import ops

import larq_bop as lb
from larq_bop.larq import CannotCrossError, convert, from_larq, to_larq
from tests.larq import crossings

SHAPE = (4, 6, 8)

# The same of two tensors, written with TensorFlow and with `keras.ops`.
PAIRS = {
    "add": (lambda a, b: a + b, lambda a, b: a + b),
    "of other axes": (lambda a, b: a + b[0], lambda a, b: a + b[0]),
    "subtract": (lambda a, b: a - b, lambda a, b: a - b),
    "multiply": (lambda a, b: a * b, lambda a, b: a * b),
    "divide": (lambda a, b: a / (tf.abs(b) + 1), lambda a, b: a / (ops.abs(b) + 1)),
    "constants": (lambda a, b: 1.0 - 2.0 * a**2, lambda a, b: 1.0 - 2.0 * a**2),
    "arrays": (lambda a, b: a * np.arange(8.0), lambda a, b: a * np.arange(8.0, dtype="float32")),
    "negative": (lambda a, b: -a, lambda a, b: -a),
    "maximum": (
        lambda a, b: tf.maximum(a, tf.minimum(b, 0.5)),
        lambda a, b: ops.maximum(a, ops.minimum(b, 0.5)),
    ),
    "where": (
        lambda a, b: tf.where(tf.cast(tf.nn.relu(a), "bool"), a, b),
        lambda a, b: ops.where(ops.cast(ops.relu(a), "bool"), a, b),
    ),
    "split": (lambda a, b: tf.split(a, 2, axis=-1)[1], lambda a, b: ops.split(a, 2, axis=-1)[1]),
    "split by sizes": (
        lambda a, b: tf.split(a, [3, 1, 4], -1)[2],
        lambda a, b: ops.split(a, [3, 4], axis=-1)[2],
    ),
    "concat": (lambda a, b: tf.concat([a, b], -1), lambda a, b: ops.concatenate([a, b], -1)),
    "stack": (lambda a, b: tf.stack([a, b], 1), lambda a, b: ops.stack([a, b], 1)),
    "pad": (
        lambda a, b: tf.pad(a, [[0, 0], [0, 0], [1, 0], [3, 0]], constant_values=2),
        lambda a, b: ops.pad(a, [[0, 0], [0, 0], [1, 0], [3, 0]], constant_values=2),
    ),
    "slices": (
        lambda a, b: a[:, ::2, -1, tf.newaxis, 1:5] + b[:, :2, 0:1, 3:7],
        lambda a, b: a[:, ::2, -1, None, 1:5] + b[:, :2, 0:1, 3:7],
    ),
    "reshape": (lambda a, b: tf.reshape(a, (-1, 24, 8)), lambda a, b: ops.reshape(a, (-1, 24, 8))),
    "transpose": (
        lambda a, b: tf.transpose(a, (0, 2, 1, 3)),
        lambda a, b: ops.transpose(a, (0, 2, 1, 3)),
    ),
    "axes": (
        lambda a, b: tf.squeeze(tf.expand_dims(a, 1), 1),
        lambda a, b: ops.squeeze(ops.expand_dims(a, 1), 1),
    ),
    "flip": (lambda a, b: tf.reverse(a, [1, 2]), lambda a, b: ops.flip(a, (1, 2))),
    "tile": (lambda a, b: tf.tile(a, (1, 2, 1, 1)), lambda a, b: ops.tile(a, (1, 2, 1, 1))),
    "matmul": (
        lambda a, b: tf.matmul(a, tf.transpose(b, (0, 1, 3, 2))),
        lambda a, b: ops.matmul(a, ops.transpose(b, (0, 1, 3, 2))),
    ),
    "clip": (lambda a, b: tf.clip_by_value(a, 0, 1), lambda a, b: ops.clip(a, 0, 1)),
    "functions": (
        lambda a, b: tf.sqrt(tf.exp(tf.tanh(a))) + tf.sign(b) + tf.sigmoid(b),
        lambda a, b: ops.sqrt(ops.exp(ops.tanh(a))) + ops.sign(b) + ops.sigmoid(b),
    ),
    "rounded": (
        lambda a, b: tf.round(a) + tf.floor(b) + tf.math.ceil(b),
        lambda a, b: ops.round(a) + ops.floor(b) + ops.ceil(b),
    ),
    "roots": (
        lambda a, b: tf.math.rsqrt(tf.square(a) + 1.0) + tf.math.log(tf.abs(b) + 1.0),
        lambda a, b: ops.rsqrt(ops.square(a) + 1.0) + ops.log(ops.abs(b) + 1.0),
    ),
    "activations": (
        lambda a, b: tf.nn.leaky_relu(a, 0.3) + tf.nn.elu(a) + tf.nn.selu(a) + tf.nn.relu6(b),
        lambda a, b: ops.leaky_relu(a, 0.3) + ops.elu(a) + ops.selu(a) + ops.relu6(b),
    ),
    "soft activations": (
        lambda a, b: tf.nn.gelu(a) + tf.nn.softplus(a) + tf.nn.silu(b) + tf.nn.softsign(b),
        lambda a, b: (
            ops.gelu(a, approximate=False) + ops.softplus(a) + ops.silu(b) + ops.softsign(b)
        ),
    ),
    "softmax": (
        lambda a, b: tf.nn.softmax(a) + tf.nn.log_softmax(b, axis=1),
        lambda a, b: ops.softmax(a) + ops.log_softmax(b, axis=1),
    ),
    "average pool": (
        lambda a, b: tf.nn.avg_pool2d(a, 3, 2, "SAME"),
        lambda a, b: ops.average_pool(a, 3, 2, "same"),
    ),
    "max pool": (
        lambda a, b: tf.nn.max_pool2d(a, [1, 2, 3, 1], [1, 2, 1, 1], "VALID"),
        lambda a, b: ops.max_pool(a, (2, 3), (2, 1)),
    ),
    **{
        name: (
            lambda a, b, f=f: getattr(tf, f"reduce_{f}")(a, [1, 2], keepdims=True) + b,
            lambda a, b, f=f: getattr(ops, f)(a, axis=[1, 2], keepdims=True) + b,
        )
        for name, f in [(f"reduce {f}", f) for f in ("mean", "sum", "max", "min", "prod")]
    },
}


def model_of(side, function):
    a, b, dense = side.Input(SHAPE), side.Input(SHAPE), side.layers.Dense(8)
    return crossings.randomized(side.Model([a, b], function(dense(a), b)))


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_operations_cross_both_ways_and_are_the_same(pair):
    theirs, ours = (model_of(*each) for each in zip((tf_keras, keras), pair, strict=True))
    there, back = crossings.assert_crosses(ours)
    crossings.assert_equal_predictions(theirs, from_larq(theirs))
    ours.set_weights(theirs.get_weights())
    crossings.assert_equal_predictions(theirs, ours)
    assert not any(isinstance(layer, tf_keras.layers.Lambda) for layer in there.layers)
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in back.layers)


def test_a_model_with_operations_saves_and_converts(tmp_path):
    lce = pytest.importorskip("larq_compute_engine", reason="no Larq Compute Engine")
    inputs = keras.Input((8, 8, 32))
    signs = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    x = lb.layers.QuantConv2D(32, 3, padding="same", kernel_constraint="weight_clip", **signs)(
        inputs
    )
    x = ops.mean(ops.relu(x + inputs)[:, 1:], axis=(1, 2))
    model = crossings.randomized(keras.Model(inputs, x))
    model.save(tmp_path / "model.keras")
    report = convert(tmp_path / "model.keras", tmp_path / "model.tflite")
    assert report.binary_operators == 1
    x = crossings.inputs_of(model)
    found = lce.testing.Interpreter(report.path.read_bytes()).predict(x)
    np.testing.assert_allclose(found, np.asarray(model(x)), atol=1e-4)


UNEQUAL = [
    (tf_keras, lambda a, b: tf.math.erf(a), r"'tf.math.erf' cannot cross: there is no tf.math.erf"),
    (tf_keras, lambda a, b: tf.nn.silu(a, beta=2.0), "its `beta` does not exist on the other side"),
    (tf_keras, lambda a, b: tf.pad(a, [[0, 0]] * 3 + [[1, 1]], "REFLECT"), "it pads otherwise"),
    (tf_keras, lambda a, b: tf.split(a, [3, -1], -1)[0], "give the size of each part"),
    (tf_keras, lambda a, b: tf.reduce_mean(tf.cast(a, "int32"), 1), "of integers, the two sides"),
    (keras, lambda a, b: ops.erf(a), "'erf.*' cannot cross: there is no Erf on the other side"),
    (keras, lambda a, b: ops.max(a, axis=1, initial=0.0), "its `initial` does not exist"),
    (keras, lambda a, b: ops.elu(a, alpha=0.5), "its `alpha` does not exist"),
]


@pytest.mark.parametrize(("side", "function", "message"), UNEQUAL)
def test_what_the_other_side_computes_otherwise_is_refused(side, function, message):
    model = model_of(side, function)
    with pytest.raises(CannotCrossError, match=message):
        (to_larq if side is keras else from_larq)(model)


@pytest.mark.parametrize("side", [tf_keras, keras], ids=["Keras 2", "Keras 3"])
def test_all_operations_without_an_equal_are_named_at_once(side):
    odd = [function for of, function, _ in UNEQUAL if of is side]
    model = model_of(side, lambda a, b: [function(a * b, b) for function in odd])
    with pytest.raises(CannotCrossError) as error:
        (to_larq if side is keras else from_larq)(model)
    lines = str(error.value).splitlines()
    messages = [message for of, _, message in UNEQUAL if of is side]
    assert len(lines) == len(messages) >= 3
    assert all(any(re.search(message, line) for line in lines) for message in messages)
    assert all("in `custom_objects` as '" in line for line in lines)


def test_an_operation_crosses_as_what_is_given_for_it():
    theirs = model_of(tf_keras, lambda a, b: tf.math.erf(a) + tf.math.erf(b))
    there = from_larq(theirs, custom_objects={"tf.math.erf": ops.erf})
    crossings.assert_equal_predictions(theirs, there)
    crossings.assert_equal_predictions(there, to_larq(there, custom_objects={"Erf": tf.math.erf}))
