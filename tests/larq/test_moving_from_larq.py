"""What `docs/moving-from-larq.md` says of Larq and of larq_bop holds for both."""

import keras
import numpy as np
import pytest

import larq_bop
from tests import documents
from tests.larq import examples
from tests.larq.parity import larq, normal, tf

KERASES = [(larq_bop, keras), (larq, tf.keras)]
LARQS, AFTER, *_ = documents.code_blocks(documents.MOVING)


def test_the_changes_make_the_second_program_of_the_first():
    assert "import larq as lq" in LARQS
    assert examples.moved(LARQS) == AFTER


def test_both_programs_make_the_same_model():
    larqs, ours = (documents.run(block)["model"] for block in (LARQS, AFTER))
    ours.set_weights(larqs.get_weights())
    x = normal((2, 28, 28, 1))
    np.testing.assert_allclose(np.asarray(ours(x)), np.asarray(larqs(x)), rtol=1e-5, atol=1e-6)


# Bop.


def marked_layers(**arguments):
    """A built layer of each library, whose kernel is marked for Bop, and that library."""
    for library, _ in KERASES:
        layer = library.layers.QuantDense(
            2, kernel_quantizer=library.quantizers.NoOp(precision=1), use_bias=False, **arguments
        )
        layer.build((None, 3))
        yield library, layer


def after_steps(gradients, start, **bop):
    """Returns the kernel of each library, ours and then Larq's, after the same gradients."""
    kernels = []
    for library, layer in marked_layers():
        layer.set_weights([np.full((3, 2), start, "float32")])
        optimizer = library.optimizers.Bop(**bop)
        (variable,) = layer.trainable_variables
        for gradient in gradients:
            tensor = tf.fill((3, 2), np.float32(gradient))
            optimizer.apply_gradients([(tensor, getattr(variable, "latent_variable", variable))])
        kernels.append(layer.get_weights()[0])
    return kernels


def test_at_equality_larq_sets_a_weight_to_one():
    ours, larqs = after_steps([0.0], start=-1.0, threshold=0.0, gamma=0.5)
    assert (ours == -1).all()
    assert (larqs == 1).all()
    # Half of 0.5 is 0.25: here the signal points the weight's way, and both flip it.
    ours, larqs = after_steps([-0.5], start=-1.0, threshold=0.25, gamma=0.5)
    assert (ours == 1).all()
    assert (larqs == 1).all()
    ours, larqs = after_steps([0.5], start=1.0, threshold=0.25, gamma=0.5)
    assert (ours == -1).all()
    assert (larqs == 1).all()


def test_marked_kernels_begin_as_signs_or_become_them_in_the_first_step():
    for library, layer in marked_layers(kernel_initializer="glorot_normal"):
        assert (np.abs(layer.get_weights()[0]) == 1).all() == (library is larq_bop)


def test_weights_become_signs_when_the_optimizer_is_built_or_in_the_first_step():
    for library, layer in marked_layers():
        layer.set_weights([np.full((3, 2), -0.25, "float32")])
        optimizer = library.optimizers.Bop()
        variables = layer.trainable_variables
        if library is larq_bop:
            optimizer.build(variables)
        else:
            zeros = tf.zeros_like(variables[0].latent_variable)
            optimizer.apply_gradients([(zeros, variables[0].latent_variable)])
        np.testing.assert_array_equal(np.abs(layer.get_weights()[0]), 1.0)


@pytest.mark.parametrize(("quantizer", "is_binary"), [("ste_sign", True), ("ste_tern", False)])
def test_latent_kernels_count_as_binary(quantizer, is_binary):
    found = []
    for library, _ in KERASES:
        layer = library.layers.QuantDense(
            2, kernel_quantizer=quantizer, kernel_constraint="weight_clip", use_bias=False
        )
        layer.build((None, 3))
        found.append(library.optimizers.Bop.is_binary_variable(layer.trainable_variables[0]))
    assert found == [is_binary, is_binary]


def test_nan_stays_in_larqs_weights():
    ours, larqs = after_steps([np.nan, -1.0], start=-1.0, threshold=0.1, gamma=0.5)
    assert (ours == 1).all()
    assert np.isnan(larqs).all()


# CaseOptimizer, metrics and callbacks.


def test_only_larqs_case_optimizer_wants_legacy_optimizers():
    larq_bop.optimizers.CaseOptimizer(default_optimizer=keras.optimizers.Adam())
    larq.optimizers.CaseOptimizer(default_optimizer=tf.keras.optimizers.legacy.Adam())
    with pytest.raises(TypeError, match="default_optimizer"):
        larq.optimizers.CaseOptimizer(default_optimizer=tf.keras.optimizers.Adam())


def test_the_metrics_of_a_saved_model(tmp_path):
    names = []
    for library, side in KERASES:
        with library.context.metrics_scope(["flip_ratio"]):
            layer = library.layers.QuantDense(
                2, kernel_quantizer="ste_sign", kernel_constraint="weight_clip"
            )
        model = side.Sequential([side.Input((3,)), layer])
        model.save(tmp_path / f"{library.__name__}.keras")
        loaded = side.models.load_model(tmp_path / f"{library.__name__}.keras")
        loaded.compile("sgd", "mean_squared_error")
        names.append([metric.name for metric in loaded.metrics if "flip_ratio" in metric.name])
    assert names == [["flip_ratio/ste_sign"], []]


def test_momentum_can_be_scheduled_with_larq_and_legacy_optimizers():
    model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(1)])
    model.compile(tf.keras.optimizers.legacy.SGD(0.1, momentum=0.5), "mean_squared_error")
    scheduler = larq.callbacks.HyperparameterScheduler(lambda epoch: 0.25, "momentum")
    history = model.fit(np.ones((2, 3)), np.ones((2, 1)), verbose=0, callbacks=[scheduler])
    assert history.history["momentum"] == [0.25]


# Models and layers.


def test_names_in_the_layers_of_keras():
    tf.keras.layers.Activation("ste_sign")
    tf.keras.layers.Dense(1, kernel_constraint="weight_clip")
    with pytest.raises(ValueError, match="ste_sign"):
        keras.layers.Activation("ste_sign")
    with pytest.raises(ValueError, match="weight_clip"):
        keras.layers.Dense(1, kernel_constraint="weight_clip")
    keras.layers.Activation(larq_bop.quantizers.SteSign())
    larq_bop.layers.QuantDense(1, kernel_constraint="weight_clip", activation="ste_sign")


def test_arguments_of_adam():
    tf.keras.optimizers.Adam(lr=0.01)
    with pytest.raises(ValueError, match="lr"):
        keras.optimizers.Adam(lr=0.01)
    with pytest.warns(UserWarning, match="`decay` is no longer supported"):
        keras.optimizers.Adam(0.01, decay=1e-4)


def test_the_moving_variance_of_images():
    x = normal((3, 4, 5, 2))
    pixels = 3 * 4 * 5
    variances = []
    for side in (keras, tf.keras):
        layer = side.layers.BatchNormalization(momentum=0.0)
        layer(x, training=True)
        variances.append(np.asarray(layer.moving_variance))
    np.testing.assert_allclose(variances[0], x.reshape(-1, 2).var(0), rtol=1e-5)
    np.testing.assert_allclose(variances[1], x.reshape(-1, 2).var(0, ddof=1), rtol=1e-5)
    np.testing.assert_allclose(variances[1], variances[0] * pixels / (pixels - 1), rtol=1e-5)
