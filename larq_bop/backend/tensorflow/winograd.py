"""3x3 convolutions with a quarter of the multiplications: Winograd's F(4x4, 3x3).

Computed directly, a tile of 4x4 outputs takes 144 products for each pair of channels. After the
transforms of its 6x6 inputs and of the kernel there are only 36, in one matrix product for each of
the 36 places (Lavin & Gray 2016, Fast Algorithms for Convolutional Neural Networks, arXiv
1509.09308):

    y = A^T [(G w G^T) * (B^T x B)] A

In the paper, G contains sixths and twenty-fourths. Here G and B are whole numbers, and the
denominators are in A: with inputs and kernels in {-1, 0, +1} all intermediate sums are whole
numbers, which float32 represents exactly, so the result is exactly that of the direct convolution.
"""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import tensorflow as tf

from larq_bop.backend.tensorflow.compilation import compiled

_OUT = 4
_IN = 6
_KERNEL = 3

# A batch is cut into parts, each with at most this many values in tiles for each image of the whole
# batch. Otherwise the tensors of tiles would be the largest of the network.
_MOST_VALUES_OF_AN_IMAGE = 75_000

_B = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_G = np.array([[1, 0, 0], [1, 1, 1], [1, -1, 1], [1, 2, 4], [1, -2, 4], [0, 0, 1]])
_A = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
_DENOMINATORS = np.array([4, -6, -6, 24, 24, 1])


def _in_two_dimensions(matrix) -> np.ndarray:
    return np.kron(matrix, matrix).astype("float32")


_BB, _GG = _in_two_dimensions(_B), _in_two_dimensions(_G)
_SCALE = 24**2
_AA = _in_two_dimensions(24 // _DENOMINATORS * _A)


def convolve(inputs, kernel, padding: str):
    """Returns the convolution of binary images with a 3x3 kernel, strides and dilation 1.

    Args:
        inputs: Images in {-1, 0, +1}, float32 `(batch, height, width, channels)`; height and width
            are known.
        kernel: Float32 `(3, 3, channels, filters)`.
        padding: `"same"` or `"valid"`.

    Returns:
        Float32 `(batch, new height, new width, filters)`.
    """
    tiling = _tiling(inputs.shape[1], inputs.shape[2], padding)
    num_parts = -(-tiling.num_tiles * _IN**2 * kernel.shape[2] // _MOST_VALUES_OF_AN_IMAGE)

    @tf.custom_gradient
    def convolution(inputs, kernel):
        # One byte per value is kept for the gradient, not the tiles, which take nine.
        kept = tf.cast(inputs, tf.int8)

        def forward(images, w):
            x = _transformed(_BB, tiling.split(images))
            return tiling.join_outputs(_transformed(_AA, x @ w))

        def backward(images, upstream, w):
            y = _transformed(_AA.T / _SCALE, tiling.split_outputs(upstream))
            for_images = tiling.join(_transformed(_BB.T, tf.matmul(y, w, transpose_b=True)))
            # Both at once would take twice the memory.
            with tf.control_dependencies([for_images]):
                x = _transformed(_BB, tiling.split(tf.identity(images)))
            return for_images, tf.matmul(x, y, transpose_a=True)

        def gradient(upstream):
            w = _transformed_kernel(kernel, after=upstream)
            for_inputs, for_w = _in_parts(lambda x, y: backward(x, y, w), num_parts, kept, upstream)
            for_kernel = _GG.T @ tf.reshape(tf.add_n(for_w), [_IN**2, -1])
            return tf.concat(for_inputs, 0), tf.reshape(for_kernel, kernel.shape)

        w = _transformed_kernel(kernel, after=inputs)
        (outputs,) = _in_parts(lambda x: [forward(x, w)], num_parts, inputs)
        return tf.concat(outputs, 0), gradient

    return convolution(inputs, kernel)


def _in_parts(function, number: int, *batches) -> list:
    """Calls a function with one part of each batch after the other, and returns lists of results.

    A batch with fewer images than parts has empty ones.
    """
    bounds = [tf.shape(batches[0])[0] * i // number for i in range(number + 1)]
    results: list = []
    for start, stop in itertools.pairwise(bounds):
        # Otherwise TensorFlow would start all parts at once, and those of a gradient as soon as the
        # inputs are known.
        with tf.control_dependencies(results[-1] if results else batches):
            results.append(function(*(batch[start:stop] for batch in batches)))
    return list(zip(*results, strict=True))


def _transformed_kernel(kernel, after):
    # Otherwise TensorFlow would start the step with the transforms of all kernels, which are four
    # times as large as the kernels, and keep them until they are used.
    with tf.control_dependencies([after]):
        transformed = _GG @ tf.reshape(tf.identity(kernel), [_KERNEL**2, -1])
    return tf.reshape(transformed, [_IN**2, *kernel.shape[2:]])


def _transformed(matrix, tiles):
    """Returns linear combinations of the places of each tile, with the rows of a matrix."""
    places, channels = matrix.shape[1], tiles.shape[-1]
    num_tiles = tf.shape(tiles)[1]
    combined = matrix @ tf.reshape(tiles, [places, num_tiles * channels])
    return tf.reshape(combined, [matrix.shape[0], num_tiles, channels])


class _Tiling:
    """Cuts images into tiles, and puts tiles together.

    Tiles have the shape `(places in a tile, tiles, channels)`. Each method is compiled into one
    pass over memory: as separate operations, moving data takes longer than the arithmetic.

    Args:
        height: Height of the images, in pixels.
        width: Width of the images, in pixels.
        padding: The padding of the convolution, `"same"` or `"valid"`.
    """

    def __init__(self, height: int, width: int, padding: str):
        self.margin = 1 if padding == "same" else 0
        self.in_size = (height, width)
        self.out_size = tuple(n + 2 * self.margin - 2 for n in self.in_size)
        self.tiles = tuple(-(-n // _OUT) for n in self.out_size)
        self.num_tiles = math.prod(self.tiles)
        self.split = compiled(self._split)
        self.split_outputs = compiled(self._split_outputs)
        self.join_outputs = compiled(self._join_outputs)
        self.join = compiled(self._join)

    def _split(self, images):
        """Returns the overlapping 6x6 tiles of padded input images."""
        batch, channels = tf.shape(images)[0], images.shape[-1]
        down, across = self.tiles
        after = [
            _OUT * n + 2 - self.margin - size
            for n, size in zip(self.tiles, self.in_size, strict=True)
        ]
        x = tf.pad(
            tf.cast(images, tf.float32), [(0, 0), *((self.margin, n) for n in after), (0, 0)]
        )
        for axis, n in enumerate(self.tiles, start=1):
            x = tf.gather(x, (np.arange(_IN)[:, None] + _OUT * np.arange(n)).ravel(), axis=axis)
        x = tf.reshape(x, [batch, _IN, down, _IN, across, channels])
        return tf.reshape(
            tf.transpose(x, [1, 3, 0, 2, 4, 5]), [_IN**2, batch * self.num_tiles, channels]
        )

    def _join(self, tiles):
        """The transpose of `_split`: adds up the values of overlapping tiles for each pixel."""
        batch, channels = tf.shape(tiles)[1] // self.num_tiles, tiles.shape[-1]
        down, across = self.tiles
        x = tf.reshape(tiles, [_IN, _IN, batch, down, across, channels])
        x = tf.reshape(
            tf.transpose(x, [2, 0, 3, 1, 4, 5]), [batch, _IN * down, _IN * across, channels]
        )
        for axis, (n, size) in enumerate(zip(self.tiles, self.in_size, strict=True), start=1):
            # A pixel lies in the first four rows of one tile, in the last two of the one before,
            # or in both.
            tile, place = np.divmod(self.margin + np.arange(size), _OUT)
            x = _picked(x, axis, place * n + tile, tile < n) + _picked(
                x, axis, (place + _OUT) * n + tile - 1, (place < _IN - _OUT) & (tile > 0)
            )
        return x

    def _split_outputs(self, images):
        """Returns the adjoining 4x4 tiles of images of the convolution's output size."""
        batch, channels = tf.shape(images)[0], images.shape[-1]
        down, across = self.tiles
        beyond = [_OUT * n - size for n, size in zip(self.tiles, self.out_size, strict=True)]
        x = tf.pad(images, [(0, 0), *((0, n) for n in beyond), (0, 0)])
        x = tf.reshape(x, [batch, down, _OUT, across, _OUT, channels])
        return tf.reshape(
            tf.transpose(x, [2, 4, 0, 1, 3, 5]), [_OUT**2, batch * self.num_tiles, channels]
        )

    def _join_outputs(self, tiles):
        """Returns images from adjoining 4x4 tiles in 576ths."""
        batch, channels = tf.shape(tiles)[1] // self.num_tiles, tiles.shape[-1]
        down, across = self.tiles
        x = tf.reshape(tiles, [_OUT, _OUT, batch, down, across, channels])
        x = tf.transpose(x, [2, 3, 0, 4, 1, 5])
        x = tf.reshape(x, [batch, _OUT * down, _OUT * across, channels])
        # A division, not a product with the inverse, keeps whole numbers exact.
        return x[:, : self.out_size[0], : self.out_size[1]] / _SCALE


def _picked(x, axis: int, indices, present):
    """Returns the rows of `x` at the indices, and zeros where `present` is false."""
    shape = [-1 if i == axis else 1 for i in range(4)]
    rows = tf.gather(x, np.where(present, indices, 0), axis=axis)
    return tf.where(tf.reshape(present, shape), rows, 0.0)


_tiling = functools.cache(_Tiling)
