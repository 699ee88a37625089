"""Different optimizers for different variables."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras

from larq_bop import backend
from larq_bop.optimizers.binary_variables import gradients_at_hand
from larq_bop.optimizers.cases import NO_DEFAULT, CaseRule, Cases

__all__ = ["CaseOptimizer"]


@keras.saving.register_keras_serializable(package="larq_bop")
class Unchanged(keras.optimizers.Optimizer):
    """Leaves its variables unchanged: the optimizer of variables that no other one trains."""

    def __init__(self, name: str = "unchanged"):
        super().__init__(learning_rate=0.0, name=name)

    @property
    def learning_rate(self):
        """Always 0."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        raise AttributeError(NO_DEFAULT)

    def update_step(self, gradient, variable, learning_rate):
        pass


class _OptimizerMap(Cases):
    """The cases as a function from variable to optimizer, which `MultiOptimizer` expects."""

    def __init__(self, pairs, default_optimizer):
        wrappers = (keras.optimizers.LossScaleOptimizer, keras.optimizers.MultiOptimizer)
        super().__init__(pairs, default_optimizer, keras, wrappers)
        self.unchanged = Unchanged()

    def __call__(self, variable) -> keras.optimizers.Optimizer:
        return self.optimizer_of(variable) or self.unchanged


@keras.saving.register_keras_serializable(package="larq_bop")
class CaseOptimizer(CaseRule, keras.optimizers.MultiOptimizer):
    """Trains each variable with the optimizer whose predicate claims it.

    Its `learning_rate` is that of the default optimizer, so that the callbacks
    `LearningRateScheduler` and `ReduceLROnPlateau` change Adam's rate but not Bop's gamma.

    Args:
        *predicate_optimizer_pairs: Pairs `(predicate, optimizer)`. A predicate takes a variable
            and returns whether the optimizer trains it. Predicates that are registered with
            `keras.saving.register_keras_serializable` are saved by name; for all others the
            variables that they claimed are saved.
        default_optimizer: The optimizer of the variables that no predicate claims. Without one,
            these variables do not change, and a warning names them once.
        name: The optimizer's name.

    Raises:
        TypeError: if a predicate is not callable, or an optimizer is not a Keras optimizer.
        ValueError: at construction, if the optimizers differ in `loss_scale_factor`; when the
            optimizer is built, if two predicates claim the same variable, or a predicate claims
            none.

    Example:

    >>> larq_bop.CaseOptimizer(
    ...     (larq_bop.Bop.is_binary_variable, larq_bop.Bop()),
    ...     default_optimizer=keras.optimizers.Adam(0.01),
    ... )
    """

    _cases: _OptimizerMap

    def __init__(
        self,
        *predicate_optimizer_pairs: tuple[Callable[[Any], bool], keras.optimizers.Optimizer],
        default_optimizer: keras.optimizers.Optimizer | None = None,
        name: str = "optimizer_case",
    ):
        cases = _OptimizerMap(predicate_optimizer_pairs, default_optimizer)
        super().__init__(cases, loss_scale_factor=_common_loss_scale(cases), name=name)
        self._cases = cases
        # Assigned whole, the list is seen by `tf.train.Checkpoint`; filled bit by bit it is not.
        self._inner_optimizers = list(self._inner_optimizers)

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        """The optimizers for Keras' callbacks: the default, and those that average weights.

        `LearningRateScheduler` and `ReduceLROnPlateau` set the learning rate of every optimizer in
        this list, which would replace Bop's gamma. `SwapEMAWeights` looks here for optimizers with
        `use_ema`. If there is no default optimizer, the list has one in its place whose rate cannot
        be set. All optimizers are in `pred_opt_pairs` and `default`.
        """
        averaging = [o for o in self._cases.values() if o.use_ema and o is not self.default]
        return [self.default or self._cases.unchanged, *dict.fromkeys(averaging)]

    @property
    def iterations(self):
        """The number of steps taken; assigning it sets it for every optimizer."""
        return self._iterations

    @iterations.setter
    def iterations(self, value):
        for optimizer in (self, *self._inner_optimizers):
            optimizer._iterations.assign(value)

    def build(self, var_list):
        """Creates the state of all optimizers and decides which of them trains which variable.

        Args:
            var_list: The model's trainable variables.

        Raises:
            ValueError: if two predicates claim the same variable, or a predicate claims none. An
                optimizer that was loaded from a file warns instead, and raises at its first step.
        """
        if self.built:
            return
        if not var_list and self._cases.is_restored:
            # Keras does this for an `.h5` file; the build for the variables must still follow.
            warnings.warn(
                f"{self.name!r} is loaded without its state, and begins anew with the next step.",
                stacklevel=2,
            )
            return
        self._cases.claim(var_list)
        super().build(var_list)
        for optimizer in self._inner_optimizers:
            backend.assume_reduced_gradients(optimizer)

    def apply(self, grads, trainable_variables=None):
        """Applies each gradient with its variable's optimizer.

        Args:
            grads: One gradient for each variable, or None for a variable without one.
            trainable_variables: The variables, or None for those that the optimizer was built
                with. If the optimizer is not built yet, it is built with them.

        Raises:
            ValueError: if all gradients are None, if the optimizer was not built with one of the
                variables, or if a loaded optimizer does not fit its model.
        """
        if trainable_variables is None:
            trainable_variables = self._trainable_variables
        trainable_variables = list(trainable_variables)
        if not self.built:
            with gradients_at_hand():
                self.build(trainable_variables)
        if len(grads) != len(trainable_variables):
            raise ValueError(
                "There must be one gradient for each variable. "
                f"Received: {len(grads)} gradients for {len(trainable_variables)} variables"
            )
        self._cases.check()
        if all(gradient is None for gradient in grads):
            raise ValueError("No gradients provided for any variable.")
        self._check_variables_are_known(trainable_variables)
        grads = backend.sum_over_replicas(grads)
        shares: list[tuple[list, list]] = [([], []) for _ in self._inner_optimizers]
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            share = shares[self._var_to_optimizer_idx[self._var_key(variable)]]
            share[0].append(gradient)
            share[1].append(variable)
        for optimizer, (gradients, variables) in zip(self._inner_optimizers, shares, strict=True):
            if any(gradient is not None for gradient in gradients):
                optimizer.apply(gradients, variables)
            else:
                # A Keras optimizer refuses a step without any gradient, but the step counts.
                optimizer._iterations.assign_add(1)
        self._iterations.assign_add(1)

    def finalize_variable_values(self, var_list):
        """Sets variables to their final values, such as averages, at the end of training.

        Args:
            var_list: The model's trainable variables. Those that the optimizer was not built with
                do not change.
        """
        known = self._trainable_variables_indices
        super().finalize_variable_values([v for v in var_list if self._var_key(v) in known])

    def save_own_variables(self, store):
        """Saves the step counter; Keras saves each inner optimizer separately."""
        for i, variable in enumerate(self._variables):
            store[str(i)] = keras.ops.convert_to_numpy(variable)

    def load_own_variables(self, store):
        """Loads what `save_own_variables` saved."""
        if len(store.keys()) != len(self._variables):
            # Keras saves an optimizer that several models share with only one of them.
            warnings.warn(
                f"Skipping variable loading for optimizer {self.name!r}: its state is not in the "
                "file.",
                stacklevel=2,
            )
            return
        for i, variable in enumerate(self._variables):
            variable.assign(store[str(i)])


def _common_loss_scale(cases: Cases) -> float | None:
    optimizers = [*cases.values(), cases.default_optimizer]
    factors = {optimizer.loss_scale_factor for optimizer in optimizers if optimizer is not None}
    if len(factors) > 1:
        raise ValueError(
            "All optimizers of a CaseOptimizer must have the same `loss_scale_factor`, since there "
            f"is one loss. Received: {sorted(factors, key=str)}"
        )
    return factors.pop() if factors else None
