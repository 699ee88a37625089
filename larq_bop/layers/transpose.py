"""Transposed convolutions with quantizers."""

from __future__ import annotations

from typing import Unpack

import keras

from larq_bop.annotations import Identifier, LayerArguments, Sizes
from larq_bop.layers.arguments import arguments
from larq_bop.layers.quantized import SingleKernelLayer

__all__ = ["QuantConv2DTranspose", "QuantConv3DTranspose"]


@keras.saving.register_keras_serializable(package="larq_bop")
class QuantConv2DTranspose(SingleKernelLayer, keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` on quantized values.

    `activation(conv_transpose(input_quantizer(inputs), kernel_quantizer(kernel)) + bias)`

    Args:
        filters: The number of output channels.
        kernel_size: Height and width of the kernel, in pixels.
        strides: The number of output pixels for each input pixel, along each axis.
        padding: `"valid"` or `"same"`.
        output_padding: The pixels added to the output's height and width, or None.
        input_quantizer: Quantizer of the input: a name, an object or None.
        kernel_quantizer: Quantizer of the kernel, as in `QuantConv2D`.
        **kwargs: `name`, `dtype`, `trainable` and `autocast`, as in every Keras layer.

    All other arguments are those of `keras.layers.Conv2DTranspose`.

    Shapes:
        Input `(batch, height, width, channels)`, kernel
        `(kernel height, kernel width, filters, channels)`, output
        `(batch, new height, new width, filters)`; channels second with
        `data_format="channels_first"`.

    Raises:
        ValueError: for an unknown quantizer, or what `keras.layers.Conv2DTranspose` refuses.

    Warns:
        UserWarning: for a binarized latent kernel without a `kernel_constraint`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = (1, 1),
        padding: str = "valid",
        output_padding: Sizes | None = None,
        data_format: str | None = None,
        dilation_rate: Sizes = (1, 1),
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
class QuantConv3DTranspose(SingleKernelLayer, keras.layers.Conv3DTranspose):
    """`keras.layers.Conv3DTranspose` on quantized values: one axis more than in two dimensions.

    The arguments are those of `QuantConv2DTranspose`, with three numbers where it has two.

    Shapes:
        Input `(batch, depth, height, width, channels)`, kernel
        `(kernel depth, height, width, filters, channels)`, output
        `(batch, new depth, new height, new width, filters)`; channels second with
        `data_format="channels_first"`.

    Raises:
        ValueError: for an unknown quantizer, or what `keras.layers.Conv3DTranspose` refuses.

    Warns:
        UserWarning: for a binarized latent kernel without a `kernel_constraint`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = (1, 1, 1),
        padding: str = "valid",
        output_padding: Sizes | None = None,
        data_format: str | None = None,
        dilation_rate: Sizes = (1, 1, 1),
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
