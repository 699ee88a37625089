"""Out to devices: a `.tflite` file for Larq Compute Engine, at one bit a binary weight."""

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
    """What came out of a conversion.

    Attributes:
        path: The file.
        binary_operators: How many convolutions the engine computes with bits.
        size: The file's size in bytes.
        float32_size: The bytes of the model's weights in float32.
        float32_layers: The layers with weights that the engine computes in float32, by name.
        float32_signs: The layers whose values the next ones read by their signs, and which the
            engine rounds, by name: sums, averages, first layers. Where such a value is 0 within
            rounding, its sign may be another than the model's.
        precisions: The dtype policies of the model's layers that are not float32. Where such a
            layer rounds, the model predicts otherwise than the engine, and than itself in float32.
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

    Binary dense layers become the equal binary convolutions, since the engine keeps the weights of
    dense layers in float32. A layer that does not binarize its input, as the first one of most
    networks, is computed in float32, as it was trained. All else is computed in float32, too, also
    where the model was trained in another precision.

    Where the batch normalization of a binary layer is read by its signs alone, the file has the
    signs of the model's own layer, called by itself, however the engine rounds. Scaled kernels
    (`magnitude_aware_sign`) leave it to the model how it rounds its sums.

    The file expects what the model does: of `python -m experiments`, images scaled to [-1, 1].
    Where a convolution has groups, the engine needs its option `use_indirect_bgemm`.

    Args:
        model: A model of larq_bop on Keras 3 or of Larq on Keras 2, or the path of a saved one. It
            is left as it is.
        path: The file to write; what was there is replaced.
        input_unit: What all values of the inputs are whole multiples of, if that is known: 1/255
            of bytes that were scaled to [-1, 1] or to [0, 1]. They are no larger than 65,536 times
            it. A first layer of signs then makes whole multiples of it, too, and the signs of its
            normalization are safe from rounding.
        target: The machine, as the engine calls it: `"arm"`, or `"xcore"`.
        inference_input_type: The type of the inputs, float32 or int8. To take int8, all inputs of
            the model go to layers of `tf.quantization.fake_quant_*` first.
        inference_output_type: The same of the outputs, which come from such layers.
        experimental_default_int8_range: The least and the largest of all values that no such layer
            tells the range of. The engine computes them in int8 then, with other predictions: it
            is for measurements of speed.
        custom_objects: The equals on Keras 2 of what only Keras 3 has, as for `to_larq`.

    Returns:
        What came out.

    Raises:
        CannotConvertError: a ValueError, if the engine would compute a binary layer in float32, or
            something else than the model does; it names all such layers and the cures. Also if it
            has no such target or type, or the model not for the type.
        CannotCrossError: a ValueError, as for `to_larq`.
        ValueError: if `input_unit` is not positive.
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
