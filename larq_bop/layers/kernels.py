"""Kernels as they are stored, and as they are used."""

from __future__ import annotations

from keras import ops

from larq_bop import backend, context
from larq_bop.quantizers.base import unwatched

__all__ = ["KernelInUse", "QuantizedKernel"]


class QuantizedKernel:
    """An attribute of a layer: the stored kernel, or its quantized value in a `quantized_scope`.

    Args:
        role: The first part of the names of the kernel's arguments, `role_quantizer` and
            `role_constraint`.
    """

    def __init__(self, role: str):
        self.role = role

    def __set_name__(self, owner: type, name: str):
        self._owner, self._name = owner, name

    def __set__(self, layer, variable):
        layer.__dict__[self._name] = variable

    def __get__(self, layer, owner: type | None = None):
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


class KernelInUse:
    """A kernel's variable that reads as its quantized value; everything else is the variable's.

    It stands among a layer's weights in a `quantized_scope`, so that `get_weights` and `save` give
    what the layer computes with.

    Args:
        variable: The stored kernel.
        quantizer: Its quantizer.
    """

    def __init__(self, variable, quantizer):
        self._variable, self._quantizer = variable, quantizer

    @property
    def value(self):
        """The quantized value, a tensor."""
        return unwatched(self._quantizer)(backend.as_tensor(self._variable))

    def numpy(self):
        """Returns the quantized value as a NumPy array."""
        return ops.convert_to_numpy(self.value)

    def __array__(self, dtype=None, copy=None):
        return self.numpy().astype(dtype or self._variable.dtype)

    def __getattr__(self, name: str):
        return getattr(self._variable, name)
