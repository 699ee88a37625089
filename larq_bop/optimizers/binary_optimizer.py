"""What optimizers of binary weights have in common."""

from __future__ import annotations

from typing import Any

import keras

from larq_bop.optimizers.binary_rule import FLIP_HISTORY, BinaryRule
from larq_bop.optimizers.binary_variables import gradients_at_hand, path
from larq_bop.optimizers.hyperparameters import check_hyperparameter, refuse_meaningless


class _KerasOptimizer(keras.optimizers.Optimizer):
    """Keras' optimizer with a threshold beside the learning rate, which is called gamma."""

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
    """An optimizer whose variables are in {-1, +1} at all times and change by flips alone.

    A subclass names its moments in `moments`, updates each in `update_moment`, and turns them into
    the flips' signal in `signal`.
    This class keeps the weights binary, gamma and threshold valid, non-finite gradient entries
    away from the moments, and counts of the flips.

    Args:
        threshold: The signal at which a weight flips: at least 0, or a schedule.
        gamma: The rate of the gradient's moving average, in [0, 1], or a schedule. It is Keras'
            `learning_rate`.
        name: The optimizer's name.
        **kwargs: `clipnorm`, `clipvalue`, `global_clipnorm`, `loss_scale_factor` and
            `gradient_accumulation_steps`, as in every Keras optimizer.

    Raises:
        ValueError: if gamma is outside [0, 1], threshold negative, either of them not finite, or
            `use_ema`, `weight_decay` or `learning_rate` is given.
    """

    @property
    def learning_rate(self):
        """Another name of `gamma`, for Keras' schedules and callbacks."""
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
        """One step of one variable: Eq. 3 and 4, and the count of what happened."""
        self._step(self._get_variable_index(variable), gradient, variable, learning_rate)
