"""Every quantized layer inside models of every kind: saved, cloned, trained in any precision."""

import keras
import numpy as np
import pytest

from larq_bop.context import quantized_scope
from tests import backends, oracle
from tests.layers.catalogue import KINDS, LAYERS, PADDED, binary, make, normal, roles


@keras.saving.register_keras_serializable(package="tests.layers")
class Subclassed(keras.Model):
    """A model that knows its layer by its name in the catalogue."""

    def __init__(self, layer_name, arguments, **kwargs):
        super().__init__(**kwargs)
        self.layer_name, self.arguments = layer_name, dict(arguments)
        self.quantized = make(layer_name, **self.arguments)

    def build(self, input_shape):
        self.quantized.build(input_shape)

    def call(self, inputs):
        return self.quantized(inputs)

    def get_config(self):
        return {
            **super().get_config(),
            "layer_name": self.layer_name,
            "arguments": dict(self.arguments),
        }


def sequential(name, arguments):
    return keras.Sequential([keras.Input(LAYERS[name][1][1:]), make(name, **arguments)])


def functional(name, arguments):
    inputs = keras.Input(LAYERS[name][1][1:])
    return keras.Model(inputs, make(name, **arguments)(inputs))


def subclassed(name, arguments):
    model = Subclassed(name, arguments)
    model.build(LAYERS[name][1])
    return model


MODELS = pytest.mark.parametrize("model_of", [sequential, functional, subclassed])


def quantized_layer(model):
    return model.quantized if isinstance(model, Subclassed) else model.layers[-1]


def inputs_of(name):
    return normal(LAYERS[name][1])


@MODELS
@KINDS
def test_it_loads_and_is_cloned_without_custom_objects(name, model_of, tmp_path):
    padding = {"padding": "same", "pad_values": 1.0} if name in PADDED else {}
    model, x = model_of(name, {**binary(name), **padding}), inputs_of(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    clone = keras.models.clone_model(model)
    if not clone.built:
        clone.build(x.shape)  # Keras calls the constructor of a subclassed model, and no more.
    clone.set_weights(model.get_weights())
    for copy in (loaded, clone):
        np.testing.assert_array_equal(backends.to_numpy(copy(x)), backends.to_numpy(model(x)))
        for argument in binary(name):
            copied, original = (getattr(quantized_layer(m), argument) for m in (copy, model))
            assert copied is not original
            assert type(copied) is type(original)
            assert {**copied.get_config(), "name": ""} == {**original.get_config(), "name": ""}


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@KINDS
def test_mixed_precision_computes_the_same(name, policy):
    """Signs, and sums of few signs, are exact in half precision; kernels stay in float32."""
    arguments = {**binary(name), "use_bias": False}
    expected, x = sequential(name, arguments), inputs_of(name)
    keras.config.set_dtype_policy(policy)
    model = sequential(name, arguments)
    # Zero, if rounded to float16 before the sign is taken.
    weights = [np.float32(1e-9) * normal(w.shape, i) for i, w in enumerate(model.weights)]
    model.set_weights(weights)
    expected.set_weights(weights)
    y = model(x)
    assert backends.dtype_of(y) == policy.removeprefix("mixed_")
    assert {backends.dtype_of(w) for w in model.weights} == {"float32"}
    np.testing.assert_array_equal(backends.to_numpy(y), backends.to_numpy(expected(x)))


# Each kind of model with each precision, and each layer with each precision.
TRAININGS = [
    (name, [sequential, functional, subclassed][(i + j) % 3], policy)
    for i, name in enumerate(LAYERS)
    for j, policy in enumerate(["float32", "mixed_bfloat16", "mixed_float16"])
]


@pytest.mark.parametrize(("name", "model_of", "policy"), TRAININGS)
def test_it_trains(name, model_of, policy):
    keras.config.set_dtype_policy(policy)
    model, x = model_of(name, binary(name)), inputs_of(name)
    y = np.ones(quantized_layer(model).compute_output_shape(x.shape), dtype="float32")
    optimizer = keras.optimizers.SGD(0.1)
    if policy == "mixed_float16":
        # Keras' own begins with a scale at which the first gradients overflow.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=128.0)
    model.compile(optimizer, "mean_squared_error")
    before = model.get_weights()
    losses = [float(model.train_on_batch(x, y)) for _ in range(2)]
    assert np.isfinite(losses).all()
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    kernels = model.get_weights()[: len(roles(name))]
    assert max(np.abs(kernel).max() for kernel in kernels) <= 1.0


@KINDS
def test_a_quantized_scope_shows_and_saves_kernels_as_they_are_used(name, tmp_path):
    model = sequential(name, binary(name))
    latent = model.get_weights()
    used = [oracle.sign(w) for w in latent[: len(roles(name))]] + latent[len(roles(name)) :]
    with quantized_scope(True):
        backends.assert_identical(model.get_weights(), used)
        backends.assert_identical([np.asarray(w) for w in model.weights[:1]], used[:1])
        assert [w.path for w in model.weights] == [w.path for w in model.variables]
        model.save(tmp_path / "model.keras")
        model.save_weights(tmp_path / "model.weights.h5")
        with quantized_scope(False):
            backends.assert_identical(model.get_weights(), latent)
    backends.assert_identical(model.get_weights(), latent)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    backends.assert_identical(loaded.get_weights(), used)
    with quantized_scope(True):
        loaded.set_weights(latent)  # What is written is what is stored.
    backends.assert_identical(loaded.get_weights(), latent)
    loaded.load_weights(tmp_path / "model.weights.h5")
    backends.assert_identical(loaded.get_weights(), used)
