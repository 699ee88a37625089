"""Models across: from larq_bop on Keras 3 to Larq on Keras 2, and back."""

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
    """Returns the Larq model on Keras 2 that equals a larq_bop model on Keras 3.

    Architecture and weights cross, predictions stay the same within float32 rounding. Kernels that
    are binary themselves, as Bop trains them, become `ste_sign` kernels that hold the same signs.
    The model is not compiled.

    Args:
        model: A Sequential or functional model of Keras 3, or the path of the `.keras` or `.h5`
            file that it was saved to.
        dtype: The dtype policy of all layers, or None for those that they have.
        custom_objects: The equals on Keras 2 of what only Keras 3 has, as for `from_larq`.

    Returns:
        A model of `tf.keras`.

    Raises:
        CannotCrossError: a ValueError, if layers have no equal in Larq or `tf.keras`; it names all
            of them.
    """
    return with_origins(model, dtype, custom_objects)[0]


def with_origins(
    model, dtype: str | None = None, custom_objects: Mapping[Any, Callable] | None = None
) -> tuple[Any, Callable]:
    """Returns what `to_larq` does, and a function from its layers to those that they equal."""
    customs = Customs(custom_objects)
    model = _loaded(model, Side.KERAS_3, customs)
    crossing = Crossing(Side.KERAS_2, dtype, customs)
    there = crossing.model(model)
    return there, lambda layer: crossing.origins.get(id(layer), layer)


def from_larq(model, custom_objects: Mapping[Any, Callable] | None = None):
    """Returns the larq_bop model on Keras 3 that equals a Larq model on Keras 2.

    Architecture and weights cross, predictions stay the same within float32 rounding. The model is
    not compiled.

    A `Lambda` in a file is code, which never runs: it crosses as what is given for it.

    Args:
        model: A Sequential or functional model of `tf.keras`, or the path of the `.keras`, `.h5`
            or SavedModel that it was saved to.
        custom_objects: The equals on Keras 3 of layers, quantizers and other parts that only
            Keras 2 has: by their class or function, by its name, or by the name of one layer. The
            equal of a layer is a class that takes the same arguments and has the same weights in
            the same order, a layer, or a function that is called on the layer's inputs. The equal
            of a part is a class or the part itself.

    Returns:
        A model of Keras 3.

    Raises:
        CannotCrossError: a ValueError, if layers have no equal in larq_bop or Keras 3; it names all
            of them.
        TypeError: if `custom_objects` holds anything else.

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
