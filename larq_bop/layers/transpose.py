"""Transposed convolutions with quantizers."""

from __future__ import annotations

import keras

from larq_bop.layers.quantized import SingleKernelLayer
from larq_bop.layers.signatures import with_larqs_arguments

__all__ = ["QuantConv2DTranspose", "QuantConv3DTranspose"]


@keras.saving.register_keras_serializable(package="larq_bop")
@with_larqs_arguments()
class QuantConv2DTranspose(SingleKernelLayer, keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` on quantized values.

    `activation(conv_transpose(input_quantizer(inputs), kernel_quantizer(kernel)) + bias)`

    Args:
        filters: The number of output channels.
        kernel_size: Height and width of the kernel, in pixels.
        strides: How many pixels of the output there are for one of the input.
        padding: `"valid"` or `"same"`.
        output_padding: What is added to the output's height and width, or None.
        *args, **kwargs: All other arguments of `keras.layers.Conv2DTranspose`, in its order, with
            `input_quantizer` and `kernel_quantizer` after `use_bias`.

    Shapes:
        Input `(batch, height, width, channels)`, kernel
        `(kernel height, kernel width, filters, channels)`, output
        `(batch, new height, new width, filters)`; channels second with
        `data_format="channels_first"`.

    Raises:
        ValueError: for an unknown quantizer, or what `keras.layers.Conv2DTranspose` refuses.

    Warns:
        UserWarning: for a binarized latent kernel without `kernel_constraint`.
    """


@keras.saving.register_keras_serializable(package="larq_bop")
@with_larqs_arguments()
class QuantConv3DTranspose(SingleKernelLayer, keras.layers.Conv3DTranspose):
    """`keras.layers.Conv3DTranspose` on quantized values: one more axis.

    Args:
        *args, **kwargs: Those of `QuantConv2DTranspose`, with three numbers where it has two.

    Shapes:
        Input `(batch, depth, height, width, channels)`, kernel
        `(kernel depth, height, width, filters, channels)`, output
        `(batch, new depth, new height, new width, filters)`; channels second with
        `data_format="channels_first"`.

    Raises:
        ValueError: for an unknown quantizer, or what `keras.layers.Conv3DTranspose` refuses.

    Warns:
        UserWarning: for a binarized latent kernel without `kernel_constraint`.
    """
