"""Convolutions with quantizers."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from larq_bop import backend
from larq_bop.annotations import Identifier, LayerArguments, Sizes
from larq_bop.layers.arguments import arguments
from larq_bop.layers.padding import PaddedLayer
from larq_bop.layers.quantized import AdaptableLayer
from larq_bop.quantizers.base import marks_binary

__all__ = ["QuantConv1D", "QuantConv2D", "QuantConv3D"]


class QuantizedConv(AdaptableLayer, PaddedLayer):
    """Mixin of quantized convolutions of any rank."""

    def convolution_op(self, inputs, kernel):
        convolution = backend.convolution if self._is_binary() else ops.conv
        return convolution(
            inputs,
            kernel,
            strides=list(self.strides),
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def _is_binary(self) -> bool:
        kernel = self.kernel_quantizer
        # A kernel that is marked as binary is kept binary by Bop.
        return (
            getattr(self.input_quantizer, "is_ternary", False)
            and (marks_binary(kernel) or getattr(kernel, "is_ternary", False))
            and self.pad_values in (-1, 0, 1)
        )


@keras.saving.register_keras_serializable(package="larq_bop")
class QuantConv1D(QuantizedConv, keras.layers.Conv1D):
    """`keras.layers.Conv1D` on quantized values.

    `activation(conv(input_quantizer(inputs), kernel_quantizer(kernel)) + bias)`

    Args:
        filters: The number of output channels.
        kernel_size: Length of the kernel, in steps.
        strides: Step of the window.
        padding: `"valid"`, `"same"` or `"causal"`.
        pad_values: The value that `"same"` padding adds around the quantized input.
        data_format: `"channels_last"` or `"channels_first"`.
        input_quantizer: Quantizer of the input: a name, an object or None.
        kernel_quantizer: Quantizer of the kernel, as in `QuantConv2D`.
        **kwargs: `name`, `dtype`, `trainable` and `autocast`, as in every Keras layer.

    All other arguments are those of `keras.layers.Conv1D`.

    Shapes:
        Input `(batch, steps, channels)`, kernel `(kernel length, channels / groups, filters)`,
        output `(batch, new steps, filters)`.

    Raises:
        ValueError: for an unknown quantizer, `pad_values` with causal padding, or what
            `keras.layers.Conv1D` refuses.

    Warns:
        UserWarning: for a binarized latent kernel without a `kernel_constraint`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        pad_values: float = 0.0,
        data_format: str | None = "channels_last",
        dilation_rate: Sizes = 1,
        groups: int = 1,
        activation: Identifier = None,
        use_bias: bool = True,
        input_quantizer: Identifier = None,
        kernel_quantizer: Identifier = None,
        kernel_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        **kwargs: Unpack[LayerArguments],
    ):
        super().__init__(**arguments(locals()))


@keras.saving.register_keras_serializable(package="larq_bop")
class QuantConv2D(QuantizedConv, keras.layers.Conv2D):
    """`keras.layers.Conv2D` on quantized values.

    `activation(conv(input_quantizer(inputs), kernel_quantizer(kernel)) + bias)`

    Args:
        filters: The number of output channels.
        kernel_size: Height and width of the kernel, in pixels.
        strides: Step of the window, in pixels.
        padding: `"valid"` or `"same"`.
        pad_values: The value that `"same"` padding adds around the quantized input.
        input_quantizer: Quantizer of the input: a name, an object or None.
        kernel_quantizer: Quantizer of the kernel. `"ste_sign"` binarizes a latent kernel;
            `NoOp(precision=1)` marks a kernel that is binary itself, for Bop.
        kernel_constraint: Constraint on the stored kernel. A latent kernel needs `"weight_clip"`.
        **kwargs: `name`, `dtype`, `trainable` and `autocast`, as in every Keras layer.

    All other arguments are those of `keras.layers.Conv2D`.

    Shapes:
        Input `(batch, height, width, channels)`, kernel
        `(kernel height, kernel width, channels / groups, filters)`, output
        `(batch, new height, new width, filters)`; channels second with
        `data_format="channels_first"`.

    Raises:
        ValueError: for an unknown quantizer, or what `keras.layers.Conv2D` refuses.

    Warns:
        UserWarning: for a binarized latent kernel without a `kernel_constraint`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = (1, 1),
        padding: str = "valid",
        pad_values: float = 0.0,
        data_format: str | None = None,
        dilation_rate: Sizes = (1, 1),
        groups: int = 1,
        activation: Identifier = None,
        use_bias: bool = True,
        input_quantizer: Identifier = None,
        kernel_quantizer: Identifier = None,
        kernel_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        **kwargs: Unpack[LayerArguments],
    ):
        super().__init__(**arguments(locals()))


@keras.saving.register_keras_serializable(package="larq_bop")
class QuantConv3D(QuantizedConv, keras.layers.Conv3D):
    """`keras.layers.Conv3D` on quantized values: `QuantConv2D` with one more axis.

    The arguments are those of `QuantConv2D`, with three numbers where it has two.

    Shapes:
        Input `(batch, depth, height, width, channels)`, kernel
        `(kernel depth, height, width, channels / groups, filters)`, output
        `(batch, new depth, new height, new width, filters)`; channels second with
        `data_format="channels_first"`.

    Raises:
        ValueError: for an unknown quantizer, or what `keras.layers.Conv3D` refuses.

    Warns:
        UserWarning: for a binarized latent kernel without a `kernel_constraint`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = (1, 1, 1),
        padding: str = "valid",
        pad_values: float = 0.0,
        data_format: str | None = None,
        dilation_rate: Sizes = (1, 1, 1),
        groups: int = 1,
        activation: Identifier = None,
        use_bias: bool = True,
        input_quantizer: Identifier = None,
        kernel_quantizer: Identifier = None,
        kernel_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        **kwargs: Unpack[LayerArguments],
    ):
        super().__init__(**arguments(locals()))
