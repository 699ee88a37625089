"""Scopes in which layers show their quantized kernels, or get metrics."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator

__all__ = ["get_training_metrics", "metrics_scope", "quantized_scope", "should_quantize"]

_state = threading.local()
_AVAILABLE_METRICS = ("flip_ratio",)
_training_metrics: set[str] = set()


@contextlib.contextmanager
def quantized_scope(quantize: bool) -> Iterator[bool]:
    """A scope in which `layer.kernel` of a quantized layer is the quantized kernel.

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
    """Returns whether the current thread is inside `quantized_scope(True)`."""
    return getattr(_state, "quantize", False)


@contextlib.contextmanager
def training_scope(training: bool | None) -> Iterator[None]:
    """The scope of a quantized layer's call.

    Args:
        training: Whether it is called in training, as in the call of any Keras layer.
    """
    before = is_training()
    _state.training = bool(training)
    try:
        yield
    finally:
        _state.training = before


def is_training() -> bool:
    """Returns whether the current thread is in a quantized layer's call in training."""
    return getattr(_state, "training", False)


@contextlib.contextmanager
def metrics_scope(metrics: Iterable[str] = ()) -> Iterator[set[str]]:
    """A scope: kernel quantizers of layers that are created inside it report metrics in training.

    `flip_ratio` is the mean share of the kernel's quantized values that change in a step
    (`larq_bop.metrics.FlipRatio`). Its name in the logs is `flip_ratio/<name of the quantizer>`. It
    is in the logs of each epoch, and in the logs of each batch on TensorFlow and torch.

    Args:
        metrics: Names of metrics; `"flip_ratio"` is the only one.

    Yields:
        The metrics of this scope and of the scopes around it.

    Raises:
        ValueError: for another name.

    Example:

    >>> with larq_bop.context.metrics_scope(["flip_ratio"]):
    ...     layer = larq_bop.layers.QuantDense(
    ...         3, kernel_quantizer="ste_sign", kernel_constraint="weight_clip"
    ...     )
    """
    metrics = list(metrics)
    unknown = [metric for metric in metrics if metric not in _AVAILABLE_METRICS]
    if unknown:
        raise ValueError(
            f"Unknown training metric {unknown[0]!r}. "
            f"Available metrics: {', '.join(_AVAILABLE_METRICS)}"
        )
    before = set(_training_metrics)
    _training_metrics.update(metrics)
    try:
        yield _training_metrics
    finally:
        _training_metrics.clear()
        _training_metrics.update(before)


def get_training_metrics() -> set[str]:
    """Returns the set of metrics of the current `metrics_scope`; it is not a copy."""
    return _training_metrics
