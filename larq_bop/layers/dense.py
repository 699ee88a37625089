"""Densely connected layers with quantizers."""

from __future__ import annotations

import keras

from larq_bop.layers.quantized import AdaptableLayer
from larq_bop.layers.signatures import with_larqs_arguments

__all__ = ["QuantDense"]


@keras.saving.register_keras_serializable(package="larq_bop")
@with_larqs_arguments()
class QuantDense(AdaptableLayer, keras.layers.Dense):
    """`keras.layers.Dense` on quantized values.

    `activation(dot(input_quantizer(inputs), kernel_quantizer(kernel)) + bias)`

    Args:
        units: The size of the output's last axis.
        activation: Activation function, or None.
        use_bias: Whether a bias is added.
        input_quantizer: Quantizer of the input: a name, an object or None.
        kernel_quantizer: Quantizer of the kernel. `"ste_sign"` binarizes a latent kernel,
            `NoOp(precision=1)` marks a kernel that is binary itself, for Bop.
        *args, **kwargs: All other arguments of `keras.layers.Dense`, in its order.

    Shapes:
        Input `(batch, ..., n)`, kernel `(n, units)`, output `(batch, ..., units)`.

    Raises:
        ValueError: for an unknown quantizer, or what `keras.layers.Dense` refuses.

    Warns:
        UserWarning: for a binarized latent kernel without `kernel_constraint`.
    """
