"""Depthwise and separable convolutions with quantizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

import keras

from larq_bop.annotations import Identifier, LayerArguments, Sizes
from larq_bop.layers.arguments import arguments
from larq_bop.layers.padding import PaddedLayer
from larq_bop.layers.quantized import QuantizedKernel, QuantizedLayer

__all__ = ["QuantDepthwiseConv2D", "QuantSeparableConv1D", "QuantSeparableConv2D"]


class QuantizedDepthwiseConv(QuantizedLayer, PaddedLayer):
    """Mixin of convolutions that treat each channel separately."""

    kernel = QuantizedKernel("depthwise")
    depthwise_quantizer: Callable | None

    @property
    def depthwise_kernel(self):
        """Larq's name for `kernel`."""
        return self.kernel


class QuantizedSeparableConv(QuantizedLayer, PaddedLayer):
    """Mixin of convolutions that treat each channel separately and then mix the channels."""

    depthwise_kernel = QuantizedKernel("depthwise")
    pointwise_kernel = QuantizedKernel("pointwise")
    depthwise_quantizer: Callable | None
    pointwise_quantizer: Callable | None


@keras.saving.register_keras_serializable(package="larq_bop")
class QuantDepthwiseConv2D(QuantizedDepthwiseConv, keras.layers.DepthwiseConv2D):
    """`keras.layers.DepthwiseConv2D` on quantized values.

    `activation(depthwise_conv(input_quantizer(inputs), depthwise_quantizer(kernel)) + bias)`

    Args:
        kernel_size: Height and width of the kernel, in pixels.
        strides: Step of the window, in pixels.
        padding: `"valid"` or `"same"`.
        pad_values: The value that `"same"` padding adds around the quantized input.
        depth_multiplier: The number of output channels for each input channel.
        input_quantizer: Quantizer of the input: a name, an object or None.
        depthwise_quantizer: Quantizer of the kernel, like `kernel_quantizer` of `QuantConv2D`.
        **kwargs: `name`, `dtype`, `trainable` and `autocast`, as in every Keras layer.

    All other arguments are those of `keras.layers.DepthwiseConv2D`.

    Shapes:
        Input `(batch, height, width, channels)`, kernel
        `(kernel height, kernel width, channels, depth_multiplier)`, output
        `(batch, new height, new width, channels * depth_multiplier)`; channels second with
        `data_format="channels_first"`.

    Raises:
        ValueError: for an unknown quantizer, or what `keras.layers.DepthwiseConv2D` refuses.

    Warns:
        UserWarning: for a binarized latent kernel without a `depthwise_constraint`.
    """

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes = (1, 1),
        padding: str = "valid",
        pad_values: float = 0.0,
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Sizes = (1, 1),
        activation: Identifier = None,
        use_bias: bool = True,
        input_quantizer: Identifier = None,
        depthwise_quantizer: Identifier = None,
        depthwise_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        depthwise_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        depthwise_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        **kwargs: Unpack[LayerArguments],
    ):
        super().__init__(**arguments(locals()))


@keras.saving.register_keras_serializable(package="larq_bop")
class QuantSeparableConv1D(QuantizedSeparableConv, keras.layers.SeparableConv1D):
    """`keras.layers.SeparableConv1D` on quantized values: `QuantSeparableConv2D` in one dimension.

    The arguments are those of `QuantSeparableConv2D`, with one number where it has two.

    Shapes:
        Input `(batch, steps, channels)`, depthwise kernel
        `(kernel length, channels, depth_multiplier)`, pointwise kernel
        `(1, channels * depth_multiplier, filters)`, output `(batch, new steps, filters)`.

    Raises:
        ValueError: for an unknown quantizer, or what `keras.layers.SeparableConv1D` refuses.

    Warns:
        UserWarning: for a binarized latent kernel without a constraint.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        pad_values: float = 0.0,
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        depth_multiplier: int = 1,
        activation: Identifier = None,
        use_bias: bool = True,
        input_quantizer: Identifier = None,
        depthwise_quantizer: Identifier = None,
        pointwise_quantizer: Identifier = None,
        depthwise_initializer: Identifier = "glorot_uniform",
        pointwise_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        depthwise_regularizer: Identifier = None,
        pointwise_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        depthwise_constraint: Identifier = None,
        pointwise_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        **kwargs: Unpack[LayerArguments],
    ):
        super().__init__(**arguments(locals()))


@keras.saving.register_keras_serializable(package="larq_bop")
class QuantSeparableConv2D(QuantizedSeparableConv, keras.layers.SeparableConv2D):
    """`keras.layers.SeparableConv2D` on quantized values.

    First a depthwise convolution of `input_quantizer(inputs)` with
    `depthwise_quantizer(depthwise_kernel)`, then a 1x1 convolution of the result with
    `pointwise_quantizer(pointwise_kernel)`. The result of the first is not quantized.

    Args:
        filters: The number of output channels.
        kernel_size: Height and width of the depthwise kernel, in pixels.
        strides: Step of the window, in pixels.
        padding: `"valid"` or `"same"`.
        pad_values: The value that `"same"` padding adds around the quantized input.
        input_quantizer: Quantizer of the input: a name, an object or None.
        depthwise_quantizer: Quantizer of the depthwise kernel, like `kernel_quantizer` of
            `QuantConv2D`.
        pointwise_quantizer: Quantizer of the pointwise kernel, likewise.
        **kwargs: `name`, `dtype`, `trainable` and `autocast`, as in every Keras layer.

    All other arguments are those of `keras.layers.SeparableConv2D`.

    Shapes:
        Input `(batch, height, width, channels)`, depthwise kernel
        `(kernel height, kernel width, channels, depth_multiplier)`, pointwise kernel
        `(1, 1, channels * depth_multiplier, filters)`, output
        `(batch, new height, new width, filters)`; channels second with
        `data_format="channels_first"`.

    Raises:
        ValueError: for an unknown quantizer, or what `keras.layers.SeparableConv2D` refuses.

    Warns:
        UserWarning: for a binarized latent kernel without a constraint.
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
        depth_multiplier: int = 1,
        activation: Identifier = None,
        use_bias: bool = True,
        input_quantizer: Identifier = None,
        depthwise_quantizer: Identifier = None,
        pointwise_quantizer: Identifier = None,
        depthwise_initializer: Identifier = "glorot_uniform",
        pointwise_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        depthwise_regularizer: Identifier = None,
        pointwise_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        depthwise_constraint: Identifier = None,
        pointwise_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        **kwargs: Unpack[LayerArguments],
    ):
        super().__init__(**arguments(locals()))
