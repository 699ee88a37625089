"""Conversion of models: from larq_bop on Keras 3 to Larq on Keras 2, and back."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from larq_bop.larq.customs import Customs
from larq_bop.larq.loading import load
from larq_bop.larq.models import Crossing
from larq_bop.larq.side import Side

__all__ = ["from_larq", "to_larq"]


def to_larq(model, dtype: str | None = None, custom_objects: Mapping[Any, Callable] | None = None):
    """Converts a larq_bop model on Keras 3 to an equivalent Larq model on Keras 2.

    The architecture and the weights are converted; predictions stay the same within float32
    rounding. Kernels that are binary themselves, as Bop trains them, become `ste_sign` kernels with
    the same signs. The new model is not compiled.

    Args:
        model: A Sequential or functional model of Keras 3, or the path of its `.keras` or `.h5`
            file.
        dtype: The dtype policy of all layers, or None to keep that of each layer.
        custom_objects: Equivalents on Keras 2 for layers and other parts that only Keras 3 has, as
            for `from_larq`.

    Returns:
        A model of `tf.keras`.

    Raises:
        CannotCrossError: a ValueError, if layers have no equivalent in Larq or `tf.keras`; it names
            all of them.
        TypeError: if `model` is not a model of Keras 3 or a path, or `custom_objects` is invalid.
        FileNotFoundError: if there is no file at the path.
        ValueError: if the file cannot be loaded.
    """
    return with_origins(model, dtype, custom_objects)[0]


def with_origins(
    model, dtype: str | None = None, custom_objects: Mapping[Any, Callable] | None = None
) -> tuple[Any, Callable]:
    """Returns the result of `to_larq`, and a function from its layers to the original layers."""
    customs = Customs(custom_objects)
    model = _loaded(model, Side.KERAS_3, customs)
    crossing = Crossing(Side.KERAS_2, dtype, customs)
    there = crossing.model(model)
    return there, lambda layer: crossing.origins.get(id(layer), layer)


def from_larq(model, custom_objects: Mapping[Any, Callable] | None = None):
    """Converts a Larq model on Keras 2 to an equivalent larq_bop model on Keras 3.

    The architecture and the weights are converted; predictions stay the same within float32
    rounding. The new model is not compiled.

    A `Lambda` in a file is code, which never runs: give an equivalent in `custom_objects`.

    Args:
        model: A Sequential or functional model of `tf.keras`, or the path of its `.keras` file,
            `.h5` file or SavedModel.
        custom_objects: Equivalents on Keras 3 for layers, quantizers and other parts that only
            Keras 2 has. A key is a class or function, its name, or the name of one layer. The
            equivalent of a layer is a class that takes the same arguments and has the same weights
            in the same order, a layer, or a function that is called on the layer's inputs. The
            equivalent of another part is a class or the part itself.

    Returns:
        A model of Keras 3.

    Raises:
        CannotCrossError: a ValueError, if layers have no equivalent in larq_bop or Keras 3; it
            names all of them.
        TypeError: if `model` is not a model of Keras 2 or a path, or `custom_objects` is invalid.
        FileNotFoundError: if there is no file at the path.
        ValueError: if the file cannot be loaded.

    Example:

    >>> from_larq(
    ...     strong_baseline,
    ...     custom_objects={LearnedRescaleLayer: MyKeras3Layer, "xnor_weight_scale": my_quantizer},
    ... )
    """
    customs = Customs(custom_objects)
    model = _loaded(model, Side.KERAS_2, customs)
    return Crossing(Side.KERAS_3, customs=customs).model(model)


def _loaded(model, side: Side, customs: Customs):
    if isinstance(model, (str, os.PathLike)):
        model = load(model, customs)
    if not isinstance(model, side.keras.Model):
        raise TypeError(f"Expected a model of {side.keras.__name__}. Received: {model!r}")
    return model
