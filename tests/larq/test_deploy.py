"""What Larq Compute Engine makes of the models: the same predictions, in bits."""

import keras
import larq as lq
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import larq_bop as lb
from larq_bop.larq import convert, engine, to_larq
from tests.larq.crossings import randomized

lce = pytest.importorskip("larq_compute_engine", reason="Larq Compute Engine is not installed")

KERNEL = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
SIGNS = {**KERNEL, "input_quantizer": "ste_sign"}
SAME = {**SIGNS, "padding": "same"}


def images(model, samples=4):
    rng = np.random.default_rng(1)
    return rng.standard_normal((samples, *model.input_shape[1:])).astype("float32")


def assert_the_engine_predicts_the_same(report, model, tolerance=1e-4, **options):
    x = images(model)
    expected = np.asarray(model(x))
    found = lce.testing.Interpreter(report.path.read_bytes(), **options).predict(x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    assert np.ptp(expected) > 0.1


@pytest.mark.parametrize("latent_weights", [False, True])
def test_binarynet(tmp_path, latent_weights):
    size = {"input_shape": (16, 16, 3), "filters": 32, "dense_units": 64}
    model = randomized(lb.models.binarynet(**size, latent_weights=latent_weights))
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 8
    assert report.float32_layers == (model.layers[1].name,)
    assert_the_engine_predicts_the_same(report, model)
    assert report.size == report.path.stat().st_size
    assert report.float32_size == 4 * model.count_params()
    assert report.size < report.float32_size / 15
    assert str(report).splitlines() == [
        str(report.path),
        "  binary operators  8",
        f"  in float32        {model.layers[1].name}",
        f"  size              {report.size:,} bytes, 1/{report.float32_size / report.size:.1f} of "
        f"the weights in float32 ({report.float32_size:,} bytes)",
        f"  signs of float32  {model.layers[2].name}",
    ]


def convolution(*arguments, **named):
    return lq.layers.QuantConv2D(*(arguments or (32, 3)), **{**SIGNS, **named})


BINARY = [
    lambda: convolution(),
    lambda: convolution(strides=2, activation="relu", use_bias=False),
    lambda: convolution(dilation_rate=2),
    lambda: convolution(5, (2, 3)),
    lambda: convolution(32, 1, strides=2),
    lambda: convolution(padding="same"),
    lambda: convolution(padding="same", strides=2),
    lambda: convolution(padding="same", dilation_rate=2),
    lambda: convolution(padding="same", pad_values=1.0),
    lambda: convolution(5, (2, 3), padding="same", pad_values=1.0, strides=(2, 1)),
    lambda: convolution(padding="same", pad_values=1.0, dilation_rate=2, activation="hard_tanh"),
    lambda: convolution(input_quantizer="approx_sign", kernel_quantizer="swish_sign"),
    lambda: convolution(input_quantizer="swish_sign", kernel_quantizer="magnitude_aware_sign"),
    lambda: convolution(input_quantizer=lq.quantizers.ste_sign),
    lambda: convolution(kernel_quantizer=lq.quantizers.DoReFa(1, mode="weights")),
    lambda: lq.layers.QuantDense(5, **SIGNS, activation="leaky_tanh"),
    lambda: lq.layers.QuantDense(5, **{**SIGNS, "kernel_quantizer": "magnitude_aware_sign"}),
]


def side_by_side(makers, shape=(7, 9, 12)):
    """Returns a model that applies layers to one input and puts their outputs together."""
    inputs = tf_keras.Input(shape)
    outputs = [tf_keras.layers.Flatten()(make()(inputs)) for make in makers]
    outputs = tf_keras.layers.Concatenate()(outputs) if len(outputs) > 1 else outputs[0]
    return randomized(tf_keras.Model(inputs, outputs))


def test_every_kind_of_binary_layer_is_computed_in_bits(tmp_path):
    model = side_by_side(BINARY)
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == len(BINARY)
    assert report.float32_layers == ()
    assert_the_engine_predicts_the_same(report, model)


def test_groups_are_computed_in_bits_by_the_engines_other_kernel(tmp_path):
    model = side_by_side([lambda: convolution(groups=2)], (6, 6, 64))
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 1
    assert_the_engine_predicts_the_same(report, model, use_indirect_bgemm=True)


def test_dense_layers_after_flattening_and_on_more_axes(tmp_path):
    inputs = tf_keras.Input((4, 4, 3))
    x = tf_keras.layers.Flatten()(inputs)
    x = lq.layers.QuantDense(12, activation="relu", **SIGNS)(x)
    x = tf_keras.layers.Reshape((2, 3, 2))(tf_keras.layers.BatchNormalization()(x))
    x = lq.layers.QuantDense(8, use_bias=False, **SIGNS)(x)
    x = tf_keras.layers.Reshape((2, 1, 3, 2, 4))(tf_keras.layers.BatchNormalization()(x))
    x = tf_keras.layers.Flatten()(lq.layers.QuantDense(5, **SIGNS)(x))
    model = randomized(tf_keras.Model(inputs, tf_keras.layers.Dense(3, name="last")(x)))
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 3
    assert report.float32_layers == ("last",)
    assert_the_engine_predicts_the_same(report, model)


def test_layers_that_are_called_twice_and_models_inside_of_models(tmp_path):
    shared = convolution(12, 3, padding="same", name="shared")
    inner = tf_keras.Sequential(
        [
            tf_keras.Input((6, 6, 12)),
            shared,
            tf_keras.layers.Flatten(),
            lq.layers.QuantDense(7, **SIGNS, name="inner_dense"),
        ]
    )
    inputs = tf_keras.Input((6, 6, 12))
    model = randomized(tf_keras.Model(inputs, inner(shared(shared(inputs)))))
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 4
    assert_the_engine_predicts_the_same(report, model)


def test_signs_that_are_made_before_a_layer_count(tmp_path):
    """As layers, as activations, and with layers in between that keep them."""
    inputs = tf_keras.Input((8, 8, 4))
    x = lq.quantizers.SteSign()(inputs)
    x = lq.layers.QuantConv2D(8, 3, activation=lq.quantizers.SteSign(), **KERNEL)(x)
    x = tf_keras.layers.MaxPooling2D(2)(x)
    x = lq.layers.QuantConv2D(8, 2, **KERNEL)(x)
    x = lq.quantizers.ApproxSign()(tf_keras.layers.BatchNormalization()(x))
    x = tf_keras.layers.Flatten()(x)
    x = lq.layers.QuantDense(5, **KERNEL)(tf_keras.layers.Dropout(0.5)(x))
    model = randomized(tf_keras.Model(inputs, x))
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 3
    assert report.float32_layers == ()
    assert_the_engine_predicts_the_same(report, model)


def test_a_larq_model_of_bop_converts(tmp_path):
    bops = lq.quantizers.NoOp(precision=1)
    layer = convolution(kernel_quantizer=bops, kernel_constraint=None, use_bias=False)
    model = tf_keras.Sequential([tf_keras.Input((6, 6, 32)), layer, tf_keras.layers.Flatten()])
    signs = np.where(np.random.default_rng(0).standard_normal((3, 3, 32, 32)) < 0, -1.0, 1.0)
    layer.set_weights([signs])
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 1
    assert_the_engine_predicts_the_same(report, model)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_converted_in_float32(tmp_path, policy):
    keras.config.set_dtype_policy(policy)
    model = randomized(lb.models.latent_cnn((18, 18, 1)))
    of_either_keras = model if policy == "mixed_bfloat16" else to_larq(model)
    report = convert(of_either_keras, tmp_path / "model.tflite")
    assert_the_engine_predicts_the_same(report, to_larq(model, dtype="float32"))
    assert report.precisions == (policy,)
    assert str(report).endswith(f"model in float32, without the rounding of its {policy}")


def test_bytes_and_layers_of_ones_own_go_to_the_engine(tmp_path):
    """A model on Keras 2 need not cross to be converted."""
    inputs = tf_keras.Input((6, 6, 3), dtype="uint8")
    x = tf_keras.layers.Lambda(lambda x: tf.cast(x, "float32") - 127.5)(inputs)
    model = randomized(tf_keras.Model(inputs, convolution(8, 3)(x) * 2.0))
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 1
    x = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3)).astype("uint8")
    found = lce.testing.Interpreter(report.path.read_bytes()).predict(x)
    np.testing.assert_allclose(found, np.asarray(model(x)), atol=1e-4)


def test_the_file_is_the_one_that_the_engine_makes_of_the_whole_model():
    """The same bytes, though of the model only its prediction is handed over."""
    first, second = (tf_keras.Input((6, 6, 4), name=name) for name in ("image/1", "depth"))
    x = convolution(8, 3, padding="same")(tf_keras.layers.Add()([first, second]))
    x = tf_keras.layers.BatchNormalization(name="last")(x)
    outputs = {"b": tf_keras.layers.Flatten(name="a")(x), "a": tf_keras.layers.ReLU(name="b")(x)}
    for form in (outputs, list(outputs.values())):
        model = randomized(tf_keras.Model([first, second], form))
        assert engine.converted(model) == lce.convert_keras_model(model)


def test_a_model_is_left_as_it_was(tmp_path):
    model = side_by_side([lambda: lq.layers.QuantDense(5, **SIGNS, name="dense")], (8,))
    before = model.get_weights()
    convert(model, tmp_path / "model.tflite")
    assert len(model.get_layer("dense")._inbound_nodes) == 1
    for weight, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_what_was_there_is_replaced_and_nothing_else_is_left(tmp_path):
    model = side_by_side([convolution])
    path = tmp_path / "model.tflite"
    path.write_text("before")
    assert convert(model, str(path)).path == path
    assert [each.name for each in tmp_path.iterdir()] == ["model.tflite"]
    assert path.stat().st_size > 1000
