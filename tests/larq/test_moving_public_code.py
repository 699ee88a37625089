"""What stopped public code, and what `docs/moving-from-larq.md` has in its place."""

import keras
import larq
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import larq_bop


def test_shapes_of_outputs():
    assert tf_keras.Input((4, 5)).get_shape().as_list() == [None, 4, 5]
    output = keras.Input((4, 5))
    assert output.shape == (None, 4, 5)
    assert not hasattr(output, "get_shape")
    assert not hasattr(output.shape, "as_list")


def test_names_and_paths_of_variables():
    variables = []
    for side in (tf_keras, keras):
        inputs = side.Input((3,))
        model = side.Model(inputs, side.layers.Dense(2, name="dense")(inputs))
        variables.append(model.trainable_variables[0])
    assert [variable.name for variable in variables] == ["dense/kernel:0", "kernel"]
    assert variables[1].path == "dense/kernel"


def test_the_accuracy_in_the_history():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = np.ones((4, 3)), np.zeros(4)
    history = model.fit(x, y, validation_data=(x, y), verbose=0).history
    assert {"accuracy", "val_accuracy"} < set(history)
    assert "acc" not in history


def test_the_rates_of_inverse_time_decay_are_those_of_the_argument_decay():
    schedule = keras.optimizers.schedules.InverseTimeDecay(0.01, 1, 0.1)
    optimizer = tf_keras.optimizers.legacy.SGD(0.01, decay=0.1)
    variable = tf.Variable(0.0)
    rates = []
    for _ in range(4):
        before = float(variable)
        optimizer.apply_gradients([(tf.constant(-1.0), variable)])
        rates.append(float(variable) - before)
    np.testing.assert_allclose([float(schedule(i)) for i in range(4)], rates, rtol=1e-5)
    np.testing.assert_allclose(rates, [0.01 / (1 + 0.1 * i) for i in range(4)], rtol=1e-5)


def test_bop_takes_no_optimizer_for_the_other_weights():
    for library, adam in (
        (larq_bop, keras.optimizers.Adam(0.01)),
        (larq, tf_keras.optimizers.legacy.Adam(0.01)),
    ):
        with pytest.raises(TypeError, match="multiple values for argument 'threshold'"):
            library.optimizers.Bop(adam, threshold=1e-8, gamma=1e-4)
        bop = library.optimizers.Bop(threshold=1e-8, gamma=1e-4)
        pair = (library.optimizers.Bop.is_binary_variable, bop)
        library.optimizers.CaseOptimizer(pair, default_optimizer=adam)


@tf.custom_gradient
def decorated(x):
    return tf.sign(x), lambda dy: dy


@keras.saving.register_keras_serializable("tests")
def plain(x):
    return decorated(x)


def test_a_quantizer_with_a_custom_gradient_loads_inside_of_a_plain_function(tmp_path):
    path, x = tmp_path / "model.keras", np.random.default_rng(0).standard_normal((4, 3))
    for quantizer in (decorated, plain):
        layer = larq_bop.layers.QuantDense(2, input_quantizer=quantizer)
        model = keras.Sequential([keras.Input((3,)), layer])
        model.save(path)
        if quantizer is decorated:
            with pytest.raises(TypeError, match="could not be deserialized"):
                keras.models.load_model(path, custom_objects={"decorated": decorated})
    np.testing.assert_array_equal(keras.models.load_model(path)(x), model(x))
