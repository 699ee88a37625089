"""CaseOptimizer in files, configs and checkpoints."""

import copy
import json
import zipfile

import keras
import numpy as np
import pytest

from larq_bop import Bop, CaseOptimizer
from larq_bop.layers import QuantDense
from larq_bop.optimizers.predicates import ClaimedVariables
from tests import backends
from tests.optimizers.cases import (
    GAMMAS,
    SGD,
    assert_same_training,
    binary_kernel,
    bop,
    case,
    data,
    fit,
    layers,
    network,
    number,
    tagged_and_plain,
    trained,
)


@keras.saving.register_keras_serializable(package="tests")
def is_in_first_layer(variable):
    return variable.path == "first/kernel"


@keras.saving.register_keras_serializable(package="tests")
class IsInLayer:
    """A registered predicate with an argument."""

    def __init__(self, layer):
        self.layer = layer

    def __call__(self, variable):
        return variable.path == f"{self.layer}/kernel"

    def get_config(self):
        return {"layer": self.layer}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


PREDICATES = {
    "registered by larq_bop": Bop.is_binary_variable,
    "lambda": lambda variable: Bop.is_binary_variable(variable),
    "registered function": is_in_first_layer,
    "registered class": IsInLayer("last"),
}


@pytest.mark.parametrize("name", PREDICATES)
def test_training_continues_from_a_keras_file_to_the_same_bits(name, tmp_path):
    predicate = PREDICATES[name]
    model = network()
    fit(model, case(predicate), epochs=2)
    model.save(tmp_path / "half.keras")
    loaded = keras.models.load_model(tmp_path / "half.keras")
    assert_same_training(loaded, model)

    ((loaded_predicate, loaded_bop),) = loaded.optimizer.pred_opt_pairs
    if name == "lambda":
        assert isinstance(loaded_predicate, ClaimedVariables)
        assert list(loaded_predicate.paths.values()) == ["first/kernel", "last/kernel"]
    elif name == "registered class":
        assert isinstance(loaded_predicate, IsInLayer)
        assert loaded_predicate.layer == "last"
    else:
        assert loaded_predicate is predicate
    assert loaded_bop.num_weights == model.optimizer.pred_opt_pairs[0][1].num_weights
    assert type(loaded.optimizer.default) is type(model.optimizer.default)

    fit(model, epochs=2)
    fit(loaded, epochs=2)
    assert_same_training(loaded, model)
    assert loaded_bop.flips(20).sum() > 0


@pytest.mark.parametrize("kind", ["sequential", "nested"])
def test_claims_are_found_again_where_keras_changes_the_paths(kind, tmp_path):
    """Keras names variables `sequential/first/kernel`, and after loading `first/kernel`."""
    model = keras.Sequential([keras.Input((6,)), *layers()], name="inner")
    if kind == "nested":
        x = keras.Input((6,))
        # Two variables are called `first/kernel` after loading.
        y = QuantDense(6, **binary_kernel(), name="first")(x)
        model = keras.Model(x, model(y))
    fit(model, case(lambda variable: Bop.is_binary_variable(variable)), epochs=2)
    model.save(tmp_path / "half.keras")
    loaded = keras.models.load_model(tmp_path / "half.keras")
    assert_same_training(loaded, model)
    binary = [Bop.is_binary_variable(v) for v in model.trainable_variables]
    predicate = loaded.optimizer.pred_opt_pairs[0][0]
    assert [predicate(v) for v in loaded.trainable_variables] == binary
    if kind == "nested" and backends.BACKEND == "torch":
        return  # Keras' own Adam does not continue this model to the same bits there, either.
    fit(model, epochs=2)
    fit(loaded, epochs=2)
    assert_same_training(loaded, model)


def test_schedules_and_accumulation_continue_from_a_keras_file(tmp_path):
    decay = keras.optimizers.schedules.ExponentialDecay
    optimizer = case(
        binary=bop(
            threshold=decay(1e-3, 4, 0.9), gamma=decay(0.2, 4, 0.9), gradient_accumulation_steps=3
        ),
        default=keras.optimizers.Adam(decay(0.01, 4, 0.9), gradient_accumulation_steps=3),
    )
    model = network()
    fit(model, optimizer, epochs=2)
    model.save(tmp_path / "half.keras")
    loaded = keras.models.load_model(tmp_path / "half.keras")
    fit(model, epochs=2)
    fit(loaded, epochs=2)
    assert_same_training(loaded, model)
    assert model.optimizer.pred_opt_pairs[0][1].flips(6).sum() > 0


def test_loss_scale_optimizer_around_it_continues_from_a_keras_file(tmp_path):
    model = network()
    fit(model, keras.optimizers.LossScaleOptimizer(case(), dynamic_growth_steps=3), epochs=2)
    model.save(tmp_path / "half.keras")
    loaded = keras.models.load_model(tmp_path / "half.keras")
    fit(model, epochs=2)
    fit(loaded, epochs=2)
    assert_same_training(loaded, model)
    # 20 steps, doubled in each third.
    assert number(loaded.optimizer.dynamic_scale) == 2.0**15 * 2**6


def test_a_file_holds_the_state_once(tmp_path):
    model = network(units=700, inputs=600)
    rng = np.random.default_rng(0)
    model.compile(case(), "sparse_categorical_crossentropy")
    model.fit(rng.standard_normal((8, 600)), rng.integers(0, 3, 8), verbose=0)
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        size = file.getinfo("model.weights.h5").file_size
    variables = [*model.variables, *model.optimizer.variables]
    expected = sum(v.numpy().nbytes if hasattr(v, "numpy") else 0 for v in variables)
    # Twice 600 * 700 float32 is the kernel and its momentum; the rest is small.
    assert expected > 2 * 600 * 700 * 4
    assert expected <= size < expected + 200_000


def test_a_loaded_model_can_be_saved_again(tmp_path):
    model = network()
    fit(model, case(lambda variable: Bop.is_binary_variable(variable)))
    model.save(tmp_path / "first.keras")
    keras.models.load_model(tmp_path / "first.keras").save(tmp_path / "second.keras")
    loaded = keras.models.load_model(tmp_path / "second.keras")
    assert_same_training(loaded, model)


def test_config_goes_through_json_and_back():
    optimizer = CaseOptimizer(
        (is_in_first_layer, bop(clipnorm=1.0, name="a")),
        (IsInLayer("last"), bop(gamma=GAMMAS["schedule"][0], name="b")),
        default_optimizer=keras.optimizers.Adam(0.25),
        name="mine",
    )
    config = json.loads(json.dumps(optimizer.get_config()))
    copy = CaseOptimizer.from_config(config)
    assert copy.get_config() == optimizer.get_config()
    assert copy.name == "mine"
    (first, a), (last, b) = copy.pred_opt_pairs
    assert first is is_in_first_layer
    assert isinstance(last, IsInLayer)
    assert (type(a), a.name, a.clipnorm) == (Bop, "a", 1.0)
    assert (type(b), b.name) == (Bop, "b")
    assert number(copy.learning_rate) == 0.25

    without_default = CaseOptimizer((is_in_first_layer, bop()))
    config = json.loads(json.dumps(without_default.get_config()))
    assert CaseOptimizer.from_config(config).default is None


@pytest.mark.parametrize("registered", [True, False])
def test_one_optimizer_in_two_pairs_is_still_one_after_saving(registered, tmp_path):
    shared = bop()
    predicates = [IsInLayer("first"), IsInLayer("last")]
    if not registered:
        predicates = [lambda v, p=predicate: p(v) for predicate in predicates]
    optimizer = CaseOptimizer(
        *((predicate, shared) for predicate in predicates),
        default_optimizer=keras.optimizers.Adam(0.01),
    )
    model = network()
    fit(model, optimizer)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_same_training(loaded, model)
    fit(model)
    fit(loaded)
    backends.assert_identical(
        backends.snapshot(loaded.variables), backends.snapshot(model.variables)
    )


class Among:
    """An unregistered predicate that holds variables, which cannot be copied."""

    def __init__(self, variables):
        self.variables = variables

    def __call__(self, variable):
        return any(variable is each for each in self.variables)


def test_an_unbuilt_optimizer_with_an_unregistered_predicate_is_copied_and_not_saved():
    variables = tagged_and_plain()
    predicate = Among(variables[:1])
    optimizer = case(predicate)
    copied = CaseOptimizer.from_config(copy.deepcopy(optimizer.get_config()))
    ((copied_predicate, _),) = copied.pred_opt_pairs
    assert copied_predicate is predicate
    copied.build(variables)
    assert copied.pred_opt_pairs[0][1].num_weights == 12
    # In one process only: a file cannot hold it.
    with pytest.raises(ValueError, match=r"not registered.*not built"):
        keras.optimizers.serialize(optimizer)


def test_a_copy_leaves_the_config_as_it_was():
    optimizer = case(
        binary=bop(gamma=GAMMAS["schedule"][0]),
        default=keras.optimizers.Adam(GAMMAS["schedule"][0]),
    )
    config = optimizer.get_config()
    before = copy.deepcopy(config)
    CaseOptimizer.from_config(config)
    assert config == before


def test_two_variables_with_one_path():
    binary, other = backends.binary_variable([1.0], name="w"), keras.Variable([1.0], name="w")
    third = keras.Variable([1.0], name="v")
    assert binary.path == other.path
    registered = case(binary=Bop(threshold=0.0, gamma=1.0), default=SGD(0.5))
    backends.stepper(registered, [binary, other, third])([np.float32([1.0])] * 3)
    assert [number(v[0]) for v in (binary, other, third)] == [-1.0, 0.5, 0.5]
    assert registered.get_config()["predicates"]

    # Their positions tell them apart.
    by_position = case(lambda variable: variable is binary)
    by_position.build([binary, other, third])
    config = by_position.get_config()
    assert config["predicates"][0]["config"] == {
        "paths": {"0": "w"},
        "variables": ["w (1,)", "w (1,)", "v (1,)"],
    }
    loaded = CaseOptimizer.from_config(config)
    loaded.build([binary, other, third])
    assert loaded.pred_opt_pairs[0][1].num_weights == 1
    with pytest.warns(UserWarning, match=r"trained w \(1,\) as trainable variable 0.*has v \(1,\)"):
        CaseOptimizer.from_config(config).build([third, other])


@pytest.mark.parametrize("name", ["registered by larq_bop", "lambda"])
def test_an_hdf5_file_loads_and_its_optimizer_begins_anew(name, tmp_path):
    """The file has no state of optimizers that Keras could give back."""
    model = trained(case(PREDICATES[name]))
    model.save(tmp_path / "model.h5")
    with pytest.warns(UserWarning, match="'optimizer_case' is loaded without its state"):
        loaded = keras.models.load_model(tmp_path / "model.h5")
    x, _ = data()
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    fit(loaded)
    ((_, loaded_bop),) = loaded.optimizer.pred_opt_pairs
    assert int(number(loaded_bop.iterations)) == 5
    assert loaded_bop.num_weights == 6 * 16 + 16 * 3


def test_without_a_default_a_model_trains_and_its_file_loads(tmp_path):
    model = network()
    optimizer = CaseOptimizer((Bop.is_binary_variable, bop()))
    with pytest.warns(UserWarning, match="first_norm/beta, .*last_norm/beta"):
        fit(model, optimizer, epochs=2)
    for name in ("first_norm", "last_norm"):
        assert not backends.to_numpy(model.get_layer(name).beta).any()
    model.save(tmp_path / "model.keras")
    with pytest.warns(UserWarning, match="first_norm/beta"):
        loaded = keras.models.load_model(tmp_path / "model.keras")
    fit(model, epochs=2)
    fit(loaded, epochs=2)
    assert_same_training(loaded, model)


@pytest.mark.skipif(backends.BACKEND != "tensorflow", reason="the format is TensorFlow's")
def test_a_tensorflow_checkpoint_restores_all_state(tmp_path):
    import tensorflow as tf

    model = network()
    fit(model, case(), epochs=1)
    checkpoint = tf.train.Checkpoint(model=model)
    saved = checkpoint.save(str(tmp_path / "checkpoint"))
    expected = backends.snapshot([*model.variables, *model.optimizer.variables])
    fit(model, epochs=1)
    checkpoint.restore(saved)
    backends.assert_identical(
        backends.snapshot([*model.variables, *model.optimizer.variables]), expected
    )
