"""The VGG-like network of the paper's and the report's CIFAR-10 experiments."""

from __future__ import annotations

from pathlib import Path

import keras

from larq_bop.export import load_packed
from larq_bop.initializers import BinaryGlorotNormal
from larq_bop.layers import BatchNormalization, MaxPooling2D, QuantConv2D, QuantDense
from larq_bop.quantizers import NoOp
from larq_bop.rematerialization import not_rematerialized

__all__ = ["binarynet"]

_CIFAR10 = Path(__file__).parent / "weights" / "binarynet_cifar10.npz"


def binarynet(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    num_classes: int = 10,
    filters: int = 128,
    dense_units: int = 1024,
    latent_weights: bool = False,
    weights: str | Path | None = None,
) -> keras.Model:
    """The report's section 3.3: BinaryNet, 14,022,016 binary weights for CIFAR-10.

    Six binary 3x3 "same" convolutions with 1, 1, 2, 2, 4 and 4 times `filters` filters, 2x2 max
    pooling after every second one, then three dense layers. There are no biases. After each layer,
    and after the pooling where there is one, comes a batch normalization without scale. All layers
    except the first binarize their input.

    The paper's own code differs in two points: its first convolution is "valid", which gives
    10,352,000 weights, and the momentum of its batch normalization is 0.99 instead of 0.9.

    Args:
        input_shape: Height, width and channels of an image, scaled to [-1, 1].
        num_classes: The number of classes.
        filters: Output channels of the first convolution.
        dense_units: Width of the two hidden dense layers.
        latent_weights: False for kernels that are binary themselves, for Bop; True for the
            baseline with latent weights in [-1, 1] and `ste_sign`, for Adam.
        weights: None for untrained weights; `"cifar10"` for the trained weights in this package,
            for images whose bytes are scaled to [-1, 1] by `x / 127.5 - 1` and for CIFAR-10's order
            of labels; or a file that `larq_bop.export.save_packed` wrote. The weights `"cifar10"`
            come from `python -m experiments cifar10 --preset fast --dtype-policy mixed_bfloat16`,
            60 epochs of Bop on all training images. They classify 90.0 % of the test images
            correctly in float32 and 90.2 % in mixed_bfloat16.

    Returns:
        A model from `(batch, *input_shape)` to class probabilities `(batch, num_classes)`.

    Raises:
        ValueError: if the weights belong to a network of another shape, or `weights` is neither
            `"cifar10"` nor an existing file.

    References:
        Helwegen et al. 2019 (arXiv 1906.02107), section 5.2; Courbariaux et al. 2016.
    """
    file = _file(weights, tuple(input_shape), num_classes, filters, dense_units)
    inputs = keras.Input(input_shape)
    x = inputs
    for i, multiple in enumerate((1, 1, 2, 2, 4, 4)):
        x = QuantConv2D(
            multiple * filters,
            3,
            padding="same",
            input_quantizer="ste_sign" if i else None,
            use_bias=False,
            **_kernel(latent_weights),
        )(x)
        if i % 2:
            x = MaxPooling2D(2)(x)
        x = _normalized(x)
    x = keras.layers.Flatten()(x)
    for units in (dense_units, dense_units, num_classes):
        x = QuantDense(
            units, input_quantizer="ste_sign", use_bias=False, **_kernel(latent_weights)
        )(x)
        x = _normalized(x)
    outputs = keras.layers.Activation("softmax", dtype="float32")(x)
    model = not_rematerialized(inputs, outputs, "binarynet")
    if file is not None:
        load_packed(file, model)
    return model


def _file(weights: str | Path | None, *shape) -> Path | None:
    """Returns the file of the weights, or None for untrained weights."""
    trained = ((32, 32, 3), 10, 128, 1024)
    if weights == "cifar10":
        if shape != trained:
            names = ("input_shape", "num_classes", "filters", "dense_units")
            told = (
                ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
                for values in (trained, shape)
            )
            raise ValueError(
                "weights='cifar10' belong to a network of {}. Received: {}".format(*told)
            )
        return _CIFAR10
    if weights is not None and not Path(weights).is_file():
        raise ValueError(
            "`weights` must be None, 'cifar10' or a file that larq_bop.export.save_packed wrote. "
            f"Received: weights={str(weights)!r}"
        )
    return None if weights is None else Path(weights)


def _kernel(latent_weights: bool) -> dict:
    if latent_weights:
        return {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
    return {"kernel_quantizer": NoOp(precision=1), "kernel_initializer": BinaryGlorotNormal()}


def _normalized(x):
    # A flip changes activations more than a small step of a latent weight does. Averages over a
    # hundred batches, Keras' default, lag behind, and validation suffers while many weights flip.
    return BatchNormalization(momentum=0.9, scale=False)(x)
