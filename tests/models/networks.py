"""Small networks to ask what they cost."""

import keras

from larq_bop import layers, quantizers

LATENT = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
BOP = {"kernel_quantizer": quantizers.NoOp(precision=1)}


def sequential(shape, *with_layers, name=None):
    return keras.Sequential([keras.Input(shape), *with_layers], name=name)


def small_network():
    """One layer of each kind that binary networks are made of."""
    return sequential(
        (8, 8, 3),
        layers.QuantConv2D(16, 3, **BOP, name="first"),
        keras.layers.MaxPooling2D(2, name="pooling"),
        layers.BatchNormalization(scale=False, name="normalization"),
        layers.QuantConv2D(
            32, 3, padding="same", input_quantizer="ste_sign", **LATENT, name="second"
        ),
        keras.layers.Flatten(name="flatten"),
        layers.QuantDense(
            10,
            input_quantizer=quantizers.DoReFa(2),
            kernel_quantizer="ste_tern",
            use_bias=False,
            name="third",
        ),
        keras.layers.Dense(5, name="last"),
    )


class Network(keras.Model):
    """A model that is no graph, with a model inside and a weight of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.QuantConv2D(4, 3, padding="same", **LATENT)
        self.pool = keras.layers.GlobalAveragePooling2D()
        self.inner = keras.Sequential([layers.QuantDense(2, input_quantizer="ste_sign", **BOP)])
        self.shift = self.add_weight(shape=(2,), name="shift")

    def call(self, inputs):
        return self.inner(self.pool(self.conv(inputs))) + self.shift
