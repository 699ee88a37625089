"""Out to devices: a `.tflite` file for Larq Compute Engine, at one bit a binary weight."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import larq
import tf_keras

from larq_bop.larq.crossing import from_larq, load, to_larq
from larq_bop.larq.dense_as_convolution import is_binary, with_convolutions

__all__ = ["CannotConvertError", "Conversion", "convert"]


class CannotConvertError(ValueError):
    """Larq Compute Engine would run a binary layer in float32."""


@dataclasses.dataclass(frozen=True)
class Conversion:
    """What came out of a conversion.

    Attributes:
        path: The file.
        binary_operators: How many convolutions the engine computes with bits.
        size: The file's size in bytes.
        float32_size: The bytes of the model's weights in float32.
        float32_layers: The layers with weights that the engine computes in float32, by name.
    """

    path: Path
    binary_operators: int
    size: int
    float32_size: int
    float32_layers: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.binary_operators} binary operators, {self.size:,} bytes, "
            f"1/{self.float32_size / self.size:.1f} of the {self.float32_size:,} bytes of the "
            f"weights in float32. In float32: {', '.join(self.float32_layers) or 'nothing'}."
        )


def convert(model, path) -> Conversion:
    """Converts a model to a `.tflite` file for Larq Compute Engine.

    Binary dense layers become the equal binary convolutions, since the engine keeps the weights of
    dense layers in float32. A layer that does not binarize its input, as the first one of most
    networks, is computed in float32, as it was trained.

    Args:
        model: A model of larq_bop on Keras 3 or of Larq on Keras 2, or the path of a saved one.
        path: The file to write; what was there is replaced.

    Returns:
        What came out.

    Raises:
        CannotConvertError: a ValueError, if the engine would compute a binary layer in float32; it
            names the layer and the cure.
        CannotCrossError: a ValueError, as for `to_larq`.
        ImportError: if larq-compute-engine is not installed.
    """
    # Not at the top: it is not needed for anything else here, and not to be had everywhere.
    import larq_compute_engine

    if isinstance(model, (str, os.PathLike)):
        model = load(model)
    model = _in_float32_with_latent_kernels(model)
    binary = [layer for layer in model._flatten_layers() if _is_meant_to_be_binary(layer)]
    for layer in binary:
        _check(layer)
    content = larq_compute_engine.convert_keras_model(with_convolutions(model))
    operators = _count(content, b"LceBconv2d")
    if operators < len(binary):
        raise CannotConvertError(
            f"Larq Compute Engine computes {operators} operators with bits, and the model has "
            f"{len(binary)} binary layers: {', '.join(layer.name for layer in binary)}. Layers "
            "inside of models inside do not convert: put them into the outer model."
        )
    path = Path(path)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return Conversion(
        path=path,
        binary_operators=operators,
        size=len(content),
        float32_size=4 * model.count_params(),
        float32_layers=tuple(
            layer.name for layer in model.layers if hasattr(layer, "kernel") and layer not in binary
        ),
    )


def _in_float32_with_latent_kernels(model):
    """Returns a Larq model in float32 whose binary kernels stand behind `ste_sign`."""
    if not isinstance(model, tf_keras.Model):
        return to_larq(model, dtype="float32")
    layers = list(model._flatten_layers())
    plain = all(layer.dtype_policy.name == "float32" for layer in layers)
    quantizers = [getattr(layer, "kernel_quantizer", None) for layer in layers]
    if plain and not any(isinstance(each, larq.quantizers.NoOp) for each in quantizers):
        return model
    return to_larq(from_larq(model), dtype="float32")


def _is_meant_to_be_binary(layer) -> bool:
    kernels = ("kernel_quantizer", "depthwise_quantizer", "pointwise_quantizer")
    return getattr(getattr(layer, "input_quantizer", None), "precision", None) == 1 and any(
        getattr(getattr(layer, name, None), "precision", None) == 1 for name in kernels
    )


def _check(layer) -> None:
    """Refuses a layer that the engine would compute in float32."""
    if type(layer) not in (larq.layers.QuantConv2D, larq.layers.QuantDense):
        cure = "Use a QuantConv2D or QuantDense, or give it no quantizers"
    elif not is_binary(layer):
        cure = 'Give it quantizers that make signs: "ste_sign"'
    elif isinstance(layer, larq.layers.QuantDense):
        cure = "Give it an input of at most four axes" if len(layer.input_shape) > 4 else None
    elif layer.data_format != "channels_last":
        cure = 'Use data_format="channels_last"'
    elif layer.groups != 1 and layer.input_shape[-1] // layer.groups % 32:
        cure = "Let each group have a multiple of 32 input channels"
    elif layer.padding == "same" and layer.pad_values not in (0, 1):
        cure = "Pad with 0 or 1"
    else:
        cure = None
    if cure:
        raise CannotConvertError(
            f"Larq Compute Engine would compute the layer {layer.name!r} "
            f"({type(layer).__name__}) in float32. {cure}."
        )


def _count(content: bytes, name: bytes) -> int:
    """Counts the custom operators of a name in a `.tflite` file."""
    from larq_compute_engine.mlir.python import tflite_schema

    model = tflite_schema.ModelT.InitFromObj(tflite_schema.Model.GetRootAsModel(content, 0))
    codes = [code.customCode for code in model.operatorCodes]
    return sum(
        codes[operator.opcodeIndex] == name
        for graph in model.subgraphs
        for operator in graph.operators
    )
