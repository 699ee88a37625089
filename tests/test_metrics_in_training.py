"""FlipRatio against NumPy, as kernel quantizers report it in training."""

import keras
import numpy as np
import pytest

import larq_bop
from larq_bop import export, layers, quantizers
from larq_bop.context import metrics_scope, quantized_scope
from tests import backends, oracle

BATCHES = 4


def latent(units, name, **arguments):
    return layers.QuantDense(
        units,
        kernel_quantizer=quantizers.SteSign(name=name),
        kernel_constraint="weight_clip",
        kernel_initializer=keras.initializers.RandomUniform(-0.01, 0.01, seed=units),
        **arguments,
    )


def steps():
    return [latent(8, "first"), latent(2, "second", input_quantizer="ste_sign")]


def sequential():
    return keras.Sequential([keras.Input((6,)), *steps()])


def functional():
    inputs = x = keras.Input((6,))
    for step in steps():
        x = step(x)
    return keras.Model(inputs, x)


@keras.saving.register_keras_serializable(package="tests.metrics")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.steps = steps()

    def build(self, input_shape):
        for step in self.steps:
            step.build(input_shape)
            input_shape = step.compute_output_shape(input_shape)

    def call(self, inputs):
        for step in self.steps:
            inputs = step(inputs)
        return inputs


def subclassed():
    model = Subclassed()
    model.build((None, 6))
    return model


MODELS = pytest.mark.parametrize("make", [sequential, functional, subclassed])


def reporting(make):
    with metrics_scope(["flip_ratio"]):
        return make()


class Signs(keras.callbacks.Callback):
    """The signs of both kernels before each step, and the logs after it."""

    def __init__(self):
        super().__init__()
        self.before, self.logs = [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.before.append([oracle.sign(w) for w in self.model.get_weights()[::2]])

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append(dict(logs))


X = np.random.default_rng(0).standard_normal((8 * BATCHES, 6)).astype("float32")
Y = np.stack([X[:, :3].sum(1), X[:, 3:].prod(1)], 1)


def train(model, optimizer="sgd", epochs=2, compiled=None, **arguments):
    """Trains so that both kernels flip, and returns the history."""
    model.compile(optimizer, "mean_squared_error", **(compiled or {}))
    return model.fit(
        X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **arguments
    ).history


def assert_reports(model, **arguments):
    signs = Signs()
    history = train(model, callbacks=[signs], **arguments)
    for k, name in enumerate(("first", "second")):
        kernels = np.array([each[k] for each in signs.before]).reshape((2, BATCHES, -1))
        expected = [oracle.mean_flip_ratio(epoch) for epoch in kernels]
        assert max(expected) > 0
        np.testing.assert_allclose(history[f"flip_ratio/{name}"], expected, rtol=1e-6)
        logs = np.reshape([logs[f"flip_ratio/{name}"] for logs in signs.logs], (2, BATCHES))
        if backends.BACKEND == "jax":
            assert np.isnan(logs).all()  # Known at the end of the epoch.
        else:
            for i, j in np.ndindex(2, BATCHES):
                expected = oracle.mean_flip_ratio(kernels[i, : j + 1]) if j else 0.0
                assert logs[i, j] == pytest.approx(expected, rel=1e-6)
    return history


@MODELS
def test_kernel_quantizers_report_every_epoch(make):
    model = reporting(make)
    history = assert_reports(model, validation_data=(X, Y))
    # Nothing flips while the model is only evaluated.
    assert history["val_flip_ratio/first"] == [0.0, 0.0]
    assert model.evaluate(X, Y, verbose=0, return_dict=True)["flip_ratio/second"] == 0.0
    # Keras would list a metric once for each layer around it.
    assert len(model.evaluate(X, Y, verbose=0)) == 3


@pytest.mark.parametrize("make", [sequential, functional])
def test_they_still_do_when_saved_and_loaded_or_cloned(make, tmp_path):
    model = reporting(make)
    model(X)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    backends.assert_identical(loaded.get_weights(), model.get_weights())
    assert_reports(loaded)
    clone = keras.models.clone_model(loaded)
    assert {"flip_ratio/first", "flip_ratio/second"} <= {metric.name for metric in clone.metrics}


def test_a_subclassed_model_is_loaded_in_a_scope_of_its_own(tmp_path):
    model = reporting(subclassed)
    model.save(tmp_path / "model.keras")
    with metrics_scope(["flip_ratio"]):
        loaded = keras.models.load_model(tmp_path / "model.keras")
    backends.assert_identical(loaded.get_weights(), model.get_weights())
    assert_reports(loaded)


@MODELS
def test_reporting_leaves_weights_alone(make, tmp_path):
    plain, model = make(), reporting(make)
    assert [w.shape for w in model.weights] == [w.shape for w in plain.weights]
    assert model.count_params() == plain.count_params()
    model.set_weights([w + 1 for w in model.get_weights()])
    # Weights go into a model that does not report, and back.
    model.save_weights(tmp_path / "model.weights.h5")
    plain.load_weights(tmp_path / "model.weights.h5")
    backends.assert_identical(plain.get_weights(), model.get_weights())
    plain.set_weights([w + 1 for w in plain.get_weights()])
    plain.save_weights(tmp_path / "plain.weights.h5")
    model.load_weights(tmp_path / "plain.weights.h5")
    backends.assert_identical(model.get_weights(), plain.get_weights())


def test_reporting_leaves_training_alone():
    plain, model = sequential(), reporting(sequential)
    for each in (plain, model):
        train(each)
    backends.assert_identical(model.get_weights(), plain.get_weights())


class Reader(keras.callbacks.Callback):
    """Reads the binary weights after each step, in the two ways that there are."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_train_batch_end(self, batch, logs=None):
        with quantized_scope(True):
            self.model.get_weights()
        export.save_packed(self.model, self.folder / "model.npz")


def test_reading_weights_is_no_update(tmp_path):
    unread, read = train(reporting(sequential)), reporting(sequential)
    read = train(read, callbacks=[Reader(tmp_path)])
    assert max(unread["flip_ratio/first"]) > 0
    assert read["flip_ratio/first"] == unread["flip_ratio/first"]


def test_flips_are_those_that_bop_counts():
    with metrics_scope(["flip_ratio"]):
        layer = layers.QuantDense(
            2,
            kernel_quantizer=quantizers.NoOp(precision=1, name="marked"),
            kernel_initializer=larq_bop.initializers.BinaryGlorotNormal(seed=2),
            use_bias=False,
        )
    model, bop = keras.Sequential([keras.Input((6,)), layer]), larq_bop.Bop(0.01, 0.1)
    history = train(model, bop, epochs=1)
    # The last step's flips are seen by the next epoch's first update, which does not count.
    flips = bop.flips(BATCHES)[:-1].sum()
    assert flips > 0
    expected = flips / bop.num_weights / (BATCHES - 1)
    assert history["flip_ratio/marked"][0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.skipif(backends.BACKEND == "torch", reason="Keras runs torch's steps one by one")
def test_several_steps_in_one_execution():
    one, several = (
        train(reporting(sequential), compiled={"steps_per_execution": steps})
        for steps in (1, BATCHES)
    )
    for name in ("flip_ratio/first", "flip_ratio/second"):
        assert max(one[name]) > 0
        np.testing.assert_allclose(several[name], one[name], rtol=1e-6)


def test_an_own_list_of_metrics_replaces_the_scope():
    quantizer = quantizers.SteSign(metrics=["flip_ratio"], name="own")
    layer = layers.QuantDense(2, kernel_quantizer=quantizer, kernel_constraint="weight_clip")
    layer.build((None, 3))
    assert [metric.name for metric in quantizer.metrics] == ["flip_ratio/own"]
    layer(np.ones((1, 3)))
    layer.set_weights([-w if i == 0 else w for i, w in enumerate(layer.get_weights())])
    layer(np.ones((1, 3)))
    assert float(quantizer.flip_ratio.result()) == 1.0


def test_only_kernel_quantizers_made_in_the_scope_report():
    with metrics_scope(["flip_ratio"]):
        inside = latent(2, "mine", input_quantizer="ste_sign")
        standalone = quantizers.get("ste_sign")
    outside = latent(2, "mine")
    assert inside.kernel_quantizer.custom_metrics == ("flip_ratio",)
    for quantizer in (inside.input_quantizer, standalone, outside.kernel_quantizer):
        assert quantizer.custom_metrics == ()
        assert "metrics" not in quantizer.get_config()


@pytest.mark.parametrize("name", ["depthwise", "pointwise"])
def test_every_kernel_of_a_layer_reports(name):
    with metrics_scope(["flip_ratio"]):
        layer = layers.QuantSeparableConv1D(
            4,
            2,
            depthwise_quantizer="ste_sign",
            depthwise_constraint="weight_clip",
            pointwise_quantizer="ste_sign",
            pointwise_constraint="weight_clip",
        )
    layer(np.ones((1, 3, 2)))
    kernel = next(w for w in layer.weights if name in w.name)
    kernel.assign(-kernel.numpy())
    layer(np.ones((1, 3, 2)))
    for role in ("depthwise", "pointwise"):
        quantizer = getattr(layer, f"{role}_quantizer")
        assert float(quantizer.flip_ratio.result()) == (role == name), role


def test_one_quantizer_for_two_kernels_is_an_error():
    quantizer = quantizers.NoOp(precision=1, name="shared")
    with metrics_scope(["flip_ratio"]):
        dense = [layers.QuantDense(3, kernel_quantizer=quantizer, name=f"{i}") for i in range(2)]
    dense[0].build((None, 3))
    with pytest.raises(ValueError, match=r"'shared' reports the flips of one kernel.* layer '1'"):
        dense[1].build((None, 3))


def test_what_is_quantized_must_have_a_known_shape():
    quantizer = quantizers.SteSign(metrics=["flip_ratio"], name="of inputs")
    with pytest.raises(ValueError, match=r"'flip_ratio/of inputs' .* input_shape=\(None, 3\)"):
        quantizer(keras.Input((3,)))
    quantizer = quantizers.SteSign(metrics=["flip_ratio"])
    assert quantizer(keras.Input(batch_shape=(2, 3))).shape == (2, 3)
    quantizer(np.ones((2, 3)))
    quantizer(np.float32([[1, 1, 1], [-1, -1, -1]]))
    assert float(quantizer.flip_ratio.result()) == 0.5


def test_quantizers_of_ones_own_report_too():
    class Third(quantizers.Quantizer):
        precision = 1

        def call(self, inputs):
            return quantizers.ste_sign(inputs - 1 / 3)

    with metrics_scope(["flip_ratio"]):
        layer = layers.QuantDense(
            1,
            kernel_quantizer=Third(name="third"),
            kernel_constraint="weight_clip",
            kernel_initializer="zeros",
        )
    layer(np.ones((1, 2)))
    layer.set_weights([np.float32([[0.3], [0.4]]), np.zeros(1)])
    layer(np.ones((1, 2)))
    assert float(layer.kernel_quantizer.flip_ratio.result()) == 0.5
