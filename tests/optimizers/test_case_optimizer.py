"""CaseOptimizer: who trains what, callbacks, files, loss scaling."""

import json
import math
import warnings
import zipfile

import keras
import numpy as np
import pytest
from keras import ops

from larq_bop import Bop, CaseOptimizer
from larq_bop.initializers import BinaryGlorotNormal
from larq_bop.layers import QuantDense
from larq_bop.optimizers.cases import ClaimedVariables
from larq_bop.quantizers import NoOp
from tests import backends, oracle


def binary_kernel():
    return {
        "kernel_quantizer": NoOp(precision=1),
        "kernel_initializer": BinaryGlorotNormal(),
        "use_bias": False,
    }


def network(units=16, inputs=6):
    """Two binary kernels for Bop, two biases and no scales for another optimizer."""
    return functional(layers(units), inputs)


def layers(units=16):
    return [
        QuantDense(units, **binary_kernel(), name="first"),
        keras.layers.BatchNormalization(scale=False, name="first_norm"),
        QuantDense(3, input_quantizer="ste_sign", **binary_kernel(), name="last"),
        keras.layers.BatchNormalization(scale=False, name="last_norm"),
        keras.layers.Softmax(),
    ]


def functional(layers, inputs=6):
    x = first = keras.Input((inputs,))
    for layer in layers:
        x = layer(x)
    return keras.Model(first, x)


def data(samples=40, inputs=6):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, inputs)).astype("float32")
    return x, rng.integers(0, 3, samples)


def bop(**arguments):
    return Bop(**{"threshold": 1e-3, "gamma": 0.1, **arguments})


def case(predicate=Bop.is_binary_variable, binary=None, default=None):
    return CaseOptimizer(
        (predicate, binary or bop()),
        default_optimizer=default or keras.optimizers.Adam(0.01),
    )


def fit(model, optimizer=None, epochs=1, **arguments):
    """Trains in batches of 8 in a fixed order: 5 steps an epoch."""
    if optimizer is not None:
        model.compile(optimizer, "sparse_categorical_crossentropy")
    x, y = data()
    return model.fit(
        x, y, epochs=epochs, **{"batch_size": 8, "shuffle": False, "verbose": 0, **arguments}
    )


def tagged_and_plain(dtype="float32"):
    """One binary and one other variable."""
    rng = np.random.default_rng(1)
    plain = keras.Variable(rng.standard_normal(5).astype("float32"), dtype=dtype, name="plain")
    return [backends.binary_variable(rng.standard_normal((4, 3)), dtype=dtype), plain]


def number(x):
    return float(backends.to_numpy(x))


SGD = keras.optimizers.SGD


# Who trains what.


@pytest.mark.parametrize("mode", backends.MODES)
def test_each_variable_gets_the_steps_of_its_own_optimizer(mode):
    binary, plain = tagged_and_plain()
    alone = keras.Variable(backends.to_numpy(plain))
    reference = oracle.Bop(backends.to_numpy(binary))
    optimizer = CaseOptimizer(
        (Bop.is_binary_variable, Bop(threshold=0.05, gamma=0.25)),
        default_optimizer=keras.optimizers.Adam(0.01),
    )
    # The order of the variables is not that of the optimizers.
    step = backends.stepper(optimizer, [plain, binary], mode)
    adam = backends.stepper(keras.optimizers.Adam(0.01), [alone], mode)
    rng = np.random.default_rng(2)
    for t in range(4):
        g_plain = rng.standard_normal(5).astype("float32")
        g_binary = rng.standard_normal((4, 3)).astype("float32")
        step([g_plain, g_binary])
        adam([g_plain])
        reference.step(g_binary, threshold=0.05, gamma=0.25)
        np.testing.assert_array_equal(backends.to_numpy(binary), reference.weights)
        np.testing.assert_allclose(
            backends.to_numpy(plain), backends.to_numpy(alone), rtol=1e-6, atol=1e-7
        )
        for each in (optimizer, *(o for _, o in optimizer.pred_opt_pairs), optimizer.default):
            assert int(number(each.iterations)) == t + 1
    assert sum(reference.flips) > 0


def test_three_optimizers():
    variables = [keras.Variable(np.float32([1.0]), name=name) for name in "abc"]
    optimizer = CaseOptimizer(
        (lambda v: v.name == "a", keras.optimizers.SGD(0.5)),
        (lambda v: v.name == "b", keras.optimizers.SGD(0.25)),
        default_optimizer=keras.optimizers.SGD(0.125),
    )
    backends.stepper(optimizer, variables)([np.float32([1.0])] * 3)
    assert [number(v[0]) for v in variables] == [0.5, 0.75, 0.875]


def test_a_variable_without_a_gradient_stays():
    """As with any Keras optimizer, also where it is the only one of its inner optimizer."""
    binary, plain = tagged_and_plain()
    other = keras.Variable(np.float32([1.0]), name="other")
    variables = [binary, plain, other]
    optimizer = case(binary=Bop(threshold=0.0, gamma=1.0), default=SGD(0.5))
    optimizer.build(variables)
    before = backends.snapshot(variables)
    optimizer.apply([ops.ones((4, 3)), None, ops.ones((1,))], variables)
    optimizer.apply([ops.zeros((4, 3)), None, None], variables)
    optimizer.apply([None, None, ops.ones((1,))], variables)
    np.testing.assert_array_equal(backends.to_numpy(plain), before[1])
    np.testing.assert_array_equal(backends.to_numpy(binary), -np.ones((4, 3)))
    assert number(other[0]) == 0.0


@pytest.mark.parametrize("mode", backends.MODES)
def test_without_a_default_unclaimed_variables_stay_and_are_warned_of_once(mode):
    binary, plain = tagged_and_plain()
    before = backends.to_numpy(plain)
    optimizer = CaseOptimizer((Bop.is_binary_variable, Bop(threshold=0.0, gamma=1.0)))
    with pytest.warns(UserWarning, match="no `default_optimizer`.*: plain") as caught:
        step = backends.stepper(optimizer, [binary, plain], mode)
    assert len([w for w in caught if "default_optimizer" in str(w.message)]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for _ in range(3):
            step([np.ones((4, 3), "float32"), np.ones(5, "float32")])
    np.testing.assert_array_equal(backends.to_numpy(plain), before)
    np.testing.assert_array_equal(backends.to_numpy(binary), -np.ones((4, 3)))


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


# What it refuses.


@pytest.mark.parametrize(
    ("pairs", "default", "argument"),
    [
        ([("not callable", SGD)], None, "predicate_optimizer_pairs[0][0]"),
        ([(lambda v: True, "sgd")], None, "predicate_optimizer_pairs[0][1]"),
        ([(lambda v: False, SGD), (lambda v: True, SGD)], "adam", "default_optimizer"),
        ([(lambda v: False, SGD), (lambda v: True, 3)], None, "predicate_optimizer_pairs[1][1]"),
        (
            [(lambda v: True, lambda: keras.optimizers.LossScaleOptimizer(SGD()))],
            None,
            "predicate_optimizer_pairs[0][1]",
        ),
        (
            [(lambda v: True, lambda: keras.optimizers.MultiOptimizer(lambda v: SGD()))],
            None,
            "predicate_optimizer_pairs[0][1]",
        ),
        (
            [(lambda v: True, lambda: CaseOptimizer(default_optimizer=SGD()))],
            None,
            "predicate_optimizer_pairs[0][1]",
        ),
        ([], lambda: keras.optimizers.LossScaleOptimizer(SGD()), "default_optimizer"),
    ],
)
def test_wrong_types_are_type_errors_that_name_the_argument(pairs, default, argument):
    def made(optimizer):
        return optimizer() if callable(optimizer) else optimizer

    pairs = [(predicate, made(optimizer)) for predicate, optimizer in pairs]
    with pytest.raises(TypeError) as error:
        CaseOptimizer(*pairs, default_optimizer=made(default))
    assert f"`{argument}`" in str(error.value)


def test_a_variable_claimed_twice_is_an_error():
    optimizer = CaseOptimizer((lambda v: True, Bop(name="mine")), (lambda v: True, SGD(name="his")))
    with pytest.raises(ValueError, match=r"'kernel' is claimed by more than one.*mine, his"):
        optimizer.build([backends.binary_variable([1.0])])


def test_an_optimizer_that_claims_nothing_is_an_error():
    optimizer = CaseOptimizer(
        (Bop.is_binary_variable, Bop()),
        (lambda v: False, SGD(name="idle")),
        default_optimizer=SGD(),
    )
    with pytest.raises(ValueError, match="'idle' did not claim any variables"):
        optimizer.build(tagged_and_plain())


def test_optimizers_that_disagree_about_the_loss_scale_are_refused():
    with pytest.raises(ValueError, match=r"loss_scale_factor.*8.0"):
        CaseOptimizer((Bop.is_binary_variable, Bop(loss_scale_factor=8.0)), default_optimizer=SGD())


# What callbacks see.


def test_the_learning_rate_is_the_defaults():
    optimizer = case()
    assert number(optimizer.learning_rate) == np.float32(0.01)
    optimizer.learning_rate = 0.5
    assert number(optimizer.default.learning_rate) == 0.5
    ((_, binary),) = optimizer.pred_opt_pairs
    assert number(binary.gamma) == np.float32(0.1)


def test_without_a_default_there_is_no_learning_rate():
    optimizer = CaseOptimizer((Bop.is_binary_variable, bop()))
    assert not hasattr(optimizer, "learning_rate")
    with pytest.raises(AttributeError, match="default_optimizer"):
        optimizer.learning_rate = 0.5
    with pytest.raises(AttributeError, match="default_optimizer"):
        _ = optimizer.optimizers


def test_iterations_can_be_read_and_set():
    optimizer = case()
    optimizer.build(tagged_and_plain())
    assert int(number(optimizer.iterations)) == 0
    optimizer.iterations = 7
    ((_, binary),) = optimizer.pred_opt_pairs
    for each in (optimizer, binary, optimizer.default):
        assert int(number(each.iterations)) == 7


class Recorder(keras.callbacks.Callback):
    """Writes down both rates at the end of each epoch."""

    def __init__(self):
        super().__init__()
        self.rates, self.gammas = [], []

    def on_epoch_end(self, epoch, logs=None):
        optimizer = self.model.optimizer
        self.rates.append(number(optimizer.learning_rate))
        self.gammas.append(number(optimizer.pred_opt_pairs[0][1].gamma))


GAMMAS = {
    "constant": (0.125, [0.125] * 4),
    # 5 steps an epoch.
    "schedule": (
        keras.optimizers.schedules.ExponentialDecay(0.5, decay_steps=5, decay_rate=0.5),
        [0.25, 0.125, 0.0625, 0.03125],
    ),
}


@pytest.mark.parametrize("gamma", GAMMAS)
def test_learning_rate_scheduler_moves_the_default_and_not_gamma(gamma):
    gamma, gammas = GAMMAS[gamma]
    recorder = Recorder()
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.5**epoch)
    history = fit(
        network(), case(binary=bop(gamma=gamma)), epochs=4, callbacks=[scheduler, recorder]
    )
    assert recorder.rates == [1.0, 0.5, 0.25, 0.125]
    np.testing.assert_allclose(recorder.gammas, gammas, rtol=1e-6)
    assert history.history["learning_rate_adam"] == [1.0, 0.5, 0.25, 0.125]


@pytest.mark.parametrize("gamma", GAMMAS)
def test_reduce_lr_on_plateau_moves_the_default_and_not_gamma(gamma):
    gamma, gammas = GAMMAS[gamma]
    recorder = Recorder()
    # Nothing improves by 1e9: the rate halves after every epoch but the first.
    plateau = keras.callbacks.ReduceLROnPlateau(
        monitor="loss", factor=0.5, patience=1, min_delta=1e9
    )
    optimizer = case(binary=bop(gamma=gamma), default=keras.optimizers.Adam(0.5))
    fit(network(), optimizer, epochs=4, callbacks=[plateau, recorder])
    assert recorder.rates == [0.5, 0.25, 0.125, 0.0625]
    np.testing.assert_allclose(recorder.gammas, gammas, rtol=1e-6)


# Files.


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


def assert_same_training(model, other):
    """All weights and all state of the optimizers are the same bits."""
    for values in (lambda m: m.variables, lambda m: m.optimizer.variables):
        backends.assert_identical(
            backends.snapshot(values(model)), backends.snapshot(values(other))
        )


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


def test_an_unregistered_predicate_of_an_unbuilt_optimizer_cannot_be_saved():
    with pytest.raises(ValueError, match=r"not registered.*not built"):
        case(lambda variable: True).get_config()


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
    assert config["predicates"][0]["config"] == {"paths": {"0": "w"}}
    loaded = CaseOptimizer.from_config(config)
    loaded.build([binary, other, third])
    assert loaded.pred_opt_pairs[0][1].num_weights == 1
    with pytest.raises(ValueError, match=r"trained 'w' as trainable variable 0.*has 'v'"):
        CaseOptimizer.from_config(config).build([third, other])


# Loss scaling and gradient accumulation.

# Keras' LossScaleOptimizer leaks a tracer on JAX when it is not inside `stateless_apply`.
LOSS_SCALE_MODES = ["xla"] if backends.BACKEND == "jax" else backends.MODES


@pytest.mark.parametrize("mode", LOSS_SCALE_MODES)
@pytest.mark.parametrize("scaled", ["loss_scale_factor", "LossScaleOptimizer"])
def test_a_scaled_loss_gives_the_same_steps(scaled, mode):
    plain_variables, variables = tagged_and_plain(), tagged_and_plain()
    plain = case(binary=Bop(threshold=0.05, gamma=0.25), default=SGD(0.5))
    if scaled == "loss_scale_factor":
        scale = 1024.0
        optimizer = case(
            binary=Bop(threshold=0.05, gamma=0.25, loss_scale_factor=scale),
            default=SGD(0.5, loss_scale_factor=scale),
        )
        assert optimizer.loss_scale_factor == scale
        inner = optimizer
    else:
        scale = 2.0**15
        inner = case(binary=Bop(threshold=0.05, gamma=0.25), default=SGD(0.5))
        optimizer = keras.optimizers.LossScaleOptimizer(inner)
    assert number(optimizer.scale_loss(1.0)) == scale
    steps = [
        backends.stepper(plain, plain_variables),
        backends.stepper(optimizer, variables, mode),
    ]
    rng = np.random.default_rng(3)
    for _ in range(4):
        gradients = [rng.standard_normal(v.shape).astype("float32") for v in variables]
        steps[0](gradients)
        steps[1]([g * np.float32(scale) for g in gradients])
        backends.assert_identical(backends.snapshot(variables), backends.snapshot(plain_variables))
    flips = [o.pred_opt_pairs[0][1].flips(4) for o in (plain, inner)]
    np.testing.assert_array_equal(*flips)
    assert flips[0].sum() > 0


@pytest.mark.parametrize("mode", LOSS_SCALE_MODES)
def test_loss_scaling_skips_a_step_that_overflows(mode):
    variables = tagged_and_plain()
    inner = case(binary=Bop(threshold=0.0, gamma=0.5))
    optimizer = keras.optimizers.LossScaleOptimizer(inner)
    step = backends.stepper(optimizer, variables, mode)
    ones = [np.ones(v.shape, dtype="float32") for v in variables]
    step(ones)
    before = backends.snapshot([*variables, *inner.variables])
    assert number(optimizer.dynamic_scale) == 2.0**15
    for bad in (np.nan, np.inf):
        step([ones[0] * np.float32(bad), ones[1]])
        step([ones[0], ones[1] * np.float32(bad)])
    backends.assert_identical(backends.snapshot([*variables, *inner.variables]), before)
    assert number(optimizer.dynamic_scale) == 2.0**11
    assert inner.pred_opt_pairs[0][1].non_finite_gradients == 0
    step(ones)
    assert int(number(inner.iterations)) == 2


def test_a_float16_model_trains():
    """Keras puts its LossScaleOptimizer around the optimizer by itself."""
    keras.config.set_dtype_policy("mixed_float16")
    model = network()
    fit(model, case(), epochs=2)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    ((_, binary),) = model.optimizer.inner_optimizer.pred_opt_pairs
    steps = int(number(binary.iterations))
    assert 5 <= steps <= 10  # The first steps may overflow at a scale of 2^15.
    assert binary.flips(steps).sum() > 0
    assert binary.non_finite_gradients == 0
    for variable in model.trainable_variables:
        assert backends.dtype_of(variable) == "float32"
        if Bop.is_binary_variable(variable):
            np.testing.assert_array_equal(np.abs(backends.to_numpy(variable)), 1.0)


@pytest.mark.parametrize("mode", backends.MODES)
def test_gradient_accumulation_inside_takes_the_mean_gradient(mode):
    binary, plain = tagged_and_plain()
    start = backends.to_numpy(plain)
    reference = oracle.Bop(backends.to_numpy(binary))
    optimizer = case(
        binary=Bop(threshold=0.05, gamma=0.5, gradient_accumulation_steps=2),
        default=SGD(0.5, gradient_accumulation_steps=2),
    )
    step = backends.stepper(optimizer, [binary, plain], mode)
    rng = np.random.default_rng(4)
    for _ in range(3):
        gradients = [
            [rng.standard_normal(v.shape).astype("float32") for v in (binary, plain)]
            for _ in range(2)
        ]
        step(gradients[0])
        np.testing.assert_array_equal(backends.to_numpy(binary), reference.weights)
        np.testing.assert_allclose(backends.to_numpy(plain), start, rtol=1e-6)
        step(gradients[1])
        mean = [np.mean(pair, axis=0) for pair in zip(*gradients, strict=True)]
        reference.step(mean[0], threshold=0.05, gamma=0.5)
        start = start - 0.5 * mean[1]
        np.testing.assert_array_equal(backends.to_numpy(binary), reference.weights)
        np.testing.assert_allclose(backends.to_numpy(plain), start, rtol=1e-5, atol=1e-6)
    assert sum(reference.flips) > 0


def test_state_is_that_of_the_inner_optimizers():
    optimizer = case()
    variables = tagged_and_plain()
    optimizer.build(variables)
    sizes = sum(math.prod(v.shape) for v in optimizer.variables)
    inner = [optimizer.pred_opt_pairs[0][1], optimizer.default]
    assert sizes - sum(math.prod(v.shape) for o in inner for v in o.variables) == 2


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
