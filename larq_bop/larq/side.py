"""The two sides of a conversion: Keras 3 with larq_bop, and Keras 2 with Larq."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterable, Iterator
from types import ModuleType

import keras
import tf_keras

__all__ = ["CannotCrossError", "Refusals", "Side"]


class CannotCrossError(ValueError):
    """Parts of a model cannot be converted to the other side.

    Args:
        *reasons: One sentence for each part, with what to do: the lines of the message.
    """

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


class Refusals:
    """Collects the reasons why a model cannot be converted, for a single error."""

    def __init__(self):
        # A part that two layers share is named once.
        self._reasons: dict[str, None] = {}

    def add(self, reasons: Iterable[str]) -> None:
        """Adds reasons."""
        self._reasons.update(dict.fromkeys(reasons))

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        """A scope that adds the reasons of a `CannotCrossError` inside, and suppresses it."""
        try:
            yield
        except CannotCrossError as error:
            self.add(error.args)

    def check(self) -> None:
        """Raises an error with all collected reasons.

        Raises:
            CannotCrossError: if there are any.
        """
        if self._reasons:
            raise CannotCrossError(*self._reasons)


class Side(enum.Enum):
    """Keras 3 with larq_bop, or Keras 2 with Larq."""

    KERAS_3 = "Keras 3"
    KERAS_2 = "Keras 2"

    @property
    def other(self) -> Side:
        """The other side, from which models are converted to this one."""
        return Side.KERAS_2 if self is Side.KERAS_3 else Side.KERAS_3

    @property
    def keras(self) -> ModuleType:
        """The module `keras` or `tf_keras`."""
        return keras if self is Side.KERAS_3 else tf_keras

    @property
    def packages(self) -> frozenset[str]:
        """The packages of this side's classes in saved configs; Keras 2 is also called `keras`."""
        if self is Side.KERAS_3:
            return frozenset({"keras", "larq_bop"})
        return frozenset({"keras", "tf_keras", "larq"})

    @property
    def registry(self) -> str:
        """The package under which functions of larq_bop are registered; Larq's have none."""
        return "larq_bop" if self is Side.KERAS_3 else ""
