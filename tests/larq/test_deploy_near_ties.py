"""Signs of values near 0: the engine's are the model's, however either of them rounds."""

import larq as lq
import numpy as np
import pytest
import tf_keras

import larq_bop as lb
from larq_bop.larq import convert, to_larq
from larq_bop.larq.engine import converted
from larq_bop.larq.engine_model import for_engine
from larq_bop.larq.steps import steps_of
from tests.larq.crossings import randomized
from tests.larq.test_deploy import KERNEL, SIGNS, convolution, lce


def with_ties(model, seed=0):
    """Puts the step of each normalization behind a binary layer on an integer, within rounding."""
    rng = np.random.default_rng(seed)
    makes = 0
    for layer in model._flatten_layers(include_self=False):
        if hasattr(layer, "kernel"):
            makes = np.prod(layer.kernel.shape[:-1])
        if type(layer).__name__ == "BatchNormalization" and makes > 27:
            features = layer.moving_mean.shape[0]
            deviation = np.sqrt(makes) * rng.uniform(0.5, 1.5, features)
            step = 2 * np.round(0.3 * np.sqrt(makes) * rng.standard_normal(features))
            gamma = rng.choice([-1.0, 1.0], features) if layer.scale else 1.0
            beta = 0.3 * rng.standard_normal(features) if layer.center else 0.0
            mean = step + beta / gamma * np.sqrt(deviation**2 + layer.epsilon)
            assign = {"gamma": gamma, "beta": beta, "moving_mean": mean}
            for name, values in {**assign, "moving_variance": deviation**2}.items():
                if getattr(layer, name, None) is not None:
                    getattr(layer, name).assign(np.broadcast_to(values, (features,)))
    return model


def bytes_of(model, samples):
    """Returns images of bytes, scaled to [-1, 1]."""
    rng = np.random.default_rng(1)
    values = rng.integers(0, 256, (samples, *model.inputs[0].shape[1:])).astype("float32")
    return values / np.float32(127.5) - np.float32(1)


def engines(content, x):
    return lce.testing.Interpreter(content).predict(x)


def test_hundreds_of_near_ties(tmp_path):
    """A thousand channels step on an integer, where every library rounds otherwise."""
    size = {"input_shape": (16, 16, 3), "filters": 32, "dense_units": 256}
    model = with_ties(randomized(lb.models.binarynet(**size)))
    x = bytes_of(model, 50)
    expected = model.predict(x, verbose=0)
    alone = engines(converted(for_engine(to_larq(model))), x)
    assert (alone.argmax(axis=1) != expected.argmax(axis=1)).sum() > 10
    report = convert(model, tmp_path / "model.tflite", input_unit=1 / 255)
    found = engines(report.path.read_bytes(), x)
    np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert report.float32_signs == ()
    assert len(np.unique(expected.argmax(axis=1))) > 3


def normalization(**arguments):
    return tf_keras.layers.BatchNormalization(**arguments)


def pooling(**arguments):
    return tf_keras.layers.MaxPooling2D(2, **arguments)


# What stands between a binary convolution and the next layer, which takes signs.
BETWEEN = {
    "normalization": lambda: [normalization()],
    "no scale": lambda: [normalization(scale=False)],
    "no center": lambda: [normalization(center=False)],
    "neither": lambda: [normalization(center=False, scale=False)],
    "pooling before": lambda: [pooling(), normalization()],
    "pooling after": lambda: [normalization(), pooling(padding="same")],
    "flattened before": lambda: [tf_keras.layers.Flatten(), normalization()],
    "flattened after": lambda: [normalization(), tf_keras.layers.Flatten()],
    "reshaped before": lambda: [tf_keras.layers.Reshape((6, 48)), normalization()],
    "dropout": lambda: [
        tf_keras.layers.Dropout(0.5),
        normalization(),
        tf_keras.layers.Dropout(0.5),
    ],
    "turned after": lambda: [normalization(), tf_keras.layers.Permute((3, 1, 2))],
    "signs after": lambda: [normalization(), lq.quantizers.SteSign()],
    "inside": lambda: [tf_keras.Sequential([normalization(), pooling()])],
}
CONVOLUTIONS = {
    "valid": lambda: convolution(8, 3, use_bias=False),
    "relu": lambda: convolution(8, 3, activation="relu"),
    "hard_tanh": lambda: convolution(8, 3, activation="hard_tanh"),
    "small map": lambda: convolution(8, 5, padding="same", dilation_rate=2),
    "zeros": lambda: convolution(8, 3, padding="same", strides=2),
    "ones": lambda: convolution(8, 3, padding="same", pad_values=1.0),
    "scaled": lambda: convolution(8, 3, kernel_quantizer=lq.quantizers.DoReFa(1, mode="weights")),
}


def model_of(stacks):
    """Returns a model of stacks of layers side by side, each with a layer of integers at its end.

    There, one wrong sign is a difference of 2.
    """
    inputs = tf_keras.Input((8, 8, 16))
    outputs = []
    for layers in stacks.values():
        x = inputs
        for layer in (*layers, tf_keras.layers.Flatten()):
            x = layer(x)
        outputs.append(lq.layers.QuantDense(7, **SIGNS, use_bias=False)(x))
    return with_ties(randomized(tf_keras.Model(inputs, tf_keras.layers.Concatenate()(outputs))))


def assert_equal_integers(stacks, model, predict):
    """Not `model.predict`: it would compute a normalization together with the layer below it."""
    x = np.random.default_rng(1).standard_normal((20, 8, 8, 16)).astype("float32")
    found, expected = np.asarray(predict(x)), np.asarray(model(x))
    differing = (found != expected).reshape(20, -1, 7).any(axis=(0, 2))
    assert [name for name, differs in zip(stacks, differing, strict=True) if differs] == []
    assert np.ptp(expected) > 0


def test_what_may_stand_around_a_normalization():
    stacks = {name: [CONVOLUTIONS["valid"](), *between()] for name, between in BETWEEN.items()}
    model = model_of(stacks)
    steps = steps_of(model)
    assert steps.float32 == ()
    assert len(steps.normalizations) == len(BETWEEN)
    assert_equal_integers(stacks, model, for_engine(model, steps.normalizations))


def test_convolutions_of_each_padding_in_the_engine(tmp_path):
    stacks = {name: [make(), normalization()] for name, make in CONVOLUTIONS.items()}
    model = model_of(stacks)
    report = convert(model, tmp_path / "model.tflite")
    assert report.float32_signs == ()
    assert_equal_integers(stacks, model, lce.testing.Interpreter(report.path.read_bytes()).predict)


def test_a_first_layer_of_bytes_steps_between_two_multiples_of_their_unit():
    layers = [tf_keras.Input((8, 8, 3)), lq.layers.QuantConv2D(64, 3, **KERNEL, use_bias=False)]
    model = randomized(tf_keras.Sequential([*layers, normalization(), convolution(4, 3)]))
    step = model.layers[1]
    assert steps_of(model).float32 == (step.name,)
    (weights,) = steps_of(model, input_unit=1 / 255).normalizations.values()
    gamma, beta, mean, variance = weights
    sd = np.sqrt(step.moving_variance.numpy() + step.epsilon)
    exact = np.float64(step.moving_mean) - step.beta.numpy() / np.float64(step.gamma) * sd
    np.testing.assert_allclose(mean, (np.floor(255 * exact) + 0.5) / 255, rtol=1e-6)
    np.testing.assert_array_equal(gamma, np.sign(step.gamma.numpy()))
    np.testing.assert_array_equal([beta, variance], [np.zeros(64), np.ones(64)])


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 1), (0, 255)])
def test_a_network_on_bytes(tmp_path, low, high):
    """Steps next to what bytes make, as near as float32 sums tell apart."""
    layers = [tf_keras.Input((8, 8, 3)), lq.layers.QuantConv2D(64, 3, **KERNEL, use_bias=False)]
    layers += [normalization(scale=False), tf_keras.layers.Flatten()]
    model = tf_keras.Sequential([*layers, lq.layers.QuantDense(9, **SIGNS, use_bias=False)])
    randomized(model)
    rng = np.random.default_rng(0)
    unit = high / 255
    multiples = rng.integers(-400, 400, 64) * unit + rng.choice([-1e-5, 1e-5], 64)
    model.layers[1].set_weights([np.zeros(64), multiples, np.ones(64)])
    x = (bytes_of(model, 50) + 1) / 2 * (high - low) + low
    report = convert(model, tmp_path / "model.tflite", input_unit=unit)
    found = engines(report.path.read_bytes(), x)
    np.testing.assert_array_equal(found, np.asarray(model(x)))


def test_values_that_meet_before_a_sign_are_told_to_be_float32(tmp_path):
    inputs = tf_keras.Input((6, 6, 8))
    x = lq.layers.QuantConv2D(8, 3, padding="same", **SIGNS)(inputs)
    x = tf_keras.layers.Add(name="sum")([normalization(name="summand")(x), inputs])
    x = lq.layers.QuantConv2D(8, 3, **SIGNS)(x)
    x = tf_keras.layers.AveragePooling2D(2, name="average")(x)
    x = lq.layers.QuantConv2D(8, 2, **SIGNS)(x)
    x = normalization(name="step")(x)
    x = lq.layers.QuantDense(3, **SIGNS)(tf_keras.layers.Flatten()(x))
    model = randomized(tf_keras.Model(inputs, x))
    report = convert(model, tmp_path / "model.tflite")
    assert report.float32_signs == ("sum", "average")
    assert "  signs of float32  sum, average" in str(report).splitlines()


def outputs_too(x, outputs):
    outputs.append(x)
    return x


# Normalizations whose values are not read by their signs alone, or not made of integers.
KEPT = {
    "an output": lambda x, outputs: outputs_too(normalization(name="odd")(x), outputs),
    "a sum": lambda x, outputs: outputs_too(normalization(name="odd")(x), outputs) + 1.0,
    "of two": lambda x, outputs: normalization(name="odd")(x + x),
    "of rows": lambda x, outputs: normalization(name="odd", axis=1)(x),
    "of a turned map": lambda x, outputs: normalization(name="odd")(
        tf_keras.layers.Permute((3, 1, 2))(x)
    ),
    "in training": lambda x, outputs: normalization(name="odd")(x, training=True),
}


@pytest.mark.parametrize("make", KEPT.values(), ids=KEPT)
def test_any_other_normalization_is_left_as_it_is(make):
    inputs, outputs = tf_keras.Input((6, 6, 8)), []
    x = make(convolution(8, 3)(inputs), outputs)
    x = lq.layers.QuantConv2D(8, 3, **SIGNS)(x)
    found = steps_of(tf_keras.Model(inputs, [x, *outputs]))
    assert found.normalizations == {}
    assert len(found.float32) == 1


def test_a_normalization_that_is_called_twice_is_left_as_it_is():
    inputs, shared = tf_keras.Input((6, 6, 8)), normalization(name="odd")
    x = convolution(8, 1)(shared(convolution(8, 1)(inputs)))
    found = steps_of(tf_keras.Model(inputs, convolution(8, 1)(shared(x))))
    assert found.normalizations == {}
    assert found.float32 == ("odd",)
