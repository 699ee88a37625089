"""Densely connected layers with quantizers."""

from __future__ import annotations

from typing import Any, Unpack

import keras

from larq_bop.annotations import Identifier, LayerArguments
from larq_bop.layers.arguments import arguments
from larq_bop.layers.quantized import AdaptableLayer

__all__ = ["QuantDense"]


@keras.saving.register_keras_serializable(package="larq_bop")
class QuantDense(AdaptableLayer, keras.layers.Dense):
    """`keras.layers.Dense` on quantized values.

    `activation(dot(input_quantizer(inputs), kernel_quantizer(kernel)) + bias)`

    Args:
        units: The size of the output's last axis.
        activation: Activation function, or None.
        use_bias: Whether a bias is added.
        input_quantizer: Quantizer of the input: a name, an object or None.
        kernel_quantizer: Quantizer of the kernel. `"ste_sign"` binarizes a latent kernel;
            `NoOp(precision=1)` marks a kernel that is binary itself, for Bop.
        kernel_constraint: Constraint on the stored kernel. A latent kernel needs `"weight_clip"`.
        **kwargs: `name`, `dtype`, `trainable` and `autocast`, as in every Keras layer.

    All other arguments are those of `keras.layers.Dense`.

    Shapes:
        Input `(batch, ..., n)`, kernel `(n, units)`, output `(batch, ..., units)`.

    Raises:
        ValueError: for an unknown quantizer, or what `keras.layers.Dense` refuses.

    Warns:
        UserWarning: for a binarized latent kernel without a `kernel_constraint`.
    """

    def __init__(
        self,
        units: int,
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
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Unpack[LayerArguments],
    ):
        super().__init__(**arguments(locals()))
