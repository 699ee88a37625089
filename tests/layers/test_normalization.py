"""BatchNormalization against Keras' own."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from larq_bop.layers import BatchNormalization
from tests import backends

SHAPES = {"images": (6, 5, 4, 3), "features": (16, 3), "sequences": (4, 7, 3)}
ARGUMENTS = [
    {},
    {"scale": False},
    {"center": False, "scale": False},
    {"momentum": 0.5, "epsilon": 0.1},
    {"axis": 1},
]


def normal(shape, seed=0):
    return np.random.default_rng(seed).normal(3.0, 2.0, shape).astype("float32")


def pair(shape, **arguments):
    """Returns our layer and Keras', with the same weights, none of them as they begin."""
    layers = [kind(**arguments) for kind in (BatchNormalization, keras.layers.BatchNormalization)]
    for layer in layers:
        layer.build(shape)
        for i, weight in enumerate(layer.weights):
            weight.assign(np.abs(normal(weight.shape, seed=i)))
    return layers


def weighted(layer, upstream, x):
    return layer(x, training=True) * ops.convert_to_tensor(upstream)


def assert_same(ours, theirs, tolerance=1e-5):
    np.testing.assert_allclose(
        backends.to_numpy(ours), backends.to_numpy(theirs), rtol=tolerance, atol=tolerance
    )


@pytest.mark.skipif(
    backends.BACKEND != "tensorflow", reason="elsewhere it is Keras' own code that runs"
)
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
@pytest.mark.parametrize("shape", list(SHAPES.values()), ids=list(SHAPES))
def test_values_statistics_and_gradients_are_those_of_keras(shape, arguments):
    layers = pair(shape, **arguments)
    for step in range(3):
        x, upstream = normal(shape, seed=step), normal(shape, seed=10 + step)
        (y, (dx,)), (expected_y, (expected_dx,)) = (
            backends.gradient(functools.partial(weighted, layer, upstream), x) for layer in layers
        )
        assert_same(y, expected_y)
        assert_same(dx, expected_dx)
        for ours, theirs in zip(layers[0].weights, layers[1].weights, strict=True):
            assert_same(ours, theirs)
    assert_same(layers[0](x, training=False), layers[1](x, training=False))
    layers[0].trainable = layers[1].trainable = False
    assert_same(layers[0](x, training=True), layers[1](x, training=True))


# JAX has no float64 unless it is asked for.
@pytest.mark.parametrize(
    "policy",
    [
        "mixed_bfloat16",
        "mixed_float16",
        "bfloat16",
        "float16",
        *(["float64"] if backends.BACKEND != "jax" else []),
    ],
)
def test_other_dtypes(policy):
    ours, theirs = pair(SHAPES["images"], dtype=policy)
    x = normal(SHAPES["images"])
    y = ours(x, training=True)
    assert backends.dtype_of(y) == ours.compute_dtype
    tolerance = {"bfloat16": 2e-2, "float16": 2e-3, "float64": 1e-12}[ours.compute_dtype]
    assert_same(y, theirs(x, training=True), tolerance)
    assert_same(ours.moving_variance, theirs.moving_variance, min(tolerance, 1e-4))


def test_integers_are_left_to_keras():
    ours, theirs = pair(SHAPES["images"])
    x = np.random.default_rng(0).integers(0, 256, SHAPES["images"]).astype("int32")
    assert_same(ours(x, training=True), theirs(x, training=True))


def test_one_image_of_one_pixel():
    ours, theirs = pair((1, 1, 1, 3))
    x = normal((1, 1, 1, 3))
    assert_same(ours(x, training=True), theirs(x, training=True))
    assert_same(ours.moving_variance, theirs.moving_variance)


def test_a_mask_counts():
    ours, theirs = pair(SHAPES["sequences"])
    x, mask = normal(SHAPES["sequences"]), np.arange(28).reshape(4, 7) % 3 > 0
    assert_same(ours(x, training=True, mask=mask), theirs(x, training=True, mask=mask))
    assert_same(ours.moving_mean, theirs.moving_mean)


def test_renormalization_is_that_of_keras():
    ours, theirs = pair(SHAPES["images"], renorm=True)
    x = normal(SHAPES["images"])
    assert_same(ours(x, training=True), theirs(x, training=True))
    assert_same(ours.moving_mean, theirs.moving_mean)


def test_it_trains_its_scale_and_offset():
    results = []
    for kind in (BatchNormalization, keras.layers.BatchNormalization):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4, 4, 2)), kind(), keras.layers.Flatten()])
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
        model.fit(normal((32, 4, 4, 2)), normal((32, 32), seed=1), batch_size=8, verbose=0)
        results.append(backends.snapshot(model.weights))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_it_is_saved_and_loaded(tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 2)), BatchNormalization(momentum=0.5)])
    x = ops.convert_to_tensor(normal((8, 4, 4, 2)))
    model(x, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[0]) is BatchNormalization
    assert loaded.layers[0].get_config() == model.layers[0].get_config()
    np.testing.assert_array_equal(backends.to_numpy(loaded(x)), backends.to_numpy(model(x)))
