"""Convolutions with quantizers."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from larq_bop import backend, quantizers
from larq_bop.layers.quantized import QuantizedLayer

__all__ = ["QuantConv2D"]


class QuantizedConv(QuantizedLayer):
    """Mixin of quantized convolutions: `same` padding with a value of one's own.

    A zero is not a binary value: `pad_values=1.0` keeps a padded binary input binary.
    """

    def __init__(self, *args, pad_values: float = 0.0, **kwargs):
        super().__init__(*args, **kwargs)
        if self.padding == "causal" and pad_values != 0:
            raise ValueError(
                f"`pad_values` must be 0 with `padding='causal'`. Received: pad_values={pad_values}"
            )
        self.pad_values = pad_values

    def convolution_op(self, inputs, kernel):
        padding = self.padding
        if padding == "same" and self.pad_values != 0:
            padding = "valid"
            inputs = ops.pad(inputs, self._same_padding(inputs), constant_values=self.pad_values)
        convolution = backend.convolution if self._is_binary() else ops.conv
        return convolution(
            inputs,
            kernel,
            strides=list(self.strides),
            padding=padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def _is_binary(self) -> bool:
        kernel = self.kernel_quantizer
        # Bop keeps such a kernel binary itself.
        is_marked = isinstance(kernel, quantizers.NoOp) and kernel.precision == 1
        return (
            getattr(self.input_quantizer, "is_ternary", False)
            and (is_marked or getattr(kernel, "is_ternary", False))
            and self.pad_values in (-1, 0, 1)
        )

    def _same_padding(self, inputs) -> list[tuple[Any, Any]]:
        """The rows to add before and after each axis so that the output has size / stride."""
        shape = ops.shape(inputs)
        last = self.data_format == "channels_last"
        spatial = []
        for size, stride, dilation, width in zip(
            shape[1:-1] if last else shape[2:],
            self.strides,
            self.dilation_rate,
            self.kernel_size,
            strict=True,
        ):
            reach = (width - 1) * dilation + 1
            needed = (-(-size // stride) - 1) * stride + reach - size
            total = max(needed, 0) if isinstance(size, int) else ops.maximum(needed, 0)
            spatial.append((total // 2, total - total // 2))
        return [(0, 0), *spatial, (0, 0)] if last else [(0, 0), (0, 0), *spatial]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pad_values": self.pad_values}


@keras.saving.register_keras_serializable(package="larq_bop")
class QuantConv2D(QuantizedConv, keras.layers.Conv2D):
    """`keras.layers.Conv2D` on quantized values.

    `activation(conv(input_quantizer(inputs), kernel_quantizer(kernel)) + bias)`

    Args:
        filters: The number of output channels.
        kernel_size: Height and width of the kernel, in pixels.
        strides: Step of the window, in pixels.
        padding: `"valid"` or `"same"`.
        pad_values: What `"same"` padding pads the quantized input with.
        input_quantizer: Quantizer of the input: a name, an object or None.
        kernel_quantizer: Quantizer of the kernel. `"ste_sign"` binarizes a latent kernel,
            `NoOp(precision=1)` marks a kernel that is binary itself, for Bop.
        **kwargs: All other arguments of `keras.layers.Conv2D`, by name.

    Shapes:
        Input `(batch, height, width, channels)`, kernel
        `(kernel height, kernel width, channels / groups, filters)`, output
        `(batch, new height, new width, filters)`; channels second with
        `data_format="channels_first"`.

    Raises:
        ValueError: for an unknown quantizer, or what `keras.layers.Conv2D` refuses.

    Warns:
        UserWarning: for a binarized latent kernel without `kernel_constraint`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size,
        strides=(1, 1),
        padding: str = "valid",
        pad_values: float = 0.0,
        **kwargs,
    ):
        super().__init__(
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            pad_values=pad_values,
            **kwargs,
        )
