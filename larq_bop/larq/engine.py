"""Larq Compute Engine's own converter, and the operators in the file that it writes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable

import tensorflow as tf

from larq_bop.larq.refusals import CannotConvertError

__all__ = ["converted", "count"]


def converted(model, **options) -> bytes:
    """Converts a model of Keras 2 without changing it first.

    Args:
        model: The model.
        **options: Arguments of `larq_compute_engine.convert_keras_model`; types can be names.

    Returns:
        The content of a `.tflite` file.

    Raises:
        CannotConvertError: if the engine fails, or writes inputs or outputs of another type.
        ImportError: if larq-compute-engine is not installed.
    """
    ends = ("inference_input_type", "inference_output_type")
    try:
        options |= {end: tf.as_dtype(options[end]) for end in ends if end in options}
        content = _written(model, options)
    except ImportError:
        raise
    except Exception as error:  # It raises Exception itself.
        raise CannotConvertError(
            f"Larq Compute Engine cannot convert the model {model.name!r}: {error}"
        ) from error
    graph = _parsed(content).subgraphs[0]
    for end, tensors in zip(ends, (graph.inputs, graph.outputs), strict=True):
        # If the engine cannot write int8, it writes float32 and warns of something else.
        if options.get(end) == tf.int8 and any(not _is_int8(graph.tensors[i]) for i in tensors):
            raise CannotConvertError(
                f"Larq Compute Engine cannot convert the model {model.name!r} with {end}=int8: "
                "int8 needs a layer of tf.quantization.fake_quant_with_min_max_vars at each of "
                "these ends of the model."
            )
    return content


def _written(model, options) -> bytes:
    # Not at the top: nothing else here needs it, and it is not available on all platforms.
    try:
        from larq_compute_engine import convert_keras_model, convert_saved_model
    except ImportError as error:
        raise ImportError(
            "To convert models, install Larq Compute Engine: pip install larq-compute-engine"
        ) from error
    try:
        with tempfile.TemporaryDirectory() as folder:
            holder = tf.Module()
            holder.values = model.variables
            tf.saved_model.save(holder, folder, signatures=_prediction(model))
            return convert_saved_model(folder, **options)
    except Exception:
        # This saves the model with all ways to call each layer, which takes most of its time, and
        # then tries a second format.
        return convert_keras_model(model, **options)


def _prediction(model) -> Callable:
    """Returns a model's prediction as a function, with the model's names of inputs and outputs."""

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec(tensor.shape, tensor.dtype, name)
            for tensor, name in zip(model.inputs, model.input_names, strict=True)
        ],
    )
    def predict(*inputs):
        outputs = model(tf.nest.pack_sequence_as(model.input, inputs), training=False)
        return dict(zip(model.output_names, tf.nest.flatten(outputs), strict=True))

    return predict


def count(content: bytes, name: bytes) -> int:
    """Counts the custom operators of a name in a `.tflite` file."""
    model = _parsed(content)
    codes = [code.customCode for code in model.operatorCodes]
    return sum(
        codes[operator.opcodeIndex] == name
        for graph in model.subgraphs
        for operator in graph.operators
    )


def _is_int8(tensor) -> bool:
    from larq_compute_engine.mlir.python import tflite_schema

    return tensor.type == tflite_schema.TensorType.INT8


def _parsed(content: bytes):
    from larq_compute_engine.mlir.python import tflite_schema

    return tflite_schema.ModelT.InitFromObj(tflite_schema.Model.GetRootAsModel(content, 0))
