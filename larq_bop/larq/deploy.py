"""Conversion to `.tflite` files for Larq Compute Engine, with one bit for each binary weight."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tf_keras

from larq_bop import files
from larq_bop.larq import engine
from larq_bop.larq.binary_layers import is_meant_to_be_binary
from larq_bop.larq.crossing import with_origins
from larq_bop.larq.customs import Customs
from larq_bop.larq.engine_model import for_engine
from larq_bop.larq.graph import called_layers
from larq_bop.larq.loading import load
from larq_bop.larq.refusals import CannotConvertError, check_inputs, check_layers
from larq_bop.larq.steps import steps_of

__all__ = ["Conversion", "convert"]


@dataclasses.dataclass(frozen=True)
class Conversion:
    """The result of a conversion.

    Attributes:
        path: The file.
        binary_operators: The number of convolutions that the engine computes with bits.
        size: The size of the file, in bytes.
        float32_size: The size of the model's weights in float32, in bytes.
        float32_layers: The names of the layers with weights that the engine computes in float32.
        float32_signs: The names of the layers whose outputs are rounded by the engine, and of which
            the next layers use only the signs: sums, averages, first layers. If such an output is 0
            within rounding, its sign may differ from the model's.
        precisions: The dtype policies of the model's layers other than float32. Because of the
            rounding in these layers, the model's predictions differ from the engine's, which are
            those of the model in float32.
    """

    path: Path
    binary_operators: int
    size: int
    float32_size: int
    float32_layers: tuple[str, ...]
    float32_signs: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            str(self.path),
            f"  binary operators  {self.binary_operators}",
            f"  in float32        {', '.join(self.float32_layers) or 'nothing'}",
            f"  size              {self.size:,} bytes, 1/{self.float32_size / self.size:.1f} of "
            f"the weights in float32 ({self.float32_size:,} bytes)",
        ]
        if self.float32_signs:
            lines.append(f"  signs of float32  {', '.join(self.float32_signs)}")
        if self.precisions:
            lines.append(
                "  predictions       those of the model in float32, without the rounding of its "
                f"{', '.join(self.precisions)}"
            )
        return "\n".join(lines)


def convert(
    model,
    path,
    *,
    input_unit: float | None = None,
    target: str = "arm",
    inference_input_type="float32",
    inference_output_type="float32",
    experimental_default_int8_range: tuple[float, float] | None = None,
    custom_objects: Mapping[Any, Callable] | None = None,
) -> Conversion:
    """Converts a model to a `.tflite` file for Larq Compute Engine.

    Binary dense layers are replaced by equivalent binary convolutions, since the engine stores the
    weights of dense layers in float32. All layers that are not binary are computed in float32, even
    if the model was trained in another precision. This includes layers that do not binarize their
    input, such as the first layer of most networks.

    If only the signs of a batch normalization after a binary layer are used, the file has the same
    signs as the model's own layer, called by itself, whatever the engine's rounding. With scaled
    kernels (`magnitude_aware_sign`) the model may round its sums in a different way.

    The file expects the same inputs as the model: for models of `python -m experiments`, images
    scaled to [-1, 1]. For a convolution with groups, the engine needs its option
    `use_indirect_bgemm`.

    Args:
        model: A model of larq_bop on Keras 3 or of Larq on Keras 2, or the path of a saved one. It
            does not change.
        path: The file to write. An existing file is replaced.
        input_unit: A number of which all values of the inputs are whole multiples, up to 65,536
            times as large, or None if it is unknown: 1/255 for bytes that were scaled to [-1, 1] or
            [0, 1]. Then the outputs of a first layer with binary weights are whole multiples of it
            as well, and rounding does not change the signs of its normalization.
        target: The engine's target, `"arm"` or `"xcore"`.
        inference_input_type: The type of the inputs, float32 or int8. For int8, all inputs of the
            model must go to layers of `tf.quantization.fake_quant_*` first.
        inference_output_type: The type of the outputs, likewise; for int8 they must come from such
            layers.
        experimental_default_int8_range: The smallest and the largest value, for all values whose
            range no such layer defines. The engine then computes them in int8, which changes the
            predictions: use it only to measure speed.
        custom_objects: Equivalents on Keras 2 for layers and other parts that only Keras 3 has, as
            for `to_larq`.

    Returns:
        The conversion's result.

    Raises:
        CannotConvertError: a ValueError, if the engine would compute a binary layer in float32, or
            something other than the model; it names all such layers and how to change them. Also if
            the engine does not support the target or type, or the model does not fit the type.
        CannotCrossError: a ValueError, as for `to_larq`.
        ValueError: if `input_unit` is not positive, or a saved model cannot be loaded.
        OSError: if the file cannot be written.
        ImportError: if larq-compute-engine is not installed.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent} to write {path.name} to.")
    if input_unit is not None and not 0 < input_unit < math.inf:
        raise ValueError(f"Expected `input_unit` to be positive. Received: {input_unit}")
    if isinstance(model, (str, os.PathLike)):
        model = load(model, Customs(custom_objects))
    larqs, origin = model, lambda layer: layer
    if not isinstance(model, tf_keras.Model):
        larqs, origin = with_origins(model, "float32", custom_objects)
    check_inputs(larqs)
    layers = called_layers(larqs)
    check_layers(layers, target)
    binary = [layer for layer in layers if is_meant_to_be_binary(layer)]
    steps = steps_of(larqs, origin, input_unit)
    int8_range = experimental_default_int8_range
    content = engine.converted(
        for_engine(larqs, steps.normalizations),
        target=target,
        inference_input_type=inference_input_type,
        inference_output_type=inference_output_type,
        experimental_default_int8_range=int8_range and tuple(int8_range),
    )
    operators = engine.count(content, b"LceBconv2d")
    if operators != len(binary):
        raise CannotConvertError(
            f"Larq Compute Engine computes {operators} operators with bits, and the model has "
            f"{len(binary)} calls of binary layers: {', '.join(each.name for each in binary)}."
        )
    files.replace(path, content)
    return Conversion(
        path=path,
        binary_operators=operators,
        size=len(content),
        float32_size=4 * larqs.count_params(),
        float32_layers=tuple(
            dict.fromkeys(each.name for each in layers if _has_kernel(each) and each not in binary)
        ),
        float32_signs=steps.float32,
        precisions=_precisions(model),
    )


def _precisions(model) -> tuple[str, ...]:
    names = {layer.dtype_policy.name for layer in model._flatten_layers()}
    return tuple(sorted(name for name in names if "float" in name and name != "float32"))


def _has_kernel(layer) -> bool:
    return any(hasattr(layer, name) for name in ("kernel", "depthwise_kernel"))
