"""Who trains what: the cases of a CaseOptimizer, and how they are saved."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import keras

from larq_bop.optimizers.binary_rule import path


@keras.saving.register_keras_serializable(package="larq_bop")
class ClaimedVariables:
    """A predicate that claims the same variables as one before it did.

    It stands in a saved file for a predicate that has no registered name.

    Args:
        paths: The path of each claimed variable by its position among the trainable variables.
            Keras changes paths when it loads a model, but neither the order nor the last name.
    """

    def __init__(self, paths: dict[int, str]):
        self.paths = {int(position): name for position, name in paths.items()}
        self._claimed: list = []

    def settle(self, variables: list) -> None:
        """Finds the claimed ones among the trainable variables.

        Raises:
            ValueError: if these are not the variables of the model that was saved.
        """
        for position, name in self.paths.items():
            found = path(variables[position]) if position < len(variables) else None
            if found is None or found.split("/")[-1] != name.split("/")[-1]:
                raise ValueError(
                    f"The saved optimizer trained {name!r} as trainable variable {position}, where "
                    f"this model has {found!r}. Load it with the model that it was saved with."
                )
        self._claimed = [variables[position] for position in self.paths]

    def __call__(self, variable) -> bool:
        return any(variable is claimed for claimed in self._claimed)

    def get_config(self) -> dict[str, Any]:
        # JSON has no integer keys.
        return {"paths": {str(position): name for position, name in self.paths.items()}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ClaimedVariables:
        return cls(**config)


@keras.saving.register_keras_serializable(package="larq_bop")
class Unchanged(keras.optimizers.Optimizer):
    """Leaves its variables as they are: the optimizer of what nobody claims."""

    def __init__(self, name: str = "unchanged"):
        super().__init__(learning_rate=0.0, name=name)

    def update_step(self, gradient, variable, learning_rate):
        pass


class Cases:
    """The map from variable to optimizer, as `MultiOptimizer` wants it."""

    def __init__(self, pairs, default_optimizer):
        self.pairs = pairs
        self.default_optimizer = default_optimizer
        self._unchanged = Unchanged()
        # The path of each variable and the position of the pair that claims it, if any.
        self._claims: list[tuple[str, int | None]] = []

    def values(self) -> list[keras.optimizers.Optimizer]:
        return [optimizer for _, optimizer in self.pairs]

    def __call__(self, variable) -> keras.optimizers.Optimizer:
        pair = self._claimant(variable)
        if pair is None:
            return self.default_optimizer or self._unchanged
        return self.pairs[pair][1]

    def _claimant(self, variable) -> int | None:
        claimants = [i for i, (predicate, _) in enumerate(self.pairs) if predicate(variable)]
        if len(claimants) > 1:
            names = [self.pairs[i][1].name for i in claimants]
            raise ValueError(
                f"The variable {path(variable)!r} is claimed by more than one optimizer: "
                f"{', '.join(names)}."
            )
        return claimants[0] if claimants else None

    def claim(self, variables) -> None:
        """Asks every predicate about every variable, and refuses what cannot be."""
        for predicate, _ in self.pairs:
            if isinstance(predicate, ClaimedVariables):
                predicate.settle(variables)
        self._claims = [(path(variable), self._claimant(variable)) for variable in variables]
        for pair, optimizer in enumerate(self.values()):
            if not self._claimed_by(pair):
                raise ValueError(f"The optimizer {optimizer.name!r} did not claim any variables.")
        unclaimed = self._claimed_by(None)
        if unclaimed and self.default_optimizer is None:
            warnings.warn(
                "No optimizer claims these variables and there is no `default_optimizer`, so they "
                f"stay as they are: {', '.join(unclaimed.values())}.",
                stacklevel=2,
            )

    def serializable_predicates(self) -> list[Callable]:
        """Returns each predicate itself if it has a registered name, else what it claimed."""
        return [self._serializable(i, predicate) for i, (predicate, _) in enumerate(self.pairs)]

    def _serializable(self, pair: int, predicate: Callable) -> Callable:
        named = predicate if inspect.isfunction(predicate) else type(predicate)
        if keras.saving.get_registered_object(keras.saving.get_registered_name(named)) is named:
            return predicate
        if not self._claims:
            raise ValueError(
                f"The predicate {predicate!r} cannot be saved: it is not registered with "
                "`keras.saving.register_keras_serializable`, and the optimizer is not built, so "
                "that it is not known which variables it claims."
            )
        return ClaimedVariables(self._claimed_by(pair))

    def _claimed_by(self, pair: int | None) -> dict[int, str]:
        """Returns the paths of the variables that a pair claims by their position."""
        return {i: name for i, (name, claimant) in enumerate(self._claims) if claimant == pair}
