"""Different optimizers for different variables, on Keras 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras

from larq_bop.larq.binary_optimizer import register
from larq_bop.optimizers.binary_variables import gradients_at_hand
from larq_bop.optimizers.cases import CaseRule, Cases
from larq_bop.optimizers.predicates import ClaimedVariables

__all__ = ["CaseOptimizer"]

register(ClaimedVariables)


@register
class CaseOptimizer(CaseRule, tf_keras.optimizers.Optimizer):
    """`larq_bop.CaseOptimizer` for models of Keras 2, including Larq's.

    Args:
        *predicate_optimizer_pairs: Pairs `(predicate, optimizer)`, with optimizers of
            `tf.keras.optimizers`, not `tf.keras.optimizers.legacy`. Predicates that are registered
            with `tf.keras.saving.register_keras_serializable` are saved by name; for all others the
            variables that they claimed are saved.
        default_optimizer: The optimizer of the variables that no predicate claims. Without one,
            these variables do not change, and a warning names them once.
        name: The optimizer's name.

    Raises:
        TypeError: if a predicate is not callable, or an optimizer is not an optimizer of Keras 2.
        ValueError: when the optimizer is built, if two predicates claim the same variable, or a
            predicate claims none.
    """

    _keras = tf_keras

    def __init__(
        self,
        *predicate_optimizer_pairs: tuple[Callable[[Any], bool], tf_keras.optimizers.Optimizer],
        default_optimizer: tf_keras.optimizers.Optimizer | None = None,
        name: str = "optimizer_case",
    ):
        wrappers = (tf_keras.mixed_precision.LossScaleOptimizer, CaseOptimizer)
        self._cases = Cases(predicate_optimizer_pairs, default_optimizer, tf_keras, wrappers)
        super().__init__(name=name, weight_decay=None)
        optimizers = dict.fromkeys([*self._cases.values(), default_optimizer])
        self._inner_optimizers = [each for each in optimizers if each is not None]

    @property
    def variables(self):
        """The step counter and the state of all the optimizers."""
        states = [each.variables for each in self._inner_optimizers]
        return type(super().variables)([*self._variables, *(v for state in states for v in state)])

    def build(self, var_list):
        """Creates the state of all optimizers and decides which of them trains which variable.

        Args:
            var_list: The model's trainable variables.

        Raises:
            ValueError: if two predicates claim the same variable, or a predicate claims none. An
                optimizer that was loaded from a file warns instead, and raises at its first step.
        """
        super().build(var_list)
        if getattr(self, "_built", False):
            return
        self._built = True
        self._cases.claim(var_list)
        owners = [self._cases.optimizer_of(variable) for variable in var_list]
        self._owners = self._no_dependency(
            {self._var_key(v): owner for v, owner in zip(var_list, owners, strict=True)}
        )
        for optimizer, share in self._shares([(None, variable) for variable in var_list]):
            if share:
                optimizer.build([variable for _, variable in share])

    def _shares(self, pairs):
        """Yields each optimizer with the pairs `(gradient, variable)` of its own variables."""
        owners = [self._owners[self._var_key(variable)] for _, variable in pairs]
        for optimizer in self._inner_optimizers:
            owned = zip(pairs, owners, strict=True)
            yield optimizer, [pair for pair, owner in owned if owner is optimizer]

    def apply_gradients(
        self, grads_and_vars, name=None, skip_gradients_aggregation=False, **kwargs
    ):
        """Applies each gradient with its variable's optimizer.

        Args:
            grads_and_vars: Pairs `(gradient, variable)`, with None for a missing gradient.
            name: The name of the scope of the operations.
            skip_gradients_aggregation: Whether gradients are already summed over replicas.
            **kwargs: `experimental_aggregate_gradients`, as in every optimizer of Keras 2.

        Returns:
            The number of steps taken, a variable.

        Raises:
            ValueError: if all gradients are None, or a loaded optimizer does not fit its model.
        """
        pairs = list(grads_and_vars)
        with gradients_at_hand(), tf.init_scope():
            self.build([variable for _, variable in pairs])
        self._cases.check()
        if all(gradient is None for gradient, _ in pairs):
            raise ValueError("No gradients provided for any variable.")
        if not skip_gradients_aggregation and kwargs.get("experimental_aggregate_gradients", True):
            pairs = self.aggregate_gradients(pairs)
        with tf.name_scope(name or self.name):
            for optimizer, share in self._shares(pairs):
                if any(gradient is not None for gradient, _ in share):
                    optimizer.apply_gradients(share, skip_gradients_aggregation=True)
                else:
                    # An optimizer of Keras 2 refuses a step without any gradient.
                    optimizer._internal_apply_gradients([])
        # Without pairs this only counts the step, on all replicas.
        return self._internal_apply_gradients([])

    def save_own_variables(self, store):
        """Saves the step counter; Keras saves each inner optimizer separately."""
        store["0"] = self._iterations.numpy()

    def load_own_variables(self, store):
        """Loads what `save_own_variables` saved."""
        self._iterations.assign(store["0"])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "is_legacy_optimizer": False}
