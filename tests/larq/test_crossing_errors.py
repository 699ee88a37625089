"""What cannot cross is an error that names it."""

import keras
import larq as lq
import pytest
import tensorflow as tf
import tf_keras
from keras import ops

import larq_bop as lb
from larq_bop.larq import CannotCrossError, from_larq, to_larq
from tests.larq import crossings


def test_kernels_that_are_marked_and_no_signs_are_refused():
    layer = lb.layers.QuantDense(2, kernel_quantizer=lb.quantizers.NoOp(precision=1), name="odd")
    model = keras.Sequential([keras.Input((4,)), layer])
    layer.kernel.assign(0.25 * layer.kernel)
    with pytest.raises(CannotCrossError, match="'odd' cannot cross: its kernel is marked as bin"):
        to_larq(model)


@keras.saving.register_keras_serializable("tests")
def own_function(x):
    return x


class Dense(keras.layers.Dense):
    """A layer of one's own with the name of one of Keras'."""


@keras.saving.register_keras_serializable("tests")
class L2(keras.regularizers.L2):
    """A regularizer of one's own with the name of one of Keras'."""


class OwnModel(keras.Model):
    def call(self, inputs):
        return inputs


def plain(**arguments):
    return keras.layers.Dense(2, name="odd", **arguments)


def with_lora(layer):
    layer.build((None, 4))
    layer.enable_lora(2)
    return layer


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (keras.layers.RMSNormalization(name="odd"), "there is no RMSNormalization on the other"),
        (Dense(2, name="odd"), "there is no Dense on the other side"),
        (plain(activation=own_function), "there is no tests>own_function for its `activation`"),
        (plain(kernel_regularizer=L2()), "there is no L2 on the other side"),
        (plain(dtype=keras.dtype_policies.DTypePolicyMap()), "there is no DTypePolicyMap"),
        (with_lora(plain()), "its `lora_rank` does not exist on the other side: 2"),
        (lb.layers.QuantDense(2, kernel_quantizer=own_function, name="odd"), "own_function"),
        (OwnModel(name="odd"), "only Sequential and functional models do"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, keras.Layer) else value[:20],
)
def test_what_has_no_equal_is_named(layer, message):
    with pytest.raises(CannotCrossError, match=f"'odd' cannot cross: .*{message}"):
        to_larq(keras.Sequential([keras.Input((4,)), layer]))


@pytest.mark.parametrize(("side", "cross"), [(keras, to_larq), (tf_keras, from_larq)])
def test_calls_in_training_mode_are_refused(side, cross):
    """Keras 2 obeys them in a prediction, and Keras 3 does not."""
    inputs = side.Input((4,))
    model = side.Model(inputs, side.layers.Dropout(0.5, name="odd")(inputs, training=True))
    with pytest.raises(CannotCrossError, match="'odd' cannot cross: it is called with training"):
        cross(model)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lq.layers.QuantLocallyConnected1D(2, 3, name="odd"), "no QuantLocallyConnected1D"),
        (tf_keras.layers.ThresholdedReLU(name="odd"), "no ThresholdedReLU"),
        (tf_keras.layers.LSTM(2, time_major=True, name="odd"), "its `time_major` does not exist"),
        (tf_keras.layers.Dense(2, kernel_constraint="radial_constraint", name="odd"), "no Radial"),
    ],
    ids=str,
)
def test_layers_of_keras_2_without_an_equal_are_named(layer, message):
    model = tf_keras.Sequential([tf_keras.Input((8, 4)), layer])
    with pytest.raises(CannotCrossError, match=f"'odd' cannot cross: .*{message}"):
        from_larq(model)


def test_models_of_the_wrong_side_and_unbuilt_ones_are_told(tmp_path):
    with pytest.raises(TypeError, match="Expected a model of tf_keras"):
        from_larq(keras.Sequential([keras.Input((4,))]))
    with pytest.raises(TypeError, match=r"Expected a model of keras\. Received: 3"):
        to_larq(3)
    with pytest.raises(FileNotFoundError, match="There is no model at"):
        to_larq(tmp_path / "nothing.keras")
    with pytest.raises(CannotCrossError, match="it is not built"):
        to_larq(keras.Sequential([keras.layers.Dense(2)]))
    with pytest.raises(CannotCrossError, match="it is not built"):
        from_larq(tf_keras.Sequential([tf_keras.layers.Dense(3)]))


@keras.saving.register_keras_serializable("tests")
def own_sign(x):
    return lb.quantizers.ste_sign(x)


def own_model(**call):
    """A model that Larq lacks something of in each way: layers, parts, operations, weights."""
    inputs = keras.Input((4,))
    quantizers = {"input_quantizer": own_function, "kernel_quantizer": own_sign}
    x = keras.layers.RMSNormalization(name="norm")(inputs)
    x = lb.layers.QuantDense(4, kernel_regularizer=L2(), **quantizers, name="quant")(x)
    x = ops.erf(x)
    x = ops.elu(x, alpha=0.5)
    inner = keras.Sequential([keras.Input((4,)), Dense(4, name="own")], name="inner")
    x = keras.layers.Dropout(0.5, name="dropout")(inner(inner(x)), **call)
    x = lb.layers.QuantDense(4, kernel_quantizer=lb.quantizers.NoOp(precision=1), name="half")(x)
    return keras.Model(inputs, keras.layers.Dense(3)(ops.erf(x)))


class RMS(tf_keras.layers.Layer):
    """Keras 3's `RMSNormalization`, of the last axis."""

    def __init__(self, axis, epsilon, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, shape):
        self.scale = self.add_weight(name="scale", shape=shape[-1:])

    def call(self, x):
        squares = tf.reduce_mean(tf.square(x), -1, keepdims=True)
        return x * tf.math.rsqrt(squares + self.epsilon) * self.scale


def test_all_that_larq_lacks_is_named_at_once_with_its_cure():
    model = own_model(training=True)
    half = model.get_layer("half").kernel
    half.assign(0.5 * half)
    with pytest.raises(CannotCrossError) as error:
        to_larq(model)
    found = [line.split(" cannot cross: ") for line in str(error.value).splitlines()]
    assert [
        (subject.split("'")[1].rstrip("_0123456789"), told[:27]) for subject, told in found
    ] == [
        ("norm", "there is no RMSNormalizatio"),
        ("quant", "there is no L2 on the other"),
        ("quant", "there is no tests>own_funct"),
        ("quant", "there is no tests>own_sign "),
        ("erf", "there is no Erf on the othe"),
        ("elu", "its `alpha` does not exist "),
        ("own", "there is no Dense on the ot"),
        ("dropout", "it is called with training="),
        ("half", "its kernel is marked as bin"),
        ("erf", "there is no Erf on the othe"),
    ]
    cures = ("`custom_objects`", "Call it without", "Train it with Bop first")
    assert all(any(cure in told for cure in cures) for _, told in found)


def test_what_was_named_crosses_once_it_is_given():
    model = crossings.randomized(own_model())
    given = {
        "norm": RMS,
        L2: tf_keras.regularizers.L2,
        "own_function": tf.identity,
        own_sign: lq.quantizers.ste_sign,
        "Erf": tf.math.erf,
        "Elu": lambda x, alpha: tf_keras.activations.elu(x, alpha),
        Dense: tf_keras.layers.Dense,
    }
    crossings.assert_equal_predictions(model, to_larq(model, custom_objects=given))


def test_masks_that_keras_3_computes_need_no_equal():
    """They are operations of the model, and the other side computes its own."""
    inputs = keras.Input((5,), dtype="int32")
    x = keras.layers.LSTM(3)(keras.layers.Embedding(5, 4, mask_zero=True)(inputs))
    model = crossings.randomized(keras.Model(inputs, x))
    assert {type(each).__name__ for each in model.operations} >= {"NotEqual"}
    crossings.assert_equal_predictions(model, to_larq(model))
