"""The two sides that a model can be on, and what is refused on the way between them."""

from __future__ import annotations

import enum
from types import ModuleType

import keras
import tf_keras

__all__ = ["CannotCrossError", "Side"]


class CannotCrossError(ValueError):
    """Something has no equal on the other side."""


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
