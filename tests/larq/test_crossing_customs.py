"""One's own layers, quantizers and Lambdas cross as what is given; saved code never runs."""

import pathlib

import keras
import larq as lq
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from keras import ops

import larq_bop as lb
from larq_bop.larq import CannotCrossError, convert, from_larq, to_larq
from tests.larq import crossings


class Scale(tf_keras.layers.Layer):
    def __init__(self, regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.regularizer = tf_keras.regularizers.get(regularizer)

    def build(self, shape):
        self.scale = self.add_weight(name="scale", shape=shape[-1:], regularizer=self.regularizer)

    def call(self, inputs):
        return inputs * self.scale

    def get_config(self):
        regularizer = tf_keras.regularizers.serialize(self.regularizer)
        return {**super().get_config(), "regularizer": regularizer}


@keras.saving.register_keras_serializable("tests")
class Scale3(keras.layers.Layer):
    def __init__(self, regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.regularizer = keras.regularizers.get(regularizer)

    def build(self, shape):
        self.scale = self.add_weight(name="scale", shape=shape[-1:], regularizer=self.regularizer)

    def call(self, inputs):
        return inputs * self.scale

    def get_config(self):
        regularizer = keras.regularizers.serialize(self.regularizer)
        return {**super().get_config(), "regularizer": regularizer}


@lq.utils.register_keras_custom_object
@lq.utils.set_precision(1)
def half_sign(x):
    return 0.5 * lq.quantizers.ste_sign(x)


@lb.utils.set_precision(1)
def half_sign_3(x):
    return 0.5 * lb.quantizers.ste_sign(x)


def own_model():
    inputs = tf_keras.Input((6,))
    kernel = {"kernel_quantizer": half_sign, "kernel_constraint": "weight_clip"}
    x = lq.layers.QuantDense(8, input_quantizer=half_sign, **kernel)(inputs)
    x = Scale("l2", name="scale")(x)
    x = tf_keras.layers.Lambda(lambda x: tf.reverse(x, [-1]), name="reversed")(x)
    return crossings.randomized(tf_keras.Model(inputs, tf_keras.layers.Dense(3)(x)))


def flip(x):
    return ops.flip(x, -1)


GIVEN = [
    {Scale: Scale3, half_sign: half_sign_3, "reversed": flip},
    {"Scale": Scale3, "half_sign": half_sign_3, "Lambda": flip},
    {"scale": Scale3(name="mine"), "half_sign": half_sign_3, tf_keras.layers.Lambda: flip},
]


@pytest.mark.parametrize("given", GIVEN)
def test_parts_cross_by_class_by_name_and_by_the_layers_name(given):
    model = own_model()
    there = from_larq(model, custom_objects=given)
    crossings.assert_equal_predictions(model, there)
    crossings.assert_equal_weights(model, there)
    assert there.layers[1].kernel_quantizer is half_sign_3
    scale = there.layers[2]
    assert isinstance(scale, Scale3)
    if "scale" not in given:
        assert scale.regularizer.get_config() == {"l2": pytest.approx(0.01)}
    back = to_larq(there, custom_objects={Scale3: Scale, half_sign_3: half_sign})
    crossings.assert_equal_predictions(model, back)


def test_all_that_is_missing_is_named_at_once():
    with pytest.raises(CannotCrossError) as error:
        from_larq(own_model())
    lines = str(error.value).splitlines()
    named = ["quant_dense", "quant_dense", "scale", "reversed"]
    assert [line.split("'")[1] for line in lines] == named
    assert all("`custom_objects`" in line for line in lines)


@pytest.mark.parametrize("given", [{3: Scale3}, {"scale": 3}, {Scale: None}])
def test_invalid_custom_objects_are_refused(given):
    with pytest.raises(TypeError, match="`custom_objects` must map"):
        from_larq(own_model(), custom_objects=given)


def test_a_sequential_model_crosses_with_a_function_for_a_layer():
    model = tf_keras.Sequential(
        [tf_keras.Input((6,)), tf_keras.layers.Lambda(lambda x: -x), tf_keras.layers.Dense(3)]
    )
    there = from_larq(crossings.randomized(model), custom_objects={"Lambda": ops.negative})
    crossings.assert_equal_predictions(model, there)
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in there.layers)


def test_initializers_cross_as_ones_that_say_what_they_were(tmp_path):
    def drawn(shape, dtype=None):
        return tf.ones(shape, dtype)

    layer = tf_keras.layers.Dense(3, kernel_initializer=drawn)
    there = from_larq(tf_keras.Sequential([tf_keras.Input((4,)), layer]))
    for _ in range(2):
        initializer = there.layers[0].kernel_initializer
        assert isinstance(initializer, lb.initializers.StandIn)
        assert initializer.was == "drawn"
        there.save(tmp_path / "model.keras")
        there = keras.models.load_model(tmp_path / "model.keras")
    back = to_larq(there).layers[0].kernel_initializer
    assert (type(back).__name__, back.was) == ("StandIn", "drawn")


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model"])
@pytest.mark.parametrize("side", [tf_keras, keras], ids=["Keras 2", "Keras 3"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_a_hostile_lambda_in_a_file_never_runs(name, side, tmp_path):
    if side is keras and name == "model":
        pytest.skip("Keras 3 loads no SavedModel")
    trap = str(tmp_path / "trap")
    hostile = side.layers.Lambda(
        # It does its harm when it is called, and is called when a model is built from its file.
        lambda x, trap=trap: (__import__("pathlib").Path(trap).touch(), x * 2.0)[1],
        name="odd",
    )
    model = side.Sequential([side.Input((4,)), hostile, side.layers.Dense(3)])
    x = crossings.inputs_of(model)
    expected = np.asarray(model(x))
    model.save(tmp_path / name)
    pathlib.Path(trap).unlink()
    cross, twice = (from_larq, ops.multiply) if side is tf_keras else (to_larq, tf.multiply)
    with pytest.raises(ValueError, match=r"'odd' cannot cross|no Lambda"):
        cross(tmp_path / name)
    with pytest.raises(ValueError, match=r"'odd'|Larq Compute Engine"):
        convert(tmp_path / name, tmp_path / "model.tflite")
    if name != "model":
        there = cross(tmp_path / name, custom_objects={"odd": lambda x: twice(x, 2.0)})
        np.testing.assert_allclose(np.asarray(there(x)), expected, rtol=1e-6)
    assert not pathlib.Path(trap).exists()
