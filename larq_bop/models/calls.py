"""On which shapes a model calls its layers, and how often."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

import keras

__all__ = ["Call", "calls_of_layers", "calls_when_built"]

Shape = tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a layer.

    Attributes:
        input_shapes: The shapes of its inputs, with the batch; None stands for any size.
        output_shapes: Those of its outputs.
    """

    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]


def calls_of_layers(model: keras.Model) -> dict[int, list[Call]]:
    """Returns the calls of each layer in one call of the model, by the layer's identity.

    A Sequential or functional model knows them. Of a subclassed model only the shapes are known
    that each layer was built for: the layer counts as called once.

    Args:
        model: A model that is built.
    """
    graph = _graph(model)
    if graph is None:
        return {id(layer): calls_when_built(layer) for layer in model.layers}
    calls = defaultdict(list)
    for nodes in graph._nodes_by_depth.values():
        for node in nodes:
            inputs, outputs = (
                tuple(tuple(tensor.shape) for tensor in tensors)
                for tensors in (node.input_tensors, node.output_tensors)
            )
            calls[id(node.operation)].append(Call(inputs, outputs))
    return calls


def calls_when_built(layer: keras.layers.Layer) -> list[Call]:
    """Returns one call on the shapes that the layer was built for, or none if they are not known.

    Args:
        layer: A layer or model, whether or not it belongs to a model.
    """
    if _graph(layer) is not None:
        return [Call(_shapes(layer.input_shape), _shapes(layer.output_shape))]
    shape = (layer.get_build_config() or {}).get("input_shape")
    if shape is None:
        return []
    try:
        return [Call(_shapes(shape), _shapes(layer.compute_output_shape(shape)))]
    except NotImplementedError:  # What Keras raises for a layer that does not tell.
        return []


def _graph(model):
    """Returns what knows the calls: a functional model itself, a Sequential one's inside."""
    graph = getattr(model, "_functional", None) or model
    return graph if hasattr(graph, "_nodes_by_depth") else None


def _shapes(nested) -> tuple[Shape, ...]:
    """Returns the shapes of a nested structure of them."""
    shapes: list[Sequence[int | None]] = []
    keras.tree.map_shape_structure(shapes.append, nested)
    return tuple(tuple(shape) for shape in shapes)
