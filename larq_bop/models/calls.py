"""How often a model calls its layers, and with which shapes."""

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
        input_shapes: The shapes of its inputs, including the batch; None stands for any size.
        output_shapes: The shapes of its outputs, likewise.
    """

    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]


def calls_of_layers(model: keras.Model) -> dict[int, list[Call]]:
    """Returns the calls of each layer in one call of the model, by the layer's identity.

    Sequential and functional models record them. For a subclassed model, each layer counts as
    called once, with the shapes that it was built for.

    Args:
        model: A built model.
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
    """Returns one call with the shapes that the layer was built for, or none if they are unknown.

    Args:
        layer: A layer or model, which may belong to another model.
    """
    if _graph(layer) is not None:
        return [Call(_shapes(layer.input_shape), _shapes(layer.output_shape))]
    shape = (layer.get_build_config() or {}).get("input_shape")
    if shape is None:
        return []
    try:
        return [Call(_shapes(shape), _shapes(layer.compute_output_shape(shape)))]
    except NotImplementedError:  # From layers without `compute_output_shape`.
        return []


def _graph(model):
    """Returns the functional model that records the calls: itself, or that inside a Sequential."""
    graph = getattr(model, "_functional", None) or model
    return graph if hasattr(graph, "_nodes_by_depth") else None


def _shapes(nested) -> tuple[Shape, ...]:
    """Returns the shapes in a nested structure of shapes."""
    shapes: list[Sequence[int | None]] = []
    keras.tree.map_shape_structure(shapes.append, nested)
    return tuple(tuple(shape) for shape in shapes)
