"""What Larq Compute Engine makes of the models: the same predictions, in bits."""

import keras
import larq as lq
import numpy as np
import pytest
import tf_keras

import larq_bop as lb
from larq_bop.larq import __main__ as command
from larq_bop.larq import convert, to_larq
from larq_bop.larq.dense_as_convolution import with_convolutions
from tests.larq.test_crossing import randomized

lce = pytest.importorskip("larq_compute_engine", reason="Larq Compute Engine is not installed")


def images(model, samples=16):
    rng = np.random.default_rng(1)
    return rng.standard_normal((samples, *model.input_shape[1:])).astype("float32")


def engine(path):
    return lce.testing.Interpreter(path.read_bytes())


def latent():
    return {
        "kernel_quantizer": "ste_sign",
        "kernel_constraint": "weight_clip",
        "input_quantizer": "ste_sign",
    }


@pytest.mark.slow
@pytest.mark.parametrize("latent_weights", [False, True])
def test_the_engine_predicts_what_binarynet_does(tmp_path, latent_weights):
    size = {"input_shape": (16, 16, 3), "filters": 32, "dense_units": 64}
    model = randomized(lb.models.binarynet(**size, latent_weights=latent_weights))
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 8
    assert report.float32_layers == (model.layers[1].name,)
    x = images(model)
    expected = model.predict(x, verbose=0)
    found = engine(report.path).predict(x)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.ptp(expected) > 0.1
    assert report.size == report.path.stat().st_size
    assert report.size < report.float32_size / 15
    assert "8 binary operators" in str(report)


def test_dense_layers_become_convolutions_with_the_same_outputs():
    inputs = tf_keras.Input((4, 4, 3))
    x = tf_keras.layers.Flatten()(inputs)
    x = lq.layers.QuantDense(8, activation="relu", **latent())(x)
    x = tf_keras.layers.Reshape((2, 4))(x)
    x = lq.layers.QuantDense(8, **latent())(x)
    x = tf_keras.layers.Flatten()(x)
    model = randomized(tf_keras.Model(inputs, lq.layers.QuantDense(3, **latent())(x)))
    other = with_convolutions(model)
    kinds = {type(layer) for layer in other._flatten_layers()}
    assert lq.layers.QuantDense not in kinds
    assert lq.layers.QuantConv2D in kinds
    x = images(model)
    np.testing.assert_allclose(other.predict(x), model.predict(x), atol=1e-5)


def test_a_larq_model_of_bop_converts(tmp_path):
    kernel = {"kernel_quantizer": lq.quantizers.NoOp(precision=1), "input_quantizer": "ste_sign"}
    signs = np.where(np.random.default_rng(0).standard_normal((3, 3, 32, 32)) < 0, -1.0, 1.0)
    layer = lq.layers.QuantConv2D(32, 3, use_bias=False, **kernel)
    model = tf_keras.Sequential([tf_keras.Input((6, 6, 32)), layer, tf_keras.layers.Flatten()])
    layer.set_weights([signs])
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 1
    x = images(model)
    np.testing.assert_allclose(engine(report.path).predict(x), model.predict(x), atol=1e-4)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            lq.layers.QuantDepthwiseConv2D(
                3,
                name="odd",
                input_quantizer="ste_sign",
                depthwise_quantizer="ste_sign",
                depthwise_constraint="weight_clip",
            ),
            "Use a QuantConv2D or QuantDense",
        ),
        (
            lq.layers.QuantConv2D(
                4,
                3,
                name="odd",
                input_quantizer="ste_heaviside",
                kernel_quantizer="ste_sign",
                kernel_constraint="weight_clip",
            ),
            "Give it quantizers that make signs",
        ),
        (
            lq.layers.QuantConv2D(4, 3, name="odd", padding="same", pad_values=0.5, **latent()),
            "Pad with 0 or 1",
        ),
        (
            lq.layers.QuantConv2D(4, 3, name="odd", groups=2, **latent()),
            "Let each group have a multiple of 32 input channels",
        ),
    ],
)
def test_what_would_run_in_float32_is_refused_with_the_cure(tmp_path, layer, message):
    model = tf_keras.Sequential([tf_keras.Input((8, 8, 4)), layer])
    with pytest.raises(ValueError, match=f"the layer 'odd' .* in float32. {message}"):
        convert(model, tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []


def test_the_command_converts_a_file(tmp_path, capsys):
    model = lb.models.latent_cnn((18, 18, 1))
    model.save(tmp_path / "model.keras")
    paths = [str(tmp_path / "model.keras"), str(tmp_path / "model.tflite")]
    assert command.main(["convert", *paths]) == 0
    assert "4 binary operators" in capsys.readouterr().out
    assert command.main(["convert", str(tmp_path / "nothing"), paths[1]]) == 1
    assert "There is no model at" in capsys.readouterr().err


def test_mixed_precision_is_converted_in_float32(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = randomized(lb.models.latent_cnn((18, 18, 1)))
    report = convert(model, tmp_path / "model.tflite")
    x = images(model)
    expected = to_larq(model, dtype="float32").predict(x)
    np.testing.assert_allclose(engine(report.path).predict(x), expected, atol=1e-4)
