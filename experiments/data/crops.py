"""Crops of encoded images, for training and testing networks on ImageNet with `tf.data`.

They equal those of the paper's code. For training, they are random parts of the image (Szegedy et
al. 2015, arXiv 1409.4842, section 6), half of them mirrored; for a test, its middle.
"""

from __future__ import annotations

import tensorflow as tf

PADDING = 32
"""An image is tested as if its shorter side were scaled to the network's input size plus this many
pixels, and its middle then cut out."""

_AREA = (0.08, 1.0)
_ASPECT_RATIO = (3 / 4, 4 / 3)
_ATTEMPTS = 10


def random_crop(encoded: tf.Tensor, size: int, seed: tf.Tensor) -> tf.Tensor:
    """Decodes a random part of an image, which is mirrored with a probability of 1/2.

    The area of the part is 8 to 100 % of the image's, its aspect ratio 3/4 to 4/3.

    Args:
        encoded: The image, JPEG or PNG.
        size: Height and width of the result in pixels.
        seed: Two integers; equal seeds give equal crops.

    Returns:
        uint8 of shape `(size, size, 3)`.
    """
    shape = _shape(encoded)
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        bounding_boxes=tf.zeros((1, 0, 4)),
        seed=seed,
        min_object_covered=0.1,
        aspect_ratio_range=_ASPECT_RATIO,
        area_range=_AREA,
        max_attempts=_ATTEMPTS,
        use_image_if_no_bounding_boxes=True,
    )
    window = tf.concat([begin[:2], extent[:2]], axis=0)
    # If all attempts fail, the box is the whole image.
    window = tf.where(tf.reduce_all(extent[:2] == shape[:2]), _middle(shape, size), window)
    crop = _resized(_decoded(encoded, window), size)
    return tf.image.stateless_random_flip_left_right(crop, seed)


def center_crop(encoded: tf.Tensor, size: int) -> tf.Tensor:
    """Decodes the middle of an image.

    Args:
        encoded: The image, JPEG or PNG.
        size: Height and width of the result in pixels.

    Returns:
        uint8 of shape `(size, size, 3)`.
    """
    return _resized(_decoded(encoded, _middle(_shape(encoded), size)), size)


def _middle(shape: tf.Tensor, size: int) -> tf.Tensor:
    shorter = tf.cast(tf.minimum(shape[0], shape[1]), tf.float32)
    side = tf.cast(size / (size + PADDING) * shorter, tf.int32)
    return tf.stack([(shape[0] - side + 1) // 2, (shape[1] - side + 1) // 2, side, side])


def _shape(encoded: tf.Tensor) -> tf.Tensor:
    return tf.cond(
        tf.io.is_jpeg(encoded),
        lambda: tf.image.extract_jpeg_shape(encoded),
        lambda: tf.shape(tf.io.decode_png(encoded, channels=3)),
    )


def _decoded(encoded: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    top, left, height, width = tf.unstack(window)
    return tf.cond(
        tf.io.is_jpeg(encoded),
        # For a part of an image, much of a JPEG file need not be decoded.
        lambda: tf.io.decode_and_crop_jpeg(encoded, window, channels=3),
        lambda: tf.io.decode_png(encoded, channels=3)[top : top + height, left : left + width],
    )


def _resized(image: tf.Tensor, size: int) -> tf.Tensor:
    resized = tf.image.resize(image, (size, size), method="bicubic")
    # Bytes take a quarter of the memory of float32 on the way to the device.
    return tf.ensure_shape(tf.saturate_cast(tf.round(resized), tf.uint8), (size, size, 3))
