"""Classes and functions that have the same name on Keras 3 and Keras 2, and how some differ.

A layer of larq_bop with Larq's name needs no entry here, unless it differs from Larq's.
"""

from __future__ import annotations

from typing import Any

import keras
import larq
import tf_keras

import larq_bop
from larq_bop.larq.side import Side

# The modules on Keras 3 and on Keras 2, by the kind of class or function.
_MODULES = {
    "layers": [
        (larq_bop.layers, larq.layers),
        (larq_bop.layers, tf_keras.layers),
        (keras.layers, tf_keras.layers),
    ],
    "quantizers": [(larq_bop.quantizers, larq.quantizers)],
    "activations": [(larq_bop.activations, larq.activations)],
    "constraints": [
        (larq_bop.constraints, larq.constraints),
        (keras.constraints, tf_keras.constraints),
    ],
    "initializers": [(keras.initializers, tf_keras.initializers)],
    "regularizers": [(keras.regularizers, tf_keras.regularizers)],
}

# Names with different meanings on Keras 3 and Keras 2, and how these differ.
DIFFERENT = {
    "Discretization": "its dtype is its input's on Keras 3 and its output's on Keras 2",
    "hard_sigmoid": "its slope is 1/6 on Keras 3 and 1/5 on Keras 2",
    "Lambda": "its function may be written for one Keras alone",
    "RandomCrop": "when it predicts, Keras 3 leaves images as they are",
    "SpectralNormalization": "it keeps the state of its power iteration in another shape",
}

# Arguments that have another name on Keras 2, by class.
RENAMED = {
    "InputLayer": {"batch_shape": "batch_input_shape"},
    "LeakyReLU": {"negative_slope": "alpha"},
}

# Arguments that Keras 2 accepts, although they are in no signature.
UNNAMED = {"batch_input_shape", "zero_output_for_mask"}

# Arguments that do not change predictions: shapes that are known without them, the implementation
# of a recurrent layer, and what a separable convolution of Keras 2 inherits and does not use.
IDLE = {
    *("batch_input_shape", "query_shape", "key_shape", "value_shape", "implementation"),
    *("kernel_initializer", "kernel_regularizer", "kernel_constraint"),
}

# The value that an argument must have if the other side does not have the argument.
NEUTRAL = {"data_format": "channels_last", "rms_scaling": False, "rng_type": "stateful"}


def pair(name: str, *modules: str) -> dict[Side, Any] | None:
    """Returns the classes or functions with a name on both sides, or None if one side has none.

    Args:
        name: The name of a class or function.
        *modules: The kinds of modules to search: `"layers"`, `"quantizers"`, ...
    """
    for module in modules:
        for ours, theirs in _MODULES.get(module, ()):
            found = {
                Side.KERAS_3: getattr(ours, name, None),
                Side.KERAS_2: getattr(theirs, name, None),
            }
            if all(found.values()):
                return found
    return None


def renamed(kind: str, name: str, to: Side) -> str:
    """Returns the name of a class' argument on a side.

    Args:
        kind: The name of the class.
        name: The argument's name on the other side.
        to: The side.
    """
    names = RENAMED.get(kind, {})
    if to is Side.KERAS_3:
        names = {theirs: ours for ours, theirs in names.items()}
    return names.get(name, name)
