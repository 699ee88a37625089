"""Batch normalizations of which only the signs are used: steps, moved away from rounding.

A binary layer computes integers. If only the sign of the batch normalization after it is used,
possibly after maximum pooling and flattening, then each channel is a step function of an integer.
Larq Compute Engine folds the normalization into a factor and an offset. If an integer is on the
step within rounding, the engine's sign may differ from the model's. If the step is moved to the
middle between two neighbouring integers, the function is the same, and rounding has no effect.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import tf_keras

from larq_bop.larq.binary_layers import makes_signs
from larq_bop.larq.dtypes import in_float32
from larq_bop.larq.graph import Call, Graph
from larq_bop.larq.integers import Integers, integers_of, step_between

__all__ = ["Steps", "steps_of"]

_LAYERS = tf_keras.layers

# In a prediction, the outputs of these layers are inputs in the same order, or the largest ones.
_KEEPERS = (
    *(_LAYERS.MaxPooling1D, _LAYERS.MaxPooling2D, _LAYERS.MaxPooling3D, _LAYERS.Flatten),
    *(_LAYERS.GlobalMaxPooling1D, _LAYERS.GlobalMaxPooling2D, _LAYERS.GlobalMaxPooling3D),
    *(_LAYERS.Reshape, _LAYERS.Dropout, _LAYERS.ActivityRegularization),
)

# The outputs of these layers have the signs of inputs, in any order.
_MOVERS = (*_KEEPERS, _LAYERS.Permute, _LAYERS.Concatenate, _LAYERS.Cropping2D)


@dataclasses.dataclass(frozen=True)
class Steps:
    """The layers of a model of which only the signs are used.

    Attributes:
        normalizations: Weights for the batch normalizations that are steps, by the `id` of the
            layer: the step is in the middle between two possible inputs.
        float32: The names of the other layers, whose outputs are rounded.
    """

    normalizations: dict[int, list[np.ndarray]]
    float32: tuple[str, ...]


def steps_of(
    model, origin: Callable = lambda layer: layer, input_unit: float | None = None
) -> Steps:
    """Finds the layers of which only the signs are used, and moves steps away from rounding.

    Args:
        model: A model of Keras 2 that can be converted.
        origin: A function from a layer to the original layer, of Keras 3 or 2, whose steps it has.
        input_unit: A number of which all values of the inputs are whole multiples, or None if it is
            unknown. With it, the possible outputs of a first binary layer are known.
    """
    graph = Graph(model)
    moved, float32 = {}, []
    for call in _read_by_sign(graph):
        layer = call.layer
        if not isinstance(layer, _LAYERS.BatchNormalization):
            integers = _integers(graph, call, input_unit)
            if integers is None or not integers.are_exact:
                float32.append(layer.name)
        elif integers := _integers_below(graph, call, input_unit):
            moved[id(layer)] = _moved(origin(layer), integers, call.shape)
        else:
            float32.append(layer.name)
    return Steps(moved, tuple(dict.fromkeys(float32)))


def _read_by_sign(graph: Graph) -> list[Call]:
    """Returns the calls whose outputs are not signs, and of which a layer uses the signs."""
    found = {}
    for call in graph.calls:
        if _takes_signs(call):
            for maker in _sources(graph, call, _MOVERS):
                if not _gives_signs(maker):
                    found[maker.outputs] = maker
    return list(found.values())


def _sources(graph: Graph, call: Call, passing: tuple[type, ...]) -> list[Call]:
    """Returns the calls that compute the inputs of a call, before layers of some kinds."""
    found = []
    for maker in graph.makers(call):
        found += _sources(graph, maker, passing) if _passes(maker, passing) else [maker]
    return found


def _passes(call: Call, passing: tuple[type, ...]) -> bool:
    layer = call.layer
    if isinstance(layer, _LAYERS.Activation):
        return layer.activation is tf_keras.activations.linear
    is_last = getattr(layer, "data_format", None) in (None, "channels_last")
    return isinstance(layer, passing) and is_last and not call.training


def _takes_signs(call: Call) -> bool:
    return makes_signs(getattr(call.layer, "input_quantizer", None)) or makes_signs(call.layer)


def _gives_signs(call: Call) -> bool:
    return makes_signs(call.layer) or makes_signs(getattr(call.layer, "activation", None))


def _integers(graph: Graph, call: Call, input_unit: float | None) -> Integers | None:
    """Returns the possible outputs of a call for signs, or for the model's inputs, if known."""
    is_first = not _sources(graph, call, _KEEPERS) and len(graph.inputs) == 1
    return integers_of(call.layer, input_unit if is_first else None)


def _integers_below(graph: Graph, call: Call, input_unit: float | None) -> Integers | None:
    """Returns the possible inputs of a normalization of which only the signs are used, or None."""
    layer, features = call.layer, call.shape[-1]
    below = _sources(graph, call, _KEEPERS)
    if (
        len(below) != 1
        or features is None
        or call.training
        or len(graph.calls_of(layer)) != 1
        or list(layer.axis) != [len(call.shape) - 1]
        or not _is_read_by_sign_alone(graph, call)
    ):
        return None
    integers = _integers(graph, below[0], input_unit)
    if integers is None or not _keeps_channels(graph, call, below[0]):
        return None
    return integers.repeated(features // len(integers.units))


def _is_read_by_sign_alone(graph: Graph, call: Call) -> bool:
    if not set(call.outputs).isdisjoint(graph.outputs):
        return False
    return all(
        _takes_signs(reader) or (_passes(reader, _MOVERS) and _is_read_by_sign_alone(graph, reader))
        for reader in graph.readers(call)
    )


def _keeps_channels(graph: Graph, call: Call, source: Call) -> bool:
    """Returns whether the place on the last axis determines the channel, from source to call."""
    channels = source.shape[-1]
    while call is not source:
        (call,) = graph.makers(call)
        if call.shape[-1] is None or channels is None or call.shape[-1] % channels:
            return False
    return True


def _moved(normalization, integers: Integers, shape: tuple[int | None, ...]) -> list[np.ndarray]:
    """Returns weights with which a normalization has the same sign for each of the integers.

    It then computes plus or minus the difference from a value between two integers.
    """
    rows = [1] * (len(shape) - 1)
    alone = in_float32(normalization)
    alone.build((*rows, shape[-1]))
    alone.set_weights(normalization.get_weights())

    def is_positive(values: np.ndarray) -> np.ndarray:
        outputs = alone(values.reshape(*rows, -1), training=False)
        return np.asarray(outputs).reshape(-1) >= 0

    between, rises = step_between(integers, is_positive)
    gamma = [np.where(rises, 1, -1).astype("float32")] if normalization.scale else []
    beta = [np.zeros_like(between)] if normalization.center else []
    return [*gamma, *beta, between, np.ones_like(between)]
