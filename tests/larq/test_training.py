"""Whole trainings of Larq models: compiled, scaled, on two devices, and beside Larq's own."""

import json

import larq as lq
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from larq_bop.larq import Bop, Bop2ndOrder, CaseOptimizer
from tests import backends
from tests.larq import networks, real_images


def train(optimizer=None, **compilation):
    model = networks.network()
    optimizer = optimizer or networks.bop_and_adam()
    model.compile(optimizer, "sparse_categorical_crossentropy", **compilation)
    optimizer.build(model.trainable_variables)  # An eager step would come too late.
    return networks.fit(model), model


@pytest.fixture(scope="module")
def traced():
    """The losses and the model of a training whose steps are traced, as by default."""
    return train()


def test_a_larq_model_learns_and_its_weights_stay_signs(traced):
    losses, model = traced
    assert losses[-1] < losses[0]
    for kernel in networks.binary_weights(model):
        np.testing.assert_array_equal(np.abs(kernel), 1.0)
    assert model.optimizer.pred_opt_pairs[0][1].flips(8).min() > 0


def test_the_second_order_optimizer_learns():
    optimizer = CaseOptimizer(
        (Bop.is_binary_variable, Bop2ndOrder(threshold=0.5, gamma=0.1)),
        default_optimizer=tf_keras.optimizers.Adam(0.01),
    )
    losses, _ = train(optimizer)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("how", [{"jit_compile": True}, {"run_eagerly": True}])
def test_compiled_and_eager_steps_equal_traced_ones(traced, how):
    _, model = traced
    _, other = train(**how)
    backends.assert_identical(networks.binary_weights(other), networks.binary_weights(model))


def test_a_scaled_loss_gives_the_same_flips(traced):
    _, model = traced
    _, scaled = train(tf_keras.mixed_precision.LossScaleOptimizer(networks.bop_and_adam()))
    backends.assert_identical(networks.binary_weights(scaled), networks.binary_weights(model))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    tf_keras.mixed_precision.set_global_policy(policy)
    losses, model = train()
    assert losses[-1] < losses[0]
    for kernel in networks.binary_weights(model):
        np.testing.assert_array_equal(np.abs(kernel), 1.0)
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    momentum = optimizer.pred_opt_pairs[0][1]._moments[0][0]
    assert momentum.dtype == tf.float32


@pytest.fixture(scope="module")
def replicas():
    printed = backends.run_python("-m", "tests.larq.replicas")
    return json.loads(printed.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["plain", "scaled"])
def test_two_devices_equal_one(replicas, scenario):
    result = replicas[scenario]
    assert result["binary_weights_that_differ"] == 0
    assert result["flips_on_two"] == result["flips"]
    assert min(result["flips"][:3]) > 0
    assert set(result["copies"]) == {2}
    assert result["largest_difference"] < 1e-5


def binarynet(filters, dense_units):
    """The paper's CIFAR-10 network, of Larq's layers."""
    tf_keras.utils.set_random_seed(0)
    model = tf_keras.Sequential([tf_keras.Input((32, 32, 3))])
    for i, multiple in enumerate((1, 1, 2, 2, 4, 4)):
        quantizer = "ste_sign" if i else None
        model.add(
            lq.layers.QuantConv2D(
                multiple * filters,
                3,
                padding="same",
                input_quantizer=quantizer,
                **networks.binary_kernel(),
            )
        )
        if i % 2:
            model.add(tf_keras.layers.MaxPooling2D(2))
        model.add(tf_keras.layers.BatchNormalization(momentum=0.9, scale=False))
    model.add(tf_keras.layers.Flatten())
    for units in (dense_units, dense_units, 10):
        model.add(
            lq.layers.QuantDense(units, input_quantizer="ste_sign", **networks.binary_kernel())
        )
        model.add(tf_keras.layers.BatchNormalization(momentum=0.9, scale=False))
    model.add(tf_keras.layers.Activation("softmax"))
    networks.make_binary(model)
    return model


@pytest.fixture(scope="module")
def cifar10(tfds_dir):
    return real_images.cifar10(tfds_dir, "train", 2500)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filters", "dense_units", "batch", "steps"), [(16, 64, 50, 50), (128, 1024, 10, 20)]
)
def test_steps_of_the_papers_network_beside_larqs_own(cifar10, filters, dense_units, batch, steps):
    """The same loss at every step, on the same data and from the same weights.

    Larq computes m + gamma (g - m), we (1 - gamma) m + gamma g. Where one rounds to just below the
    threshold and the other does not, the weight is told, and set to Larq's.
    """
    images, labels = cifar10
    theirs, ours = binarynet(filters, dense_units), binarynet(filters, dense_units)
    legacy = lq.optimizers.CaseOptimizer(
        (lq.optimizers.Bop.is_binary_variable, lq.optimizers.Bop(threshold=1e-8, gamma=1e-4)),
        default_optimizer=tf_keras.optimizers.legacy.SGD(0.01),
    )
    case = CaseOptimizer(
        (Bop.is_binary_variable, Bop(threshold=1e-8, gamma=1e-4)),
        default_optimizer=tf_keras.optimizers.SGD(0.01),
    )
    theirs.compile(legacy, "sparse_categorical_crossentropy")
    ours.compile(case, "sparse_categorical_crossentropy")
    bop = case.pred_opt_pairs[0][1]
    trained = [v for v in ours.trainable_variables if Bop.is_binary_variable(v)]
    differing = 0
    kernels = networks.binary_weights(ours)
    for start in range(0, steps * batch, batch):
        step = images[start : start + batch], labels[start : start + batch]
        before = kernels
        assert ours.train_on_batch(*step) == theirs.train_on_batch(*step)
        larqs, kernels = networks.binary_weights(theirs), networks.binary_weights(ours)
        for i, kernel in enumerate(kernels):
            if not np.array_equal(kernel, larqs[i]):
                differs = kernel != larqs[i]
                signal = (before[i] * bop._moments[i][0].numpy())[differs] / np.float32(1e-8)
                np.testing.assert_allclose(signal, 1.0, rtol=1e-6)
                differing += differs.sum()
                trained[i].assign(larqs[i])
        kernels = larqs
    assert bop.flips(steps).sum() > 100 * differing
