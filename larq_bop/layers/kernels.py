"""Kernels: the variable that is stored, and the quantized value that a layer computes with."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, cast

import keras
import numpy as np
from keras import ops

from larq_bop import backend, context
from larq_bop.math import sign
from larq_bop.quantizers.base import unwatched

__all__ = ["Kernel", "QuantizedKernel"]


class QuantizedKernel:
    """An attribute of a layer: the stored kernel, or its quantized value in a `quantized_scope`.

    Args:
        role: The prefix of the layer's arguments for this kernel, `<role>_quantizer` and
            `<role>_constraint`.
    """

    def __init__(self, role: str):
        self.role = role

    def __set_name__(self, owner: type, name: str):
        self._owner, self._name = owner, name

    def __set__(self, layer, variable):
        layer.__dict__[self._name] = variable

    def __get__(self, layer, owner: type | None = None) -> Any:
        if layer is None:
            return self
        stored = self._stored(layer)
        quantizer = layer.quantizer_of(self._name)
        if quantizer is None or not context.should_quantize():
            return stored
        return ops.cast(quantizer(backend.as_tensor(stored)), layer.compute_dtype)

    def _stored(self, layer):
        if self._name in layer.__dict__:
            return layer.__dict__[self._name]
        parent = super(self._owner, layer)
        # Some Keras parents have a property of this name, and add LoRA to what it stores.
        if layer.built and hasattr(parent, self._name):
            return getattr(parent, self._name)
        raise AttributeError(f"You must build the layer before accessing `{self._name}`.")


class Kernel(keras.Variable):
    """A kernel's variable.

    Inside a `quantized_scope`, `numpy()` and conversion to an array return the quantized value, so
    that `get_weights` and `save` return what the layer computes with. `value` is always what is
    stored.

    While a binary optimizer trains the kernel, values that are written from outside, as by
    `load_weights` and `set_weights`, are replaced by their signs, so that it stays binary.
    """

    # The number of bits of a value; missing if the quantizer has no precision.
    precision: int
    _quantizer: Callable
    _binary_optimizer: weakref.ref | None = None

    @classmethod
    def of(cls, variable: keras.Variable, quantizer: Callable) -> Kernel:
        """Turns a variable that Keras made for a layer into a kernel.

        Args:
            variable: The variable.
            quantizer: Its quantizer.

        Returns:
            The same variable.
        """
        variable.__class__ = cls
        kernel = cast(Kernel, variable)
        kernel._quantizer = quantizer
        precision = getattr(quantizer, "precision", None)
        if precision is not None:
            kernel.precision = precision
        return kernel

    def keep_binary(self, optimizer) -> None:
        """Replaces values written from outside by their signs while the optimizer exists."""
        self._binary_optimizer = weakref.ref(optimizer)

    def assign(self, value):
        is_kept = self._binary_optimizer is not None and self._binary_optimizer() is not None
        # Optimizers write tensors.
        if is_kept and not (ops.is_tensor(value) or isinstance(value, keras.Variable)):
            value = sign(value)
        return super().assign(value)

    def numpy(self):
        return np.array(self)

    def __array__(self, dtype=None, copy=None):
        value = self.value
        if context.should_quantize():
            value = unwatched(self._quantizer)(backend.as_tensor(value))
        value = ops.convert_to_numpy(value)
        return value if dtype is None else value.astype(dtype)
