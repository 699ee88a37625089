"""What the networks of Larq Zoo are made of, and other models have not, crosses too."""

import keras
import larq as lq
import numpy as np
import pytest
import tf_keras

from larq_bop.larq import CannotCrossError, from_larq, to_larq
from tests.larq import crossings


def blur(shape, dtype=None):
    """An initializer that is a function, as QuickNet's."""
    return np.broadcast_to(np.float32(1 / 9), shape)


@keras.saving.register_keras_serializable("tests")
class Halves(keras.initializers.Constant):
    def __init__(self):
        super().__init__(0.5)


INITIALIZERS = [
    lambda side: blur,
    lambda side: lambda shape, dtype=None: np.ones(shape, "float32"),
    lambda side: Halves() if side is keras else tf_keras.initializers.Identity(),
]


@pytest.mark.filterwarnings("ignore:The (`keras.initializers.serialize|object being):UserWarning")
@pytest.mark.parametrize(("side", "cross"), [(keras, to_larq), (tf_keras, from_larq)])
@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_an_initializer_without_an_equal_says_what_it_was_and_the_weights_cross(
    initializer, side, cross
):
    layer = side.layers.Dense(
        4, kernel_initializer=initializer(side), bias_initializer="ones", name="dense"
    )
    model = side.Sequential([side.Input((4,)), layer])
    there = cross(model)
    crossings.assert_equal_weights(model, there)
    crossings.assert_equal_predictions(model, there)
    found = there.get_layer("dense")
    assert type(found.bias_initializer).__name__ == "Ones"
    if not isinstance(initializer(side), tf_keras.initializers.Identity):
        assert type(found.kernel_initializer).__name__ == "StandIn"


@pytest.mark.parametrize(("side", "cross"), [(keras, to_larq), (tf_keras, from_larq)])
def test_a_lambda_that_gives_back_its_input_is_a_linear_activation(side, cross):
    inputs = side.Input((4,))
    x = side.layers.Lambda(lambda x: x, name="block_out")(side.layers.Dense(3)(inputs))
    model = crossings.randomized(side.Model(inputs, x))
    there = cross(model)
    crossings.assert_equal_predictions(model, there)
    layer = there.get_layer("block_out")
    assert type(layer).__name__ == "Activation"
    assert layer.activation.__name__ == "linear"


OTHERS = {
    "function": lambda side: side.layers.Lambda(abs, name="odd"),
    "training": lambda side: side.layers.Lambda(lambda x, training=None: x, name="odd"),
    "arguments": lambda side: side.layers.Lambda(
        lambda x, n: x * n, name="odd", arguments={"n": 3}
    ),
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize(("side", "cross"), [(keras, to_larq), (tf_keras, from_larq)])
def test_any_other_lambda_is_refused(side, cross, make):
    with pytest.raises(CannotCrossError, match="'odd' cannot cross: Lambda is not the same"):
        cross(side.Sequential([side.Input((4,)), make(side)]))


def test_sums_differences_and_products_of_layers_are_the_layers_that_make_them():
    inputs = tf_keras.Input((6, 5, 4))
    x = lq.layers.QuantConv2D(4, 3, padding="same")(inputs) + inputs
    x = (x - tf_keras.layers.Dense(4)(x)) * tf_keras.layers.Dense(1)(x)
    model = crossings.randomized(tf_keras.Model(inputs, x))
    there = from_larq(model)
    crossings.assert_equal_predictions(model, there)
    kinds = [type(layer).__name__ for layer in there.layers]
    assert [name for name in kinds if name in ("Add", "Subtract", "Multiply")] == [
        *("Add", "Subtract", "Multiply")
    ]
