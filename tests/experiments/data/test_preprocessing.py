import keras
import numpy as np
from keras import ops

from experiments.data.preprocessing import PadCropFlip, Scale, on_bytes
from tests.backends import to_numpy


def moved(image, top, left, mirrored, padding):
    """One image, moved with NumPy's own padding, slicing and reversal."""
    height, width, _ = image.shape
    padded = np.pad(image, [(padding, padding), (padding, padding), (0, 0)])
    crop = padded[top : top + height, left : left + width]
    return crop[:, ::-1] if mirrored else crop


def test_pad_crop_flip_equals_numpy():
    draw = np.random.default_rng(0)
    images = draw.integers(1, 256, (40, 6, 9, 3), dtype="uint8")
    moves = draw.integers(0, [5, 5, 2], (40, 3), dtype="int32")
    expected = [moved(i, *m, padding=2) for i, m in zip(images, moves, strict=True)]
    result = PadCropFlip(2)(ops.convert_to_tensor(images), ops.convert_to_tensor(moves))
    assert keras.backend.standardize_dtype(result.dtype) == "uint8"
    np.testing.assert_array_equal(to_numpy(result), expected)


def test_scale_maps_bytes_to_the_interval_from_minus_one_to_one():
    values = to_numpy(Scale()(ops.convert_to_tensor(np.uint8([0, 51, 255]))))
    np.testing.assert_allclose(values, [-1.0, -0.6, 1.0], atol=1e-7)


def test_on_bytes_is_the_network_on_scaled_images():
    network = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    images = np.random.default_rng(1).integers(0, 256, (3, 4, 4, 1), dtype="uint8")
    model = on_bytes(network, augment=False)
    result = to_numpy(model({"images": ops.convert_to_tensor(images)}))
    np.testing.assert_allclose(result, images.reshape(3, -1) / 127.5 - 1.0, atol=1e-6)


def test_centred_moves_leave_images_where_they_are():
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    images = np.random.default_rng(2).integers(0, 256, (5, 8, 8, 3), dtype="uint8")
    moves = np.tile(np.int32([4, 4, 0]), (5, 1))
    plain = on_bytes(network, augment=False)({"images": ops.convert_to_tensor(images)})
    inputs = {"images": ops.convert_to_tensor(images), "moves": ops.convert_to_tensor(moves)}
    np.testing.assert_array_equal(
        to_numpy(on_bytes(network, augment=True)(inputs)), to_numpy(plain)
    )
