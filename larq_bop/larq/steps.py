"""Normalizations that are read by their signs alone: steps, put where no rounding can reach.

A binary layer makes integers. If what reads their batch normalization takes its sign, maximum
pooling and flattening in between or not, then each channel is a step function of an integer. Larq
Compute Engine folds the normalization into a factor and an offset, and where an integer falls on
the step within rounding, its sign may be another than the model's. In the middle between two
neighbouring integers the step is the same function, and rounding does not matter.
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

# In a prediction they give what they are given, in the same order, or the largest values of it.
_KEEPERS = (
    *(_LAYERS.MaxPooling1D, _LAYERS.MaxPooling2D, _LAYERS.MaxPooling3D, _LAYERS.Flatten),
    *(_LAYERS.GlobalMaxPooling1D, _LAYERS.GlobalMaxPooling2D, _LAYERS.GlobalMaxPooling3D),
    *(_LAYERS.Reshape, _LAYERS.Dropout, _LAYERS.ActivityRegularization),
)

# What these give has the signs of what they are given, at any place.
_MOVERS = (*_KEEPERS, _LAYERS.Permute, _LAYERS.Concatenate, _LAYERS.Cropping2D)


@dataclasses.dataclass(frozen=True)
class Steps:
    """What is read by its sign in a model.

    Attributes:
        normalizations: The weights of batch normalizations that are steps, with the step in the
            middle between two values that it is given, by the `id` of the layer.
        float32: The names of the other layers whose values are read by their signs, and rounded.
    """

    normalizations: dict[int, list[np.ndarray]]
    float32: tuple[str, ...]


def steps_of(
    model, origin: Callable = lambda layer: layer, input_unit: float | None = None
) -> Steps:
    """Finds what is read by its sign in a model, and puts steps where no rounding can reach.

    Args:
        model: A model of Keras 2 that can be converted.
        origin: Gives, for a layer, the one of either Keras that it equals: the steps are its.
        input_unit: What all values of the inputs are whole multiples of, if that is known: then
            what a first layer of signs makes of them is known, too.
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
    """Returns the calls that make values whose signs a layer takes, and which are no signs yet."""
    found = {}
    for call in graph.calls:
        if _takes_signs(call):
            for maker in _sources(graph, call, _MOVERS):
                if not _gives_signs(maker):
                    found[maker.outputs] = maker
    return list(found.values())


def _sources(graph: Graph, call: Call, passing: tuple[type, ...]) -> list[Call]:
    """Returns the calls that made what a call is given, before layers of some kinds."""
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
    """Returns what a call makes of signs, or of the model's inputs, if that is known."""
    is_first = not _sources(graph, call, _KEEPERS) and len(graph.inputs) == 1
    return integers_of(call.layer, input_unit if is_first else None)


def _integers_below(graph: Graph, call: Call, input_unit: float | None) -> Integers | None:
    """Returns what comes to a normalization, channels last, if only the sign of it is read."""
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
    """Whether a value's place on the last axis tells its channel, all the way from its source."""
    channels = source.shape[-1]
    while call is not source:
        (call,) = graph.makers(call)
        if call.shape[-1] is None or channels is None or call.shape[-1] % channels:
            return False
    return True


def _moved(normalization, integers: Integers, shape: tuple[int | None, ...]) -> list[np.ndarray]:
    """Returns weights of a normalization that has the same sign for each of the integers.

    It is minus or plus the difference from a value that lies between two integers.
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
