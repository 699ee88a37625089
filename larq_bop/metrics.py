"""Metrics for networks whose values have few bits."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from larq_bop import utils

__all__ = ["FlipRatio"]


@utils.register_alias("flip_ratio")
@keras.saving.register_keras_serializable(package="larq_bop")
class FlipRatio(keras.metrics.Metric):
    r"""The mean share of values that change from one update to the next.

    $$\frac{1}{T - 1} \sum_{t=2}^{T} \frac{|\{i : x_{t,i} \ne x_{t-1,i}\}|}{n}$$

    The metric is computed from one tensor, not from targets and predictions. Pass the tensor to
    `update_state`, or let quantizers do so with `larq_bop.context.metrics_scope`. `reset_state`
    resets the mean but keeps the last values; the first update after it does not count.

    Args:
        values_dtype: The dtype in which values are stored and compared.
        name: The metric's name.
        dtype: The dtype of the mean.

    Example:

    >>> metric = larq_bop.metrics.FlipRatio()
    >>> metric.update_state([1, 1])
    >>> metric.update_state([2, 2])  # All of them changed.
    >>> metric.update_state([1, 2])  # Half of them.
    >>> float(metric.result())
    0.75
    """

    def __init__(self, values_dtype: str = "int8", name: str = "flip_ratio", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.values_dtype = keras.utils.standardize_dtype(values_dtype)
        self.built = False

    def build(self, input_shape) -> None:
        """Creates the state. If this is not called, the first update creates it.

        Args:
            input_shape: The shape of the values.

        Raises:
            ValueError: if a dimension is unknown.
        """
        shape = tuple(input_shape)
        if None in shape:
            raise ValueError(
                f"The metric {self.name!r} compares every value with itself, one update before: it "
                f"needs to know how many there are. Received: input_shape={shape}"
            )
        self._previous_values = self._add_state("previous_values", shape, self.values_dtype)
        self.total = self._add_state("total", (), self.dtype)
        self.count = self._add_state("count", (), self.dtype)
        self._size = math.prod(shape)
        self.built = True

    def _add_state(self, name: str, shape: tuple, dtype: str):
        # All replicas see the same weights.
        return self.add_variable(shape, "zeros", dtype, aggregation="only_first_replica", name=name)

    def update_state(self, values, sample_weight=None) -> None:
        """Compares values with those of the last update.

        Args:
            values: A tensor, of the same shape in every update.
            sample_weight: Ignored.

        Raises:
            ValueError: if the shape differs from that of the last update.
        """
        values = ops.cast(values, self.values_dtype)
        if not self.built:
            self.build(values.shape)
        previous = ops.convert_to_tensor(self._previous_values)
        if tuple(values.shape) != tuple(previous.shape):
            raise ValueError(
                f"The metric {self.name!r} compares values of the shape {tuple(previous.shape)}. "
                f"Received: values of the shape {tuple(values.shape)}"
            )
        changed = ops.sum(ops.cast(ops.not_equal(previous, values), "int32"))
        ratio = ops.cast(changed, self.dtype) / self._size
        # The first update has no values to compare with, and does not count.
        self.total.assign_add(ratio * ops.sign(self.count))
        self.count.assign_add(1)
        self._previous_values.assign(values)

    def result(self) -> Any:
        """Returns the mean, a scalar, which is 0 before the second update."""
        if not self.built:
            return ops.zeros((), self.dtype)
        return ops.divide_no_nan(self.total, self.count - 1)

    def reset_state(self) -> None:
        """Resets the mean, but keeps the last values."""
        if self.built:
            self.total.assign(0)
            self.count.assign(0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "values_dtype": self.values_dtype}


class LayerFlipRatio(FlipRatio):
    """A `FlipRatio` that a layer updates in its `call`.

    On JAX, Keras passes a layer's variables through `call`, but not those of its metrics.
    Therefore the layer lists the variables of this metric among its own.

    Attributes:
        is_taken: Whether the metric already belongs to a kernel.
    """

    is_taken = False

    @property
    def state(self) -> list:
        """The variables of the metric, for the layer to list."""
        return super().variables

    @property
    def variables(self) -> list:
        """An empty list: on JAX Keras would overwrite the values that `call` wrote."""
        return []

    def result(self) -> Any:
        """Returns the mean, or NaN where it is unknown.

        It is unknown during an epoch on JAX, where the training step computes metrics without the
        variables of the layers. At the end of the epoch it is known.
        """
        with keras.StatelessScope(initialize_variables=False) as scope:
            pass
        around = scope.original_scope
        if self.built and around is not None and around.get_current_value(self.total) is None:
            return ops.full((), float("nan"), self.dtype)
        return super().result()
