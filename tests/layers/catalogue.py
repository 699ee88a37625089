"""Every quantized layer, with arguments and an input to try it on."""

import numpy as np
import pytest

from larq_bop import layers, quantizers

# Class: its first arguments, the shape of an input, whose sizes are odd and different.
LAYERS = {
    "QuantDense": ([5], (3, 4)),
    "QuantConv1D": ([4, 3], (2, 9, 3)),
    "QuantConv2D": ([4, (3, 2)], (2, 7, 5, 3)),
    "QuantConv3D": ([2, (3, 2, 2)], (1, 5, 4, 3, 2)),
    "QuantDepthwiseConv2D": ([3], (2, 7, 5, 3)),
    "QuantSeparableConv1D": ([4, 3], (2, 9, 3)),
    "QuantSeparableConv2D": ([4, 3], (2, 7, 5, 3)),
    "QuantConv2DTranspose": ([4, 3], (2, 4, 3, 2)),
    "QuantConv3DTranspose": ([2, 2], (1, 3, 2, 4, 2)),
}
PADDED = [name for name in LAYERS if "Conv" in name and "Transpose" not in name]
KINDS = pytest.mark.parametrize("name", LAYERS)


def normal(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def roles(name):
    if "Separable" in name:
        return ["depthwise", "pointwise"]
    return ["depthwise"] if "Depthwise" in name else ["kernel"]


def binary(name, constraint="weight_clip"):
    kernels = {f"{role}_quantizer": "ste_sign" for role in roles(name)}
    constraints = {f"{role}_constraint": constraint for role in roles(name)}
    return {"input_quantizer": "ste_sign", **kernels, **constraints}


def marked(name):
    return {f"{role}_quantizer": quantizers.NoOp(precision=1) for role in roles(name)}


def make(name, /, **arguments):
    return getattr(layers, name)(*LAYERS[name][0], **arguments)
