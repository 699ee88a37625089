"""Models across and back: the same predictions, and errors that name the layer."""

import keras
import larq as lq
import numpy as np
import pytest
import tf_keras

import larq_bop as lb
from larq_bop.larq import from_larq, to_larq

RNG = np.random.default_rng(0)


def randomized(model):
    """Moves what training would have moved, so that no statistic is 0 or 1."""
    for variable in model.weights:
        name = variable.name.split("/")[-1].split(":")[0]
        noise = RNG.standard_normal(variable.shape).astype("float32")
        if name == "moving_variance":
            variable.assign(np.square(noise) + 1.0)
        elif name in ("moving_mean", "beta", "gamma", "bias"):
            variable.assign(noise)
    return model


def assert_equal_predictions(model, other, tolerance=1e-5):
    x = RNG.standard_normal((8, *model.input_shape[1:])).astype("float32")
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(other.predict(x, verbose=0), expected, rtol=0, atol=tolerance)
    assert np.ptp(expected) > 0.01


MODELS = {
    "binarynet": lambda: lb.models.binarynet(filters=4, dense_units=16),
    "binarynet with latent weights": lambda: lb.models.binarynet(
        filters=4, dense_units=16, latent_weights=True
    ),
    "latent_cnn": lambda: lb.models.latent_cnn((20, 20, 1)),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_the_models_cross_to_larq_and_back(make):
    model = randomized(make())
    larqs = to_larq(model)
    assert isinstance(larqs, tf_keras.Model)
    assert_equal_predictions(model, larqs)
    assert [layer.name for layer in larqs.layers] == [layer.name for layer in model.layers]
    back = from_larq(larqs)
    assert isinstance(back, keras.Model)
    assert_equal_predictions(model, back)


def test_bop_kernels_become_latent_ones_with_the_same_signs():
    larqs = to_larq(lb.models.binarynet(filters=4, dense_units=16))
    kernels = [layer for layer in larqs.layers if isinstance(layer, lq.layers.QuantConv2D)]
    assert len(kernels) == 6
    for layer in kernels:
        assert isinstance(layer.kernel_quantizer, lq.quantizers.SteSign)
        assert isinstance(layer.kernel_constraint, lq.constraints.WeightClip)
        np.testing.assert_array_equal(np.abs(layer.kernel.numpy()), 1.0)


def larq_model():
    """Branches, a layer that is called twice, a model inside, padding with ones, and a bias."""
    inputs = tf_keras.Input((8, 8, 3), name="image")
    latent = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
    x = lq.layers.QuantConv2D(4, 3, padding="same", **latent)(inputs)
    x = tf_keras.layers.BatchNormalization()(x)
    shared = lq.layers.QuantConv2D(
        4, 3, padding="same", pad_values=1.0, strides=1, input_quantizer="ste_sign", **latent
    )
    y = tf_keras.layers.Add()([shared(x), shared(tf_keras.layers.ReLU()(x))])
    inner = tf_keras.Sequential(
        [
            tf_keras.Input((8, 8, 4)),
            tf_keras.layers.AveragePooling2D(2),
            tf_keras.layers.Conv2D(4, 1, kernel_regularizer="l2", activation="relu"),
        ],
        name="inner",
    )
    y = tf_keras.layers.Flatten()(inner(y))
    quantizer = lq.quantizers.NoOp(precision=1)
    y = lq.layers.QuantDense(8, kernel_quantizer=quantizer, input_quantizer="ste_sign")(y)
    y = tf_keras.layers.Dropout(0.5)(y)
    return randomized(tf_keras.Model(inputs, tf_keras.layers.Dense(3)(y)))


def test_a_graph_crosses_from_larq_and_back():
    model = larq_model()
    ours = from_larq(model)
    assert_equal_predictions(model, ours, 1e-4)
    assert len(ours.layers) == len(model.layers)
    dense = next(layer for layer in ours.layers if isinstance(layer, lb.layers.QuantDense))
    assert lb.Bop.is_binary_variable(dense.kernel)
    dense.kernel.assign(np.where(dense.kernel.numpy() < 0, -1.0, 1.0))
    assert_equal_predictions(ours, to_larq(ours), 1e-4)


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model"])
def test_saved_files_cross(tmp_path, name):
    model = larq_model()
    model.save(tmp_path / name)
    assert_equal_predictions(model, from_larq(tmp_path / name), 1e-4)


def test_a_keras_3_file_crosses(tmp_path):
    model = randomized(lb.models.latent_cnn((20, 20, 1)))
    model.save(tmp_path / "model.keras")
    assert_equal_predictions(model, to_larq(tmp_path / "model.keras"))


def test_the_dtype_can_be_set():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = lb.models.latent_cnn((20, 20, 1))
    assert to_larq(model).layers[1].dtype_policy.name == "mixed_bfloat16"
    assert to_larq(model, dtype="float32").layers[1].dtype_policy.name == "float32"


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (keras.layers.LayerNormalization(name="odd"), "'odd' cannot cross: there is no LayerNorm"),
        (keras.layers.Dense(2, activation="sparsemax", name="odd"), "'odd' cannot cross"),
        (
            lb.layers.QuantDense(2, kernel_quantizer=lb.quantizers.NoOp(precision=1), name="odd"),
            "'odd' cannot cross: its kernel is marked as binary",
        ),
    ],
)
def test_what_cannot_cross_is_named(layer, message):
    with pytest.raises(ValueError, match=message):
        to_larq(keras.Sequential([keras.Input((4,)), layer]))


def test_larq_layers_that_cannot_cross_are_named():
    model = tf_keras.Sequential(
        [tf_keras.Input((8, 4)), lq.layers.QuantLocallyConnected1D(2, 3, name="odd")]
    )
    with pytest.raises(ValueError, match="'odd' cannot cross: there is no QuantLocallyConnected1D"):
        from_larq(model)


def test_models_of_the_wrong_side_and_missing_files_are_told(tmp_path):
    with pytest.raises(TypeError, match="Expected a model of tf_keras"):
        from_larq(keras.Sequential([keras.Input((4,))]))
    with pytest.raises(FileNotFoundError, match="There is no model at"):
        to_larq(tmp_path / "nothing.keras")
    with pytest.raises(ValueError, match="it is not built"):
        to_larq(keras.Sequential([keras.layers.Dense(3)]))
