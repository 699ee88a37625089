"""CaseOptimizer on Keras 2: who trains what, and saving."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from larq_bop.larq import Bop, CaseOptimizer
from tests import backends
from tests.larq import networks


def claims_convolutions(variable):
    return "conv2d/kernel" in variable.name


def compiled(**arguments):
    model = networks.network()
    model.compile(networks.bop_and_adam(**arguments), "sparse_categorical_crossentropy")
    return model


def values(variables):
    return [variable.numpy() for variable in variables]


def test_each_variable_has_its_optimizer():
    model = compiled()
    networks.fit(model, epochs=1)
    bop, adam = model.optimizer.pred_opt_pairs[0][1], model.optimizer.default
    assert bop.num_weights == 36 + 512
    assert adam.iterations.numpy() == bop.iterations.numpy() == 4
    assert model.optimizer.iterations.numpy() == 4
    assert all(np.all(np.abs(kernel) == 1) for kernel in networks.binary_weights(model))


def test_the_learning_rate_is_the_default_optimizers():
    model = compiled()
    callback = tf_keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    model.fit(*networks.data(), verbose=0, callbacks=[callback])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.005)
    assert float(model.optimizer.pred_opt_pairs[0][1].gamma) == pytest.approx(0.1)


def test_without_a_default_optimizer_the_rest_stays_and_is_named():
    model = networks.network()
    bop = Bop(threshold=1e-4, gamma=0.1)
    model.compile(CaseOptimizer((Bop.is_binary_variable, bop)), "sparse_categorical_crossentropy")
    others = [v for v in model.trainable_variables if not Bop.is_binary_variable(v)]
    before = values(others)
    with pytest.warns(UserWarning, match="dense/bias"):
        networks.fit(model)
    backends.assert_identical(values(others), before)
    assert bop.flips().sum() > 0
    with pytest.raises(AttributeError, match="no learning rate of its own"):
        _ = model.optimizer.learning_rate


def test_a_gradient_that_is_missing_is_passed_over():
    first, second = tf.Variable([1.0]), tf.Variable([1.0])
    optimizer = CaseOptimizer(
        (lambda v: v is second, tf_keras.optimizers.SGD(1.0)),
        default_optimizer=tf_keras.optimizers.SGD(0.5),
    )
    optimizer.apply_gradients([(tf.constant([1.0]), first), (None, second)])
    assert (first.numpy(), second.numpy(), optimizer.iterations.numpy()) == (0.5, 1.0, 1)
    with pytest.raises(ValueError, match="No gradients provided"):
        optimizer.apply_gradients([(None, first), (None, second)])


@pytest.mark.parametrize(
    ("pair", "default", "message"),
    [
        (("kernel", Bop()), None, r"callable predicate at `predicate_optimizer_pairs\[0\]\[0\]`"),
        ((Bop.is_binary_variable, "bop"), None, r"Keras optimizer at `predicate_optimizer_pairs"),
        ((Bop.is_binary_variable, Bop()), "adam", "Keras optimizer at `default_optimizer`"),
        (
            (Bop.is_binary_variable, Bop()),
            tf_keras.optimizers.legacy.Adam(),
            "Keras optimizer at `default_optimizer`",
        ),
        (
            (Bop.is_binary_variable, tf_keras.mixed_precision.LossScaleOptimizer(Bop())),
            None,
            "Put the LossScaleOptimizerV3 around",
        ),
    ],
)
def test_wrong_types_are_refused_as_on_keras_3(pair, default, message):
    with pytest.raises(TypeError, match=message):
        CaseOptimizer(pair, default_optimizer=default)


def test_a_variable_claimed_twice_is_refused():
    optimizer = CaseOptimizer((lambda v: True, Bop(name="a")), (lambda v: True, Bop(name="b")))
    with pytest.raises(ValueError, match="claimed by more than one optimizer: a, b"):
        optimizer.build([tf.Variable([1.0])])


def test_an_eager_step_that_builds_the_optimizer_too_late_warns():
    model = networks.network()
    model.compile(networks.bop_and_adam(), "sparse_categorical_crossentropy", run_eagerly=True)
    with pytest.warns(UserWarning, match=r"not -1 and \+1 yet: .*optimizer\.build"):
        networks.fit(model, epochs=1)


def test_an_optimizer_that_claims_nothing_is_refused():
    optimizer = CaseOptimizer((lambda v: False, Bop(name="idle")), default_optimizer=Bop())
    with pytest.raises(ValueError, match="'idle' did not claim any variables"):
        optimizer.build([tf.Variable([1.0])])


@pytest.mark.parametrize("predicate", [Bop.is_binary_variable, claims_convolutions])
def test_a_keras_file_goes_on_where_it_was_saved(tmp_path, predicate):
    model = compiled(predicate=predicate)
    networks.fit(model, epochs=1)
    model.save(tmp_path / "model.keras")
    loaded = tf_keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer, CaseOptimizer)
    backends.assert_identical(values(loaded.optimizer.variables), values(model.optimizer.variables))
    assert networks.fit(loaded) == networks.fit(model)
    backends.assert_identical(values(loaded.variables), values(model.variables))


@pytest.mark.parametrize(
    ("predicate", "message"),
    [
        (Bop.is_binary_variable, "'bop' did not claim any variables"),
        (claims_convolutions, "as trainable variable 0"),
    ],
)
def test_a_model_that_was_frozen_before_it_was_saved_loads(tmp_path, predicate, message):
    model = compiled(predicate=predicate)
    networks.fit(model, epochs=1)
    for layer in model.layers[:-2]:
        layer.trainable = False
    model.save(tmp_path / "model.keras")
    with pytest.warns(UserWarning, match=message):
        loaded = tf_keras.models.load_model(tmp_path / "model.keras")
    backends.assert_identical(values(loaded.variables), values(model.variables))
    with pytest.raises(ValueError, match=f"{message}.*compile the model with a new"):
        networks.fit(loaded, epochs=1)
    backends.assert_identical(values(loaded.variables), values(model.variables))


def test_a_scaled_optimizer_goes_on_where_it_was_saved(tmp_path):
    model = networks.network()
    optimizer = tf_keras.mixed_precision.LossScaleOptimizer(networks.bop_and_adam())
    model.compile(optimizer, "sparse_categorical_crossentropy")
    networks.fit(model, epochs=1)
    model.save(tmp_path / "model.keras")
    loaded = tf_keras.models.load_model(tmp_path / "model.keras")
    assert float(loaded.optimizer.loss_scale) == float(optimizer.loss_scale)
    assert networks.fit(loaded) == networks.fit(model)
    backends.assert_identical(values(loaded.variables), values(model.variables))


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_an_hdf5_file_holds_the_model_without_its_optimizer(tmp_path):
    """It would hold one counter of steps; a CaseOptimizer has one for each optimizer."""
    model = compiled()
    networks.fit(model, epochs=1)
    model.save(tmp_path / "model.h5", include_optimizer=False)
    loaded = tf_keras.models.load_model(tmp_path / "model.h5")
    backends.assert_identical(values(loaded.variables), values(model.variables))
    with pytest.raises(ValueError, match="name already exists"):
        model.save(tmp_path / "whole.h5")


@pytest.mark.parametrize("predicate", [Bop.is_binary_variable, claims_convolutions])
def test_a_saved_model_keeps_weights_and_settings(tmp_path, predicate):
    """Keras 2 restores no optimizer's state from a SavedModel, Adam's neither."""
    model = compiled(predicate=predicate)
    networks.fit(model)
    model.save(tmp_path / "model", save_format="tf")
    loaded = tf_keras.models.load_model(tmp_path / "model")
    backends.assert_identical(values(loaded.variables), values(model.variables))
    bop = loaded.optimizer.pred_opt_pairs[0][1]
    assert bop.get_config() == model.optimizer.pred_opt_pairs[0][1].get_config()
    networks.fit(loaded)
    assert bop.num_weights == model.optimizer.pred_opt_pairs[0][1].num_weights
    assert bop.flips(8).sum() > 0


def test_a_checkpoint_goes_on_where_it_was_saved(tmp_path):
    model = compiled()
    networks.fit(model, epochs=1)
    saved = tf.train.Checkpoint(model=model, optimizer=model.optimizer).save(tmp_path / "step")
    other = compiled()
    status = tf.train.Checkpoint(model=other, optimizer=other.optimizer).restore(saved)
    assert networks.fit(other) == networks.fit(model)
    status.assert_consumed()
    backends.assert_identical(values(other.variables), values(model.variables))
    backends.assert_identical(values(other.optimizer.variables), values(model.optimizer.variables))
