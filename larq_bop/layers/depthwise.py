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
    """Mixin of convolutions of each channel by itself."""

    kernel = QuantizedKernel("depthwise")
    depthwise_quantizer: Callable | None

    @property
    def depthwise_kernel(self):
        """Larq's name of `kernel`."""
        return self.kernel


class QuantizedSeparableConv(QuantizedLayer, PaddedLayer):
    """Mixin of convolutions of each channel by itself, whose results are then mixed."""

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
        pad_values: What `"same"` padding pads the quantized input with.
        depth_multiplier: Output channels for each input channel.
        *args, **kwargs: All other arguments of `keras.layers.DepthwiseConv2D`, in its order, with
            `input_quantizer` and `depthwise_quantizer` after `use_bias`.

    Shapes:
        Input `(batch, height, width, channels)`, kernel
        `(kernel height, kernel width, channels, depth_multiplier)`, output
        `(batch, new height, new width, channels * depth_multiplier)`; channels second with
        `data_format="channels_first"`.

    Raises:
        ValueError: for an unknown quantizer, or what `keras.layers.DepthwiseConv2D` refuses.

    Warns:
        UserWarning: for a binarized latent kernel without `depthwise_constraint`.
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

    Args:
        *args, **kwargs: Those of `QuantSeparableConv2D`, with one number where it has two.

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

    A depthwise convolution of `input_quantizer(inputs)` with `depthwise_quantizer` of its kernel,
    then a 1x1 convolution with `pointwise_quantizer` of its own. What flows from the one to the
    other is not quantized.

    Args:
        filters: The number of output channels.
        kernel_size: Height and width of the depthwise kernel, in pixels.
        strides: Step of the window, in pixels.
        padding: `"valid"` or `"same"`.
        pad_values: What `"same"` padding pads the quantized input with.
        *args, **kwargs: All other arguments of `keras.layers.SeparableConv2D`, in its order, with
            `input_quantizer`, `depthwise_quantizer` and `pointwise_quantizer` after `use_bias`.

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
