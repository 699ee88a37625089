"""The two sides that a model can be on, and what is refused on the way between them."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterable, Iterator
from types import ModuleType

import keras
import tf_keras

__all__ = ["CannotCrossError", "Refusals", "Side"]


class CannotCrossError(ValueError):
    """Something has no equal on the other side.

    Args:
        *reasons: What has none, each with its cure: the lines of the message.
    """

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


class Refusals:
    """Collects why something cannot cross, so that all of it is named at once."""

    def __init__(self):
        # What two layers share is named once.
        self._reasons: dict[str, None] = {}

    def add(self, reasons: Iterable[str]) -> None:
        """Adds reasons."""
        self._reasons.update(dict.fromkeys(reasons))

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        """Adds the reasons of a `CannotCrossError` inside, and goes on after it."""
        try:
            yield
        except CannotCrossError as error:
            self.add(error.args)

    def check(self) -> None:
        """Raises all that was collected.

        Raises:
            CannotCrossError: if anything was.
        """
        if self._reasons:
            raise CannotCrossError(*self._reasons)


class Side(enum.Enum):
    """Keras 3 with larq_bop, or Keras 2 with Larq."""

    KERAS_3 = "Keras 3"
    KERAS_2 = "Keras 2"

    @property
    def other(self) -> Side:
        """The side that is left if this one is gone to."""
        return Side.KERAS_2 if self is Side.KERAS_3 else Side.KERAS_3

    @property
    def keras(self) -> ModuleType:
        """The Keras of this side."""
        return keras if self is Side.KERAS_3 else tf_keras

    @property
    def packages(self) -> frozenset[str]:
        """The packages of this side, as saved classes name them: Keras 2 is `keras`, too."""
        if self is Side.KERAS_3:
            return frozenset({"keras", "larq_bop"})
        return frozenset({"keras", "tf_keras", "larq"})

    @property
    def registry(self) -> str:
        """The package that functions of larq_bop or Larq are registered in; Larq has names only."""
        return "larq_bop" if self is Side.KERAS_3 else ""
