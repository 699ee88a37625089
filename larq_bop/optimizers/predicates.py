"""What replaces a CaseOptimizer's predicates without a registered name in a config."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from larq_bop.optimizers.binary_variables import path


def description(variable) -> str:
    """Returns a variable's last name and shape, which are the same in every copy of its model."""
    return f"{path(variable).split('/')[-1]} {tuple(variable.shape)}"


@keras.saving.register_keras_serializable(package="larq_bop")
class ClaimedVariables:
    """A predicate that claims the variables that another predicate claimed.

    In a saved file it replaces a predicate that has no registered name.

    Args:
        paths: The path of each claimed variable by its position among the trainable variables.
            When Keras loads a model, paths can change, but the order and the last names do not.
        variables: The last names and shapes of all of these trainable variables.
    """

    def __init__(self, paths: dict[int, str], variables: list[str]):
        self.paths = {int(position): name for position, name in paths.items()}
        self.variables = list(variables)
        self._claimed: list = []

    def settle(self, variables: list) -> None:
        """Finds the claimed variables among a model's trainable variables.

        Args:
            variables: The trainable variables, beginning with those of the saved model.

        Raises:
            ValueError: if they do not begin with the variables of the saved model.
        """
        found = [description(variable) for variable in variables[: len(self.variables)]]
        for i, saved in enumerate(self.variables):
            present = found[i] if i < len(found) else "none"
            if present != saved:
                raise ValueError(
                    f"The saved optimizer trained {saved} as trainable variable {i}, where this "
                    f"model has {present}."
                )
        self._claimed = [variables[position] for position in self.paths]

    def __call__(self, variable) -> bool:
        return any(variable is claimed for claimed in self._claimed)

    def get_config(self) -> dict[str, Any]:
        # JSON has no integer keys.
        paths = {str(position): name for position, name in self.paths.items()}
        return {"paths": paths, "variables": self.variables}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ClaimedVariables:
        return cls(**config)


class InThisProcess:
    """Holds a predicate in a config that can be used within this process, but not saved to a file.

    Args:
        predicate: The predicate.
    """

    def __init__(self, predicate: Callable):
        self.predicate = predicate

    def __deepcopy__(self, memo) -> InThisProcess:
        return self

    def get_config(self) -> dict[str, Any]:
        """Raises a ValueError, since the predicate cannot be saved."""
        raise ValueError(
            f"The predicate {self.predicate!r} cannot be saved: it is not registered with "
            "`keras.saving.register_keras_serializable`, and the optimizer is not built, so that "
            "it is not known which variables it claims."
        )
