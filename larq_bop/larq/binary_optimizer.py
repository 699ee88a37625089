"""The common part of the optimizers of binary weights on Keras 2."""

from __future__ import annotations

import tensorflow as tf
import tf_keras

from larq_bop.optimizers.binary_rule import FLIP_HISTORY, BinaryRule
from larq_bop.optimizers.binary_variables import gradients_at_hand, is_binary_variable
from larq_bop.optimizers.hyperparameters import check_hyperparameter, refuse_meaningless

register = tf_keras.saving.register_keras_serializable(package="larq_bop")
register(is_binary_variable)


class _Keras2Optimizer(tf_keras.optimizers.Optimizer):
    """Keras 2's optimizer with a threshold, and with gamma as the name of its learning rate."""

    def __init__(self, threshold, gamma, name: str, **kwargs):
        refuse_meaningless(kwargs)
        super().__init__(name=name, **{**kwargs, "weight_decay": None})
        self._learning_rate = self._build_learning_rate(_checked("gamma", gamma, most=1.0))
        threshold = _checked("threshold", threshold)
        if not callable(threshold):
            with tf.init_scope():
                threshold = tf.Variable(threshold, False, name="threshold", dtype=tf.float32)
        self._threshold = threshold


class BinaryOptimizer(BinaryRule, _Keras2Optimizer):
    """`larq_bop.optimizers.BinaryOptimizer` for models of Keras 2.

    Args:
        threshold: The strength of the signal at which a weight flips: at least 0, or a schedule of
            Keras 2.
        gamma: The rate of the gradient's moving average, in [0, 1], or a schedule of Keras 2. It is
            also Keras' `learning_rate`.
        name: The optimizer's name.
        **kwargs: `clipnorm`, `clipvalue`, `global_clipnorm` and `jit_compile`, as in every
            optimizer of Keras 2.

    Raises:
        ValueError: if gamma is outside [0, 1], threshold negative, either of them not finite, or
            `use_ema`, `weight_decay` or `learning_rate` is given.

    If steps run eagerly, call `build(model.trainable_variables)` before the first one, as a warning
    says: its gradients would otherwise be those of weights that are not binary yet. Compiled steps
    do not need this.
    """

    _keras = tf_keras

    @property
    def learning_rate(self):
        """Another name for `gamma`, which Keras' schedules and callbacks use."""
        return super().learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        tf_keras.optimizers.Optimizer.learning_rate.fset(self, _checked("gamma", value, most=1.0))

    def build(self, var_list):
        """Creates the state and replaces weights that are not in {-1, +1} by their sign."""
        super().build(var_list)
        if getattr(self, "_built", False):
            return
        self._built = True
        self._warn_of_untagged(var_list)
        self._moments = [
            [self._add_state(v, moment, v.shape, tf.float32) for moment in self.moments]
            for v in var_list
        ]
        self._flips = [self._add_state(v, "flips", [2, FLIP_HISTORY], tf.int32) for v in var_list]
        self._skipped = [self._add_state(v, "skipped", [], tf.int32) for v in var_list]
        # While a step is traced for several replicas, this one makes the copies of all binary.
        latents = [_latent(variable) for variable in var_list]
        self._make_binary([copy for v in latents for copy in getattr(v, "values", [v])])

    def apply_gradients(self, grads_and_vars, *args, **kwargs):
        """Flips weights by their gradients, as every optimizer of Keras 2 applies them."""
        with gradients_at_hand():
            return super().apply_gradients(grads_and_vars, *args, **kwargs)

    def _add_state(self, variable, name: str, shape, dtype):
        # Keras' own `add_variable_from_reference` would create counts with the weights' dtype.
        with self._distribution_strategy.extended.colocate_vars_with(_latent(variable)):
            state = tf.Variable(
                tf.zeros(shape, dtype), False, name=f"{name}/{variable._shared_name}"
            )
        self._variables.append(state)
        return state

    def update_step(self, gradient, variable):
        """Updates one variable by Eq. 3 and 4, and counts its flips."""
        index = self._index_dict[self._var_key(variable)]
        self._step(index, gradient, _latent(variable), self.learning_rate)


def _checked(name: str, value, most: float = float("inf")):
    schedule = tf_keras.optimizers.schedules.LearningRateSchedule
    if callable(value) and not isinstance(value, schedule):
        raise ValueError(
            f"`{name}` must be a number or a schedule of Keras 2. Received: {name}={value!r}"
        )
    return check_hyperparameter(name, value, most=most)


def _latent(variable):
    """Returns the TensorFlow variable inside the wrappers of Larq and Keras."""
    for attribute in ("latent_variable", "_variable"):
        variable = getattr(variable, attribute, variable)
    return variable
