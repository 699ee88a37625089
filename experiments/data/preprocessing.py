"""The preprocessing of images, from bytes to a network's input, on the device and every backend."""

from __future__ import annotations

import keras
from keras import ops

PADDING = 4


@keras.saving.register_keras_serializable(package="larq_bop_experiments")
class Scale(keras.layers.Layer):
    """Scales bytes to [-1, 1]."""

    def call(self, images):
        return ops.cast(images, "float32") / 127.5 - 1.0

    def compute_output_spec(self, images):
        return keras.KerasTensor(images.shape, "float32")


@keras.saving.register_keras_serializable(package="larq_bop_experiments")
class PadCropFlip(keras.layers.Layer):
    """Moves images: pads each one with zeros, crops it to its old size, and mirrors some of them.

    The moves are part of the batch and are drawn by `experiments.data.batches`. Therefore the same
    seed gives the same images on every backend and in a resumed run.

    Args:
        padding: The number of pixels of value 0 added on each side.
    """

    def __init__(self, padding: int = PADDING, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, images, moves):
        """Moves each image.

        Args:
            images: Bytes of shape `(batch, height, width, channels)`.
            moves: Integers of shape `(batch, 3)`: the first row and the first column of the crop in
                the padded image, and whether it is mirrored (0 or 1).

        Returns:
            Bytes of the same shape as `images`.
        """
        height, width, channels = images.shape[1:]
        p = self.padding
        padded = ops.pad(images, [(0, 0), (p, p), (p, p), (0, 0)])
        top, left, mirrored = (ops.cast(moves[:, i], "int32")[:, None] for i in range(3))
        rows = top + ops.arange(height, dtype="int32")
        columns = ops.arange(width, dtype="int32")
        columns = left + ops.where(mirrored == 1, width - 1 - columns, columns)
        # One gather over all pixels of the batch, numbered by image, row and column after padding.
        first_row = (height + 2 * p) * ops.arange(ops.shape(images)[0], dtype="int32")[:, None]
        pixels = (first_row + rows)[:, :, None] * (width + 2 * p) + columns[:, None, :]
        return ops.take(ops.reshape(padded, (-1, channels)), pixels, axis=0)

    def compute_output_spec(self, images, moves):
        return keras.KerasTensor(images.shape, images.dtype)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


def on_bytes(network: keras.Model, augment: bool) -> keras.Model:
    """Returns a model that preprocesses images and calls the network, sharing its weights.

    Args:
        network: A model from images in [-1, 1] to class probabilities.
        augment: Whether the batches contain moves for `PadCropFlip`.

    Returns:
        A model with the input `images`, bytes of shape `(batch, height, width, channels)`, and,
        with `augment`, the input `moves`, integers of shape `(batch, 3)`.
    """
    images = keras.Input(network.input_shape[1:], dtype="uint8", name="images")
    inputs = {"images": images}
    moved = images
    if augment:
        inputs["moves"] = keras.Input((3,), dtype="int32", name="moves")
        moved = PadCropFlip(name="augmentation")(images, inputs["moves"])
    outputs = network(Scale(name="scale")(moved))
    return keras.Model(inputs, outputs, name=f"{network.name}_on_bytes")
