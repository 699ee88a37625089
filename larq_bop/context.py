"""Whether a quantized layer shows its kernel as it is stored or as it is used."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

__all__ = ["quantized_scope", "should_quantize"]

_state = threading.local()


@contextlib.contextmanager
def quantized_scope(quantize: bool) -> Iterator[bool]:
    """A scope in which `layer.kernel` of a quantized layer is its quantized value.

    A layer's `call` always runs inside `quantized_scope(True)`; elsewhere `layer.kernel` is the
    stored variable.

    Args:
        quantize: Whether kernels are quantized inside the scope.

    Yields:
        `quantize`.

    Example:

    >>> with larq_bop.context.quantized_scope(True):
    ...     binary_kernel = layer.kernel
    """
    before = should_quantize()
    _state.quantize = quantize
    try:
        yield quantize
    finally:
        _state.quantize = before


def should_quantize() -> bool:
    """Whether the current thread is inside `quantized_scope(True)`."""
    return getattr(_state, "quantize", False)
