"""Models across and back: equal weights, equal predictions, whatever their shape."""

import keras
import larq as lq
import numpy as np
import pytest
import tf_keras

import larq_bop as lb
from larq_bop.larq import from_larq, to_larq
from tests.larq import crossings

MODELS = {
    "binarynet": lambda: lb.models.binarynet(filters=4, dense_units=16),
    "binarynet with latent weights": lambda: lb.models.binarynet(
        filters=4, dense_units=16, latent_weights=True
    ),
    "latent_cnn": lambda: lb.models.latent_cnn((20, 20, 1)),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_the_models_cross_to_larq_and_back(make):
    model = crossings.randomized(make())
    larqs, back = crossings.assert_crosses(model)
    assert isinstance(larqs, tf_keras.Model)
    assert isinstance(back, keras.Model)
    assert [layer.name for layer in larqs.layers] == [layer.name for layer in model.layers]
    normalization = next(layer for layer in back.layers if "normalization" in layer.name)
    assert isinstance(normalization, lb.layers.BatchNormalization)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16", "float64"])
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_models_cross_in_every_precision(make, policy):
    keras.config.set_dtype_policy(policy)
    model = crossings.randomized(make())
    larqs, _ = crossings.assert_crosses(model)
    assert larqs.layers[1].dtype_policy.name == policy


def test_the_dtype_can_be_set():
    keras.config.set_dtype_policy("mixed_bfloat16")
    inputs = keras.Input((18, 18, 1), dtype="uint8")
    outputs = lb.models.latent_cnn((18, 18, 1))(keras.layers.Rescaling(1 / 127.5, -1)(inputs))
    larqs = to_larq(keras.Model(inputs, outputs), dtype="float32")
    assert larqs.inputs[0].dtype.name == "uint8"
    assert {layer.dtype_policy.name for layer in larqs.layers[-1].layers} == {"float32"}


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
    return crossings.randomized(tf_keras.Model(inputs, tf_keras.layers.Dense(3)(y)))


def test_a_graph_crosses_from_larq_and_back():
    model = larq_model()
    ours = from_larq(model)
    crossings.assert_equal_weights(model, ours)
    crossings.assert_equal_predictions(model, ours)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in model.layers]
    dense = next(layer for layer in ours.layers if isinstance(layer, lb.layers.QuantDense))
    assert lb.Bop.is_binary_variable(dense.kernel)
    dense.kernel.assign(np.where(dense.kernel.numpy() < 0, -1.0, 1.0))
    crossings.assert_equal_predictions(ours, to_larq(ours))


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_larqs_files_cross(tmp_path, name):
    model = larq_model()
    model.save(tmp_path / name)
    crossings.assert_equal_predictions(model, from_larq(tmp_path / name))


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_keras_3_files_cross(tmp_path, name):
    model = crossings.randomized(lb.models.latent_cnn((20, 20, 1)))
    model.save(tmp_path / name)
    crossings.assert_equal_predictions(model, to_larq(str(tmp_path / name)))


def dense(units=4, **arguments):
    return keras.layers.Dense(units, **arguments)


def two_inputs():
    return keras.Input((4,), name="first"), keras.Input((4,), name="second")


def of_dicts():
    a, b = two_inputs()
    layer = dense()
    outputs = {"sum": keras.layers.Add()([layer(a), layer(b)]), "twice": layer(layer(b))}
    return keras.Model({"first": a, "second": b}, outputs)


def with_an_input_that_is_an_output():
    a, b = two_inputs()
    return keras.Model([a, b], [dense()(a), b])


def with_a_layer_in_many_models():
    a, b = two_inputs()
    layer = dense()
    inner = keras.Sequential([keras.Input((4,)), layer, keras.layers.BatchNormalization()])
    middle = keras.Model(a, inner(layer(inner(a))))
    return keras.Model(b, middle(inner(b)))


def with_models_in_a_row():
    return keras.Sequential([keras.Input((4,)), with_a_layer_in_many_models(), dense()])


def with_frozen_statistics():
    a, _ = two_inputs()
    return keras.Model(a, keras.layers.BatchNormalization()(dense()(a), training=False))


def with_masks():
    tokens = keras.Input((5,), dtype="int32")
    mask = keras.Input((5,), dtype="bool")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(tokens)
    x = keras.layers.LSTM(3, return_sequences=True)(x)
    masked = keras.layers.LSTM(3)(keras.layers.Embedding(9, 4)(tokens), mask=mask)
    return keras.Model([tokens, mask], [keras.layers.GlobalAveragePooling1D()(x), masked])


def of_a_fixed_batch():
    return keras.Sequential([keras.Input(batch_shape=(2, 4)), dense()])


def built_by_its_data():
    model = keras.Sequential([dense(), dense(2)])
    model(np.zeros((1, 4), "float32"))
    return model


def of_images_of_any_size():
    layer = lb.layers.QuantConv2D(
        3, 3, padding="same", pad_values=1.0, **crossings.sign_quantizers(lb.layers.QuantConv2D)
    )
    return keras.Sequential([keras.Input((None, None, 2)), layer])


class OwnStep(keras.Model):
    """Trains in its own way and predicts as any functional model."""

    def train_step(self, data):
        raise NotImplementedError


def trained_in_its_own_way():
    a, _ = two_inputs()
    return OwnStep(a, dense()(a))


GRAPHS = [
    *(of_dicts, with_an_input_that_is_an_output, with_a_layer_in_many_models, with_models_in_a_row),
    *(
        with_frozen_statistics,
        with_masks,
        of_a_fixed_batch,
        built_by_its_data,
        of_images_of_any_size,
    ),
    trained_in_its_own_way,
]


@pytest.mark.parametrize("make", GRAPHS)
def test_graphs_of_all_shapes_cross_and_come_back(make):
    model = crossings.randomized(make())
    rng = np.random.default_rng(0)
    x = [
        rng.standard_normal((2, *(size or 5 for size in tensor.shape[1:]))).astype("float32")
        for tensor in model.inputs
    ]
    if make is with_masks:
        x = [np.int32([[1, 2, 0, 0, 0], [3, 0, 4, 0, 1]]), np.bool_([[1, 1, 0, 0, 0]] * 2)]
    x = dict(zip(("first", "second"), x, strict=True)) if make is of_dicts else x
    x = x[0] if isinstance(x, list) and len(x) == 1 else x
    larqs, back = crossings.assert_crosses(model, x)
    if make is of_dicts:
        assert larqs.input.keys() == back.input.keys() == {"first", "second"}
        assert larqs.output.keys() == back.output.keys() == {"sum", "twice"}


def test_a_layer_that_is_shared_stays_one():
    model = with_a_layer_in_many_models()
    assert len(to_larq(model).weights) == len(model.weights)
