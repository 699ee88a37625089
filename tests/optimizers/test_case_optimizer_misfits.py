"""Files whose CaseOptimizer does not fit the model any more."""

import keras
import numpy as np
import pytest

from larq_bop import Bop
from larq_bop.layers import QuantDense
from tests import backends
from tests.optimizers.cases import binary_kernel, case, data, fit, trained

pytestmark = pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")


def freeze(model, names):
    for name in names:
        model.get_layer(name).trainable = False


def assert_loads_and_refuses_to_train(path, model, message):
    """The model predicts what it did; a step is an error that says what to do."""

    def load():
        with pytest.warns(UserWarning, match=message):
            return keras.models.load_model(path)

    loaded = load()
    x, _ = data()
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    with pytest.raises(ValueError, match=f"{message}.*compile the model with a new"):
        fit(loaded)
    if keras.backend.backend() == "jax":
        # Keras takes the variables out of a model that trains; whatever fails leaves it without.
        loaded = load()
    # On torch the step's forward pass has moved the moving statistics before.
    backends.assert_identical(
        backends.snapshot(loaded.trainable_variables), backends.snapshot(model.trainable_variables)
    )
    fit(loaded, keras.optimizers.Adam())


@pytest.mark.parametrize(
    ("predicate", "is_wrapped", "message"),
    [
        (Bop.is_binary_variable, False, "'bop' did not claim any variables"),
        (lambda variable: Bop.is_binary_variable(variable), True, "as trainable variable 0"),
    ],
    ids=["registered", "unregistered and wrapped"],
)
def test_a_model_that_was_frozen_before_it_was_saved_loads(
    predicate, is_wrapped, message, tmp_path
):
    optimizer = case(predicate)
    model = trained(keras.optimizers.LossScaleOptimizer(optimizer) if is_wrapped else optimizer)
    freeze(model, ["first", "last"])
    model.save(tmp_path / "model.keras")
    assert_loads_and_refuses_to_train(tmp_path / "model.keras", model, message)


def test_what_is_not_frozen_trains_on_where_the_predicates_still_claim_something(tmp_path):
    model = trained(case())
    freeze(model, ["first"])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x, _ = data()
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    fit(loaded)
    backends.assert_identical(
        backends.snapshot(loaded.get_layer("first").weights),
        backends.snapshot(model.get_layer("first").weights),
    )
    assert loaded.optimizer.pred_opt_pairs[0][1].num_weights == 16 * 3


def test_kernels_of_the_same_name_are_not_confused_where_some_are_frozen(tmp_path):
    """The second kernel stands where the first one stood."""
    hidden = [QuantDense(6, **binary_kernel(), name=name) for name in ("first", "second")]
    last = [keras.layers.Dense(3, use_bias=False, name="last"), keras.layers.Softmax()]
    model = trained(case(lambda variable: "last" not in variable.path), [*hidden, *last])
    freeze(model, ["first"])
    model.save(tmp_path / "model.keras")
    assert_loads_and_refuses_to_train(
        tmp_path / "model.keras", model, r"trained kernel \(6, 6\) as trainable variable 1"
    )


def test_layers_that_were_added_after_the_optimizer_was_built_train_on(tmp_path):
    optimizer = case(lambda variable: Bop.is_binary_variable(variable))
    model = trained(optimizer)
    longer = keras.Sequential([model, keras.layers.Dense(3, activation="softmax", name="added")])
    longer.build((None, 6))
    longer.compile(optimizer, "sparse_categorical_crossentropy")
    longer.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x, _ = data()
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), longer.predict(x, verbose=0))
    fit(loaded)
    assert loaded.optimizer.pred_opt_pairs[0][1].num_weights == 6 * 16 + 16 * 3
