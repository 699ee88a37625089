"""The common part of the optimizers of binary weights on Keras 3."""

from __future__ import annotations

from typing import Any

import keras

from larq_bop.optimizers.binary_rule import FLIP_HISTORY, BinaryRule
from larq_bop.optimizers.binary_variables import gradients_at_hand, path
from larq_bop.optimizers.hyperparameters import check_hyperparameter, refuse_meaningless


class _KerasOptimizer(keras.optimizers.Optimizer):
    """Keras' optimizer with a threshold, and with gamma as the name of its learning rate."""

    def __init__(self, threshold, gamma, name: str, **kwargs):
        refuse_meaningless(kwargs)
        super().__init__(
            learning_rate=check_hyperparameter("gamma", gamma, most=1.0), name=name, **kwargs
        )
        threshold = check_hyperparameter("threshold", threshold)
        if not callable(threshold):
            threshold = self.add_variable(
                shape=(),
                initializer=keras.initializers.Constant(threshold),
                dtype="float32",
                aggregation="only_first_replica",
                name="threshold",
            )
        self._threshold = threshold


class BinaryOptimizer(BinaryRule, _KerasOptimizer):
    """Base class of optimizers whose variables are always in {-1, +1} and change only by flips.

    A subclass lists the names of its moments in `moments`, updates each one in `update_moment`, and
    computes the signal that decides about flips in `signal`. This class keeps the weights binary,
    validates gamma and threshold, keeps non-finite gradient entries out of the moments, and counts
    the flips.

    Args:
        threshold: The strength of the signal at which a weight flips: at least 0, or a schedule.
        gamma: The rate of the gradient's moving average, in [0, 1], or a schedule. It is also
            Keras' `learning_rate`.
        name: The optimizer's name.
        **kwargs: `clipnorm`, `clipvalue`, `global_clipnorm`, `loss_scale_factor` and
            `gradient_accumulation_steps`, as in every Keras optimizer.

    Raises:
        ValueError: if gamma is outside [0, 1], threshold negative, either of them not finite, or
            `use_ema`, `weight_decay` or `learning_rate` is given.
    """

    @property
    def learning_rate(self):
        """Another name for `gamma`, which Keras' schedules and callbacks use."""
        return self._get_current_learning_rate()

    @learning_rate.setter
    def learning_rate(self, value):
        inherited: Any = keras.optimizers.Optimizer.learning_rate
        inherited.fset(self, check_hyperparameter("gamma", value, most=1.0))

    def build(self, variables):
        """Creates the state and replaces weights that are not in {-1, +1} by their sign."""
        if self.built:
            return
        super().build(variables)
        self._warn_of_untagged(variables)
        self._moments = [
            [self._add_state(v, moment, v.shape, "float32") for moment in self.moments]
            for v in variables
        ]
        self._flips = [self._add_state(v, "flips", (2, FLIP_HISTORY), "int32") for v in variables]
        self._skipped = [self._add_state(v, "skipped", (), "int32") for v in variables]
        self._make_binary(variables)
        for variable in variables:
            if hasattr(variable, "keep_binary"):  # A kernel of a quantized layer.
                variable.keep_binary(self)

    def apply(self, grads, trainable_variables=None):
        """Flips weights by their gradients, as every Keras optimizer applies them."""
        with gradients_at_hand():
            super().apply(grads, trainable_variables)

    def _add_state(self, variable, name: str, shape, dtype: str):
        return self.add_variable(
            shape=shape,
            dtype=dtype,
            layout=getattr(variable, "_layout", None) if shape == variable.shape else None,
            name=f"{path(variable).replace('/', '_')}_{name}",
        )

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable by Eq. 3 and 4, and counts its flips."""
        self._step(self._get_variable_index(variable), gradient, variable, learning_rate)
