"""What every quantized layer has: quantizers in front of its input and its kernel."""

from __future__ import annotations

import warnings
from typing import Any

from keras import ops

from larq_bop import backend, constraints, context, quantizers


class QuantizedLayer:
    """Mixin that puts quantizers before a Keras layer's input and its kernel.

    `layer.kernel` is the stored variable; inside the layer's own `call` (in a
    `larq_bop.context.quantized_scope`) it is the quantized value. So the Keras parent computes
    with quantized values and none of its code is repeated here.

    Args:
        input_quantizer: Quantizer of the layer's input: a name, an object or None.
        kernel_quantizer: Quantizer of the kernel, likewise.
        kernel_constraint: Constraint of the stored kernel; `"weight_clip"` or what Keras takes.
        *args, **kwargs: The Keras parent's.
    """

    def __init__(
        self,
        *args,
        input_quantizer=None,
        kernel_quantizer=None,
        kernel_constraint=None,
        **kwargs,
    ):
        super().__init__(*args, kernel_constraint=constraints.get(kernel_constraint), **kwargs)
        self.input_quantizer = quantizers.get(input_quantizer)
        self.kernel_quantizer = quantizers.get(kernel_quantizer)
        if _binarizes(self.kernel_quantizer) and self.kernel_constraint is None:
            warnings.warn(
                f"The layer {self.name!r} binarizes its kernel without a `kernel_constraint`: "
                "latent weights beyond the quantizer's clip value get no gradient and never "
                'change. Pass kernel_constraint="weight_clip".',
                stacklevel=2,
            )

    def add_weight(self, *args, **kwargs):
        if kwargs.get("name") != "kernel" or self.kernel_quantizer is None:
            return super().add_weight(*args, **kwargs)
        # The quantizer sees the kernel in full precision, its result is cast (see `kernel`).
        variable = super().add_weight(*args, **{**kwargs, "autocast": False})
        if isinstance(self.kernel_quantizer, quantizers.NoOp):
            variable.precision = self.kernel_quantizer.precision
        return variable

    @property
    def kernel(self):
        kernel = super().kernel
        if self.kernel_quantizer is None or not context.should_quantize():
            return kernel
        return ops.cast(self.kernel_quantizer(backend.as_tensor(kernel)), self.compute_dtype)

    def call(self, inputs, *args, **kwargs):
        if self.input_quantizer is not None:
            inputs = self.input_quantizer(inputs)
        with context.quantized_scope(True):
            return super().call(inputs, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_quantizer": quantizers.serialize(self.input_quantizer),
            "kernel_quantizer": quantizers.serialize(self.kernel_quantizer),
        }


def _binarizes(quantizer) -> bool:
    """Whether latent weights stand behind the quantizer's one-bit values."""
    return getattr(quantizer, "precision", None) == 1 and not isinstance(quantizer, quantizers.NoOp)
