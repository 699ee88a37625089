"""Types of arguments, for editors and type checkers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsFloat, TypeAlias, TypedDict

__all__ = [
    "Identifier",
    "LayerArguments",
    "OptimizerArguments",
    "QuantizerArguments",
    "Schedulable",
    "Sizes",
]

# A quantizer, activation, initializer, regularizer or constraint: its name, its config, an object
# or function, or None.
Identifier: TypeAlias = str | dict[str, Any] | Callable[..., Any] | None

# One size for all axes, or one for each.
Sizes: TypeAlias = int | Sequence[int]

# A number, or a schedule: a function without arguments, or a schedule of Keras.
Schedulable: TypeAlias = SupportsFloat | Callable[..., Any]


class LayerArguments(TypedDict, total=False):
    """Keyword arguments of every Keras layer."""

    name: str | None
    dtype: Any
    trainable: bool
    autocast: bool
    input_shape: Sequence[int | None]
    input_dim: int


class QuantizerArguments(LayerArguments, total=False):
    """Keyword arguments of every quantizer."""

    metrics: Iterable[str] | None


class OptimizerArguments(TypedDict, total=False):
    """Keyword arguments of every binary optimizer, as of other Keras optimizers."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    # Only on Keras 2.
    jit_compile: bool
