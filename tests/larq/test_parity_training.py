"""Metrics, scopes and schedules beside Larq's own: both sides train the same small network."""

import keras
import numpy as np
import pytest

import larq_bop
from tests.larq.parity import larq, normal, tf

X, Y = normal((24, 6)), normal((24, 2), seed=1)


def kerases():
    """Each library with the Keras that it stands on."""
    return ((larq_bop, keras), (larq, tf.keras))


def train(model, optimizer, epochs=3, **arguments):
    """Returns the history of 3 batches an epoch."""
    model.compile(optimizer, "mean_squared_error")
    history = model.fit(
        X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **arguments
    ).history
    return {name: [float(value) for value in values] for name, values in history.items()}


def assert_same_histories(ours, theirs, rtol=1e-5):
    assert ours.keys() == theirs.keys()
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=rtol, atol=1e-7, err_msg=name)


# Metrics.


def test_flip_ratio_of_a_sequence():
    sequence = np.sign(normal((7, 3, 5)))
    results = []
    for library, _ in kerases():
        metric = library.metrics.FlipRatio()
        metric.build((3, 5))
        values = []
        for i, each in enumerate(sequence):
            if i == 4:
                metric.reset_state()
            metric.update_state(each)
            values.append(float(metric.result()))
        results.append(values)
    assert max(results[1]) > 0
    np.testing.assert_allclose(*results, rtol=1e-6)


@pytest.mark.parametrize("values_dtype", ["int8", "int16", "float32"])
def test_flip_ratio_of_values_that_are_no_signs(values_dtype):
    sequence = np.concatenate([normal((5, 9)), normal((3, 9), seed=1, scale=20.0).round()])
    results = []
    for library, _ in kerases():
        metric = library.metrics.FlipRatio(values_dtype, name="mine", dtype="float64")
        for each in sequence:
            metric.update_state(each)
        results.append(float(metric.result()))
        assert metric.get_config() | {"dtype": None} == {
            "name": "mine",
            "dtype": None,
            "values_dtype": values_dtype,
        }
    np.testing.assert_allclose(*results, rtol=1e-12)


def network(library, side, latent=True):
    """A kernel that is latent or float, one that is binary itself, and a float one."""
    first = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"} if latent else {}
    return side.Sequential(
        [
            side.Input((6,)),
            library.layers.QuantDense(8, use_bias=False, **first),
            library.layers.QuantDense(
                4,
                input_quantizer="ste_sign",
                kernel_quantizer=library.quantizers.NoOp(precision=1),
                use_bias=False,
            ),
            side.layers.Dense(2),
        ]
    )


def with_equal_weights(model):
    weights = [normal(w.shape, seed=i, scale=0.1) for i, w in enumerate(model.get_weights())]
    weights[1] = np.where(weights[1] < 0, -1, 1).astype("float32")
    model.set_weights(weights)
    return model


def test_metrics_scope_reports_what_larq_reports():
    histories = []
    for library, side in kerases():
        with library.context.metrics_scope(["flip_ratio"]):
            model = with_equal_weights(network(library, side))
        optimizer = side.optimizers.Adam(0.05)
        histories.append(train(model, optimizer, validation_data=(X, Y)))
    assert max(histories[1]["flip_ratio/ste_sign"]) > 0
    assert {"flip_ratio/no_op", "val_flip_ratio/no_op"} <= histories[1].keys()
    assert_same_histories(*histories)


def test_get_training_metrics():
    for library, _ in kerases():
        assert library.context.get_training_metrics() == set()
        with library.context.metrics_scope(["flip_ratio"]) as metrics:
            assert metrics is library.context.get_training_metrics()
            assert metrics == {"flip_ratio"}
            quantizer = library.quantizers.get_kernel_quantizer("ste_sign")
        assert library.context.get_training_metrics() == set()
        with (
            pytest.raises(ValueError, match="Unknown training metric 'wrong'"),
            library.context.metrics_scope(["wrong"]),
        ):
            pass
        quantizer.build((2, 3))
        assert quantizer.flip_ratio.name == "flip_ratio/ste_sign"


# Kernels as they are used.


def test_quantized_scope_shows_larqs_weights():
    shown = []
    for library, side in kerases():
        model = with_equal_weights(network(library, side))
        latent = model.get_weights()
        with library.context.quantized_scope(True):
            shown.append(model.get_weights())
            model.set_weights([w / 2 for w in latent])
        shown[-1] += model.get_weights()
    for ours, theirs in zip(*shown, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert set(np.unique(shown[0][0])) == {-1.0, 1.0}


@pytest.mark.parametrize("file", ["model.keras", "model.h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_quantized_scope_saves_larqs_weights(file, tmp_path):
    loaded = []
    for library, side in kerases():
        model = with_equal_weights(network(library, side))
        path = tmp_path / f"{library.__name__} {file}"
        with library.context.quantized_scope(True):
            model.save(path)
        loaded.append(side.models.load_model(path, compile=False).get_weights())
    for ours, theirs in zip(*loaded, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert set(np.unique(loaded[0][0])) == {-1.0, 1.0}


# Schedules.


def bop_and_adam(library, side):
    # Larq's CaseOptimizer takes the old optimizers only.
    adam = side.optimizers.Adam if side is keras else side.optimizers.legacy.Adam
    return library.optimizers.CaseOptimizer(
        (library.optimizers.Bop.is_binary_variable, library.optimizers.Bop(1e-3, 1e-2)),
        default_optimizer=adam(0.01),
    )


def inverse(t):
    return 0.1 / (1 + t)


def decayed(t, value):
    return value * 0.5**t


@pytest.mark.parametrize(
    ("inner", "hyperparameter", "schedule", "update_freq"),
    [
        (0, "gamma", inverse, "epoch"),
        (0, "threshold", decayed, "step"),
        (1, "learning_rate", decayed, "epoch"),
        (1, "lr", inverse, "step"),
    ],
)
def test_a_scheduled_training_is_larqs(inner, hyperparameter, schedule, update_freq):
    histories, values = [], []
    for library, side in kerases():
        model = with_equal_weights(network(library, side, latent=False))
        optimizer = bop_and_adam(library, side)
        inner_optimizers = [optimizer.pred_opt_pairs[0][1], optimizer.default]
        scheduler = library.callbacks.HyperparameterScheduler(
            schedule, hyperparameter, inner_optimizers[inner], update_freq, log_name="scheduled"
        )
        histories.append(train(model, optimizer, callbacks=[scheduler]))
        values.append(histories[-1]["scheduled"])
    assert len(set(values[1])) == 3
    assert_same_histories(*histories)


def test_the_models_optimizer_is_the_default():
    histories = []
    for library, side in kerases():
        model, optimizer = with_equal_weights(network(library, side)), side.optimizers.SGD(0.05)
        scheduler = library.callbacks.HyperparameterScheduler(inverse, "learning_rate", verbose=1)
        histories.append(train(model, optimizer, callbacks=[scheduler]))
    np.testing.assert_allclose(histories[1]["learning_rate"], [0.1, 0.05, 0.1 / 3], rtol=1e-6)
    assert_same_histories(*histories)


def test_errors_have_larqs_type():
    for library, side in kerases():
        with pytest.raises(ValueError, match="wrong"):
            library.callbacks.HyperparameterScheduler(inverse, "lr", update_freq="wrong")
        model, optimizer = network(library, side), side.optimizers.SGD(0.05)
        scheduler = library.callbacks.HyperparameterScheduler(inverse, "wrong")
        with pytest.raises(ValueError, match="wrong"):
            train(model, optimizer, callbacks=[scheduler])
