"""Bop on Keras 2 follows Eq. 3 and 4, and Larq's own wherever that does."""

import larq as lq
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from larq_bop.larq import Bop, Bop2ndOrder
from tests import backends, oracle
from tests.larq import networks

SHAPES = [(7,), (4, 5), (3, 3, 2, 4), (40, 30)]


def variable(values):
    latent = tf.Variable(np.asarray(values, dtype="float32"))
    return lq.quantized_variable.QuantizedVariable.from_variable(latent, precision=1)


def stepper(optimizer, variables):
    optimizer.build(variables)
    apply = tf.function(lambda g: optimizer.apply_gradients(zip(g, variables, strict=True)))
    return lambda gradients: apply([tf.constant(g) for g in gradients])


def larqs_own(weights, momentum, threshold):
    """Eq. 4, but +1 where w*m equals the threshold exactly: the one difference of Larq's Bop."""
    signal = weights * momentum
    flipped = np.where((signal > threshold), -weights, weights)
    return np.where(signal == threshold, 1.0, flipped)


def normal(rng, shape):
    return rng.standard_normal(shape).astype("float32")


def sometimes_never(rng, shape):
    """Every other weight has a gradient of 0 at all times."""
    return normal(rng, shape) * (np.arange(np.prod(shape)).reshape(shape) % 2).astype("float32")


def halves(rng, shape):
    return rng.choice([-0.5, 0.0, 0.5], shape).astype("float32")


@pytest.mark.parametrize(
    ("gradients", "threshold", "gamma", "ties"),
    [(normal, 1e-3, 0.01, 0), (sometimes_never, 0.0, 0.1, 1), (halves, 0.25, 0.5, 1)],
)
def test_a_thousand_steps_beside_larqs_own(gradients, threshold, gamma, ties):
    """Each weight is Larq's, but where w*m equalled the threshold: there Eq. 4 explains it."""
    rng = np.random.default_rng(0)
    start = [oracle.sign(normal(rng, shape)) for shape in SHAPES]
    ours, theirs = [variable(w) for w in start], [variable(w) for w in start]
    bop, larqs = Bop(threshold, gamma), lq.optimizers.Bop(threshold, gamma)
    step = stepper(bop, ours)

    @tf.function
    def larqs_step(g):
        larqs.apply_gradients(zip(g, theirs, strict=True))

    larqs._create_slots(theirs)
    larqs_moments = [larqs.get_slot(v, "m") for v in theirs]
    tied = [np.zeros(shape, dtype=bool) for shape in SHAPES]
    before = [(w, w) for w in start]
    for _ in range(1000):
        g = [gradients(rng, shape) for shape in SHAPES]
        step(g)
        larqs_step([tf.constant(each) for each in g])
        for i in range(len(SHAPES)):
            w, larqs_w = ours[i].numpy(), theirs[i].numpy()
            m, larqs_m = bop._moments[i][0].numpy(), larqs_moments[i].numpy()
            w_before, larqs_before = before[i]
            eq_4 = np.where(oracle._flip(w_before, m, threshold), -w_before, w_before)
            # Not NumPy's own assertions, which take longer than the two steps.
            assert np.array_equal(w, eq_4)
            assert np.array_equal(larqs_w, larqs_own(larqs_before, larqs_m, np.float32(threshold)))
            tied[i] |= larqs_before * larqs_m == np.float32(threshold)
            assert np.array_equal(w[~tied[i]], larqs_w[~tied[i]])
            before[i] = (w, larqs_w)
    assert any(t.any() for t in tied) == bool(ties)
    assert bop.flips(1000).sum() > 0


def test_second_order_equals_numpy():
    rng = np.random.default_rng(0)
    arguments = {"threshold": 0.5, "gamma": 0.1, "sigma": 0.01, "bias_correction": True}
    weights = [variable(normal(rng, shape)) for shape in SHAPES]
    expected = [oracle.Bop2ndOrder(v.numpy()) for v in weights]
    step = stepper(Bop2ndOrder(**arguments), weights)
    for _ in range(20):
        gradients = [normal(rng, shape) for shape in SHAPES]
        step(gradients)
        for each, gradient in zip(expected, gradients, strict=True):
            each.step(gradient, **arguments)
    backends.assert_identical([v.numpy() for v in weights], [e.weights for e in expected])


@pytest.mark.parametrize("clip", [{}, {"clipnorm": 1.0}, {"global_clipnorm": 1.0}])
def test_non_finite_gradients_change_nothing_and_are_counted(clip):
    weights = variable([1.0, 1.0, -1.0])
    bop = Bop(threshold=1e-3, gamma=0.5, **clip)
    stepper(bop, [weights])([np.asarray([np.nan, 0.5, np.inf], dtype="float32")])
    np.testing.assert_array_equal(weights.numpy(), [1.0, -1.0, -1.0])
    np.testing.assert_allclose(bop._moments[0][0].numpy(), [0.0, 0.25, 0.0])
    assert bop.non_finite_gradients == 2
    np.testing.assert_array_equal(bop.flips(), [1])
    assert bop.num_weights == 3


def test_building_makes_signs():
    weights = variable([-0.3, 0.0, 2.0])
    Bop().build([weights])
    np.testing.assert_array_equal(weights.numpy(), [-1.0, 1.0, 1.0])


def test_variables_that_are_not_marked_are_named():
    with pytest.warns(UserWarning, match="not marked as binary: latent:0"):
        Bop().build([tf.Variable([1.0], name="latent")])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gamma": 1.5}, r"`gamma` must be in \[0, 1\]. Received: gamma=1.5"),
        ({"gamma": float("nan")}, "gamma=nan"),
        ({"gamma": "fast"}, "must be a number or a schedule"),
        ({"gamma": lambda: 0.1}, "must be a number or a schedule of Keras 2"),
        ({"threshold": -1e-8}, "`threshold` must be at least 0 and finite"),
        ({"use_ema": True}, "`use_ema` has no meaning"),
        ({"weight_decay": 0.1}, "`weight_decay` has no meaning"),
        ({"learning_rate": 0.1}, "is called `gamma`"),
    ],
)
@pytest.mark.parametrize("kind", [Bop, Bop2ndOrder])
def test_bad_arguments_are_refused_as_on_keras_3(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(**arguments)


def test_gamma_and_threshold_can_be_set_and_are_checked():
    bop = Bop()
    bop.gamma, bop.threshold = 0.25, 0.5
    assert float(bop.learning_rate) == 0.25
    assert float(bop.threshold) == 0.5
    with pytest.raises(ValueError, match="gamma=2"):
        bop.gamma = 2
    with pytest.raises(ValueError, match="threshold=-1"):
        bop.threshold = -1


def test_schedules_follow_the_steps():
    rates = tf_keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.5, 0.0])
    weights = variable([1.0])
    bop = Bop(threshold=rates, gamma=rates)
    with pytest.raises(TypeError, match="created with a schedule"):
        bop.threshold = 0.1
    step = stepper(bop, [weights])
    step([np.asarray([0.5], dtype="float32")])  # m = 0.25 is less than 0.5.
    np.testing.assert_array_equal(weights.numpy(), [1.0])
    step([np.asarray([-9.0], dtype="float32")])  # m stays 0.25, at a threshold of 0.
    np.testing.assert_array_equal(weights.numpy(), [-1.0])
    again = Bop.from_config(bop.get_config())
    assert again.get_config() == bop.get_config()


@pytest.mark.parametrize("kind", [Bop, Bop2ndOrder])
def test_the_config_makes_the_same_optimizer(kind):
    bop = kind(threshold=0.5, gamma=0.25, clipnorm=2.0, name="flipper")
    config = tf_keras.optimizers.serialize(bop)
    again = tf_keras.optimizers.deserialize(config)
    assert type(again) is kind
    assert again.get_config() == bop.get_config()
    assert again.get_config()["gamma"] == 0.25


def of_binary_layers(kind):
    """A network that an optimizer of binary weights trains alone."""
    model = networks.network()
    for layer in model.layers:
        layer.trainable = hasattr(layer, "kernel_quantizer")
    model.compile(kind(gamma=0.1), "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize("kind", [Bop, Bop2ndOrder])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_alone_it_goes_on_where_it_was_saved(tmp_path, kind, name):
    model = of_binary_layers(kind)
    networks.fit(model, epochs=1)
    model.save(tmp_path / name)
    loaded = tf_keras.models.load_model(tmp_path / name)
    assert type(loaded.optimizer) is kind
    assert networks.fit(loaded) == networks.fit(model)
    backends.assert_identical(networks.binary_weights(loaded), networks.binary_weights(model))
    assert model.optimizer.flips().sum() > 0


@pytest.mark.parametrize("kind", [Bop, Bop2ndOrder])
def test_a_step_that_the_optimizer_compiles_itself_is_the_same(kind):
    start, gradient = normal(np.random.default_rng(0), (2, 40, 30))
    ours, compiled = variable(start), variable(start)
    arguments = {"threshold": 1e-3, "gamma": 0.1}
    stepper(kind(**arguments), [ours])([gradient])
    optimizer = kind(**arguments, jit_compile=True)
    optimizer.build([compiled])
    optimizer.apply_gradients([(tf.constant(gradient), compiled)])
    np.testing.assert_array_equal(compiled.numpy(), ours.numpy())
    assert optimizer.flips().sum() > 100


def test_only_larqs_binary_kernels_are_binary():
    model = networks.network()
    binary = [v.name for v in model.trainable_variables if Bop.is_binary_variable(v)]
    assert binary == ["quant_conv2d/kernel:0", "quant_dense/kernel:0"]


def test_keras_3_is_refused_with_the_cure():
    code = """
try:
    from larq_bop.larq import Bop
except ImportError as error:
    print(error)
"""
    printed = backends.run_python("-c", code, TF_USE_LEGACY_KERAS="0")
    assert "set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported" in printed
