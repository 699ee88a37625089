"""Binary dense layers as the equal binary convolutions, which LCE can run."""

from __future__ import annotations

import larq
import tf_keras


def with_convolutions(model):
    """Returns a model that equals a Larq model and has 1x1 convolutions for binary dense layers.

    A dense layer on n values is a 1x1 convolution on an image of one pixel with n channels; after a
    `Flatten` it is the convolution over the whole remaining map. Larq Compute Engine keeps the
    weights of binary dense layers in float32 (compute-engine issues 631 and 806), and those of
    convolutions in bits.

    Args:
        model: A Sequential or functional model of Larq's layers, built.
    """
    replaced = []

    def clone(layer):
        if not is_binary(layer) or not isinstance(layer, larq.layers.QuantDense):
            return layer
        replaced.append((layer, _Convolution(layer)))
        return replaced[-1][1]

    equal = tf_keras.models.clone_model(model, clone_function=clone)
    for dense, convolution in replaced:
        convolution.take_weights(dense)
    return equal


def is_binary(layer) -> bool:
    """Whether a layer of Larq multiplies signs by signs."""
    return all(
        type(getattr(layer, name, None)).__name__ in ("SteSign", "ApproxSign", "SwishSign")
        for name in ("input_quantizer", "kernel_quantizer")
    )


class _Convolution(tf_keras.layers.Layer):
    """A binary dense layer's equal: reshape, convolve, reshape."""

    def __init__(self, dense):
        super().__init__(name=dense.name)
        config = dense.get_config()
        names = ("activation", "use_bias", "input_quantizer", "kernel_quantizer")
        self._convolution = larq.layers.QuantConv2D(
            dense.units,
            1,
            kernel_constraint=dense.kernel_constraint,
            **{name: config[name] for name in names},
        )

    def call(self, inputs):
        """Returns what the dense layer does."""
        inner = inputs.shape[1:-1]
        image = [*([1] * (2 - len(inner))), *inner, inputs.shape[-1]]
        outputs = self._convolution(tf_keras.layers.Reshape(image)(inputs))
        return tf_keras.layers.Reshape([*inner, self._convolution.filters])(outputs)

    def take_weights(self, dense):
        """Copies the dense layer's weights."""
        kernel, *bias = dense.get_weights()
        self._convolution.set_weights([kernel[None, None], *bias])
