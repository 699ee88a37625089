"""What cannot cross is an error that names it."""

import keras
import larq as lq
import pytest
import tf_keras

import larq_bop as lb
from larq_bop.larq import CannotCrossError, from_larq, to_larq


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
