"""The cases of a CaseOptimizer: which optimizer trains which variable, and how this is saved."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras

from larq_bop.optimizers.binary_variables import path
from larq_bop.optimizers.predicates import ClaimedVariables, InThisProcess, description

NO_DEFAULT = (
    "A CaseOptimizer without a `default_optimizer` has no learning rate of its own. Those of its "
    "optimizers are in `pred_opt_pairs`."
)


class Cases:
    """The map from variable to optimizer.

    Args:
        pairs: Pairs of predicate and optimizer.
        default_optimizer: The optimizer of the variables that no predicate claims, or None.
        kind: The `keras` or `tf_keras` that the optimizers belong to.
        wrappers: Classes of optimizers that only wrap others.

    Attributes:
        is_restored: Whether the cases come from a file or from another optimizer's config. Invalid
            claims then raise no error before the first step, so that the model can be loaded.

    Raises:
        TypeError: if a predicate is not callable, or an optimizer is not an optimizer of that
            Keras or is a wrapper.
    """

    def __init__(self, pairs, default_optimizer, kind, wrappers: tuple[type, ...]):
        for i, (predicate, optimizer) in enumerate(pairs):
            if not callable(predicate):
                raise TypeError(
                    f"Expected a callable predicate at `predicate_optimizer_pairs[{i}][0]`. "
                    f"Received: {predicate!r}"
                )
            _check_optimizer(f"predicate_optimizer_pairs[{i}][1]", optimizer, kind, wrappers)
        if default_optimizer is not None:
            _check_optimizer("default_optimizer", default_optimizer, kind, wrappers)
        self.pairs = pairs
        self.default_optimizer = default_optimizer
        self.is_restored = False
        self._saving = kind.saving
        self._problem: str | None = None
        self._variables: list[str] = []
        # The path of each variable and the position of the pair that claims it, if any.
        self._claims: list[tuple[str, int | None]] = []

    def values(self) -> list:
        return [optimizer for _, optimizer in self.pairs]

    def optimizer_of(self, variable):
        """Returns the optimizer that trains a variable, or None."""
        if self._problem:
            return self.default_optimizer
        pair = self._claimant(variable)
        return self.default_optimizer if pair is None else self.pairs[pair][1]

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
        """Asks every predicate about every variable, and refuses invalid claims.

        Args:
            variables: The trainable variables.

        Raises:
            ValueError: if two predicates claim the same variable, or a predicate claims none. With
                `is_restored`, this warns instead, and `check` raises.
        """
        try:
            self._claim(variables)
        except ValueError as problem:
            if not self.is_restored:
                raise
            self._problem = (
                f"{problem} So this CaseOptimizer cannot train the model: compile the model with "
                "a new one."
            )
            warnings.warn(self._problem, stacklevel=3)

    def check(self) -> None:
        """Refuses a step with invalid claims.

        Raises:
            ValueError: if `claim` found a problem.
        """
        if self._problem:
            raise ValueError(self._problem)

    def _claim(self, variables) -> None:
        for predicate, _ in self.pairs:
            if isinstance(predicate, ClaimedVariables):
                predicate.settle(variables)
        self._variables = [description(variable) for variable in variables]
        self._claims = [(path(variable), self._claimant(variable)) for variable in variables]
        for pair, optimizer in enumerate(self.values()):
            if not self._claimed_by(pair):
                raise ValueError(
                    f"The optimizer {optimizer.name!r} did not claim any variables: its predicate "
                    f"is false for each of {', '.join(map(path, variables))}. Take the pair out of "
                    "the CaseOptimizer, or change the predicate or the model; "
                    "`Bop.is_binary_variable` claims the kernels of layers with a one-bit "
                    '`kernel_quantizer`, such as `NoOp(precision=1)` or `"ste_sign"`, that are '
                    "trainable."
                )
        unclaimed = self._claimed_by(None)
        if unclaimed and self.default_optimizer is None:
            warnings.warn(
                "No optimizer claims these variables and there is no `default_optimizer`, so they "
                f"stay as they are: {', '.join(unclaimed.values())}.",
                stacklevel=4,
            )

    def serializable_predicates(self) -> list[Callable | InThisProcess]:
        """Returns each predicate that has a registered name, and for the others what they claimed.

        Before the optimizer is built, nothing is claimed yet: the predicate is then kept as it is.
        """
        return [self._serializable(i, predicate) for i, (predicate, _) in enumerate(self.pairs)]

    def _serializable(self, pair: int, predicate: Callable) -> Callable | InThisProcess:
        named = predicate if inspect.isfunction(predicate) else type(predicate)
        name = self._saving.get_registered_name(named)
        if self._saving.get_registered_object(name) is named:
            return predicate
        if not self._claims:
            return InThisProcess(predicate)
        return ClaimedVariables(self._claimed_by(pair), self._variables)

    def _claimed_by(self, pair: int | None) -> dict[int, str]:
        """Returns the paths of the variables that a pair claims, by the variables' positions."""
        return {i: name for i, (name, claimant) in enumerate(self._claims) if claimant == pair}


class CaseRule:
    """Mixin of a CaseOptimizer: its pairs, its config, and the default optimizer's learning rate.

    The optimizer stores its `Cases` as `_cases`.
    """

    # The Keras that the optimizer belongs to.
    _keras: Any = keras
    _cases: Cases
    name: str

    if TYPE_CHECKING:  # The optimizer's own.

        def __init__(self, *args, **kwargs): ...

    @property
    def pred_opt_pairs(self) -> tuple[tuple[Callable, Any], ...]:
        """The pairs of predicate and optimizer, as given."""
        return self._cases.pairs

    @property
    def default(self):
        """The optimizer of the variables that no predicate claims, or None."""
        return self._cases.default_optimizer

    @property
    def learning_rate(self):
        """The default optimizer's learning rate."""
        return self._default_or_raise().learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self._default_or_raise().learning_rate = value

    def _default_or_raise(self):
        if self.default is None:
            raise AttributeError(NO_DEFAULT)
        return self.default

    def get_config(self) -> dict[str, Any]:
        predicates = self._cases.serializable_predicates()
        save = self._keras.optimizers.serialize

        def saved(predicate):
            if isinstance(predicate, InThisProcess):
                return predicate
            return self._keras.saving.serialize_keras_object(predicate)

        return {
            "name": self.name,
            # One by one: in a SavedModel Keras 2 does not take lists.
            "predicates": [saved(predicate) for predicate in predicates],
            "optimizers": [save(optimizer) for optimizer in self._cases.values()],
            "default_optimizer": self.default and save(self.default),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects=None):
        # Keras writes into the configs that it makes optimizers of.
        config = copy.deepcopy(config)
        saving, default = cls._keras.saving, config["default_optimizer"]

        def predicate(saved):
            if isinstance(saved, InThisProcess):
                return saved.predicate
            if isinstance(saved, str):
                return saving.get_registered_object(saved, custom_objects)
            return saving.deserialize_keras_object(saved, custom_objects=custom_objects)

        def optimizer(saved):
            return cls._keras.optimizers.deserialize(saved, custom_objects=custom_objects)

        pairs = zip(
            map(predicate, config["predicates"]), map(optimizer, config["optimizers"]), strict=True
        )
        restored = cls(
            *pairs, default_optimizer=default and optimizer(default), name=config["name"]
        )
        restored._cases.is_restored = True
        return restored


def _check_optimizer(argument: str, optimizer, kind, wrappers: tuple[type, ...]) -> None:
    if not isinstance(optimizer, kind.optimizers.Optimizer):
        raise TypeError(f"Expected a Keras optimizer at `{argument}`. Received: {optimizer!r}")
    if isinstance(optimizer, wrappers):
        raise TypeError(
            f"`{argument}` must train its variables itself. Put the {type(optimizer).__name__} "
            "around the CaseOptimizer instead."
        )
