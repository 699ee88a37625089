"""What Keras 3 and Keras 2 both have: the classes and functions of the same name.

A layer that is added to larq_bop under Larq's name needs nothing here. What differs between the two
Kerases under one name does.
"""

from __future__ import annotations

from typing import Any

import keras
import larq
import tf_keras

import larq_bop
from larq_bop.larq.side import Side

# Where things are on Keras 3 and on Keras 2, by what they are.
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

# What has one name and two meanings, and how they differ.
DIFFERENT = {
    "Discretization": "its dtype is its input's on Keras 3 and its output's on Keras 2",
    "hard_sigmoid": "its slope is 1/6 on Keras 3 and 1/5 on Keras 2",
    "Lambda": "its function may be written for one Keras alone",
    "RandomCrop": "when it predicts, Keras 3 leaves images as they are",
    "SpectralNormalization": "it keeps the state of its power iteration in another shape",
}

# Arguments that are called otherwise on Keras 2, by the class that takes them.
RENAMED = {
    "InputLayer": {"batch_shape": "batch_input_shape"},
    "LeakyReLU": {"negative_slope": "alpha"},
}

# Arguments that Keras 2 takes, though no signature names them.
UNNAMED = {"batch_input_shape", "zero_output_for_mask"}

# Arguments that no prediction depends on: shapes that are known without them, the speed of a
# recurrent layer, and what a separable convolution of Keras 2 inherits and does not use.
IDLE = {
    *("batch_input_shape", "query_shape", "key_shape", "value_shape", "implementation"),
    *("kernel_initializer", "kernel_regularizer", "kernel_constraint"),
}

# What an argument must be for a layer that has no such argument on the other side.
NEUTRAL = {"data_format": "channels_last", "rms_scaling": False, "rng_type": "stateful"}


def pair(name: str, *modules: str) -> dict[Side, Any] | None:
    """Returns what goes by a name on either side, or None if one of them lacks it.

    Args:
        name: The name of a class or function.
        *modules: Where to look for it: `"layers"`, `"quantizers"`, ...
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
    """Returns what an argument of a class is called on a side.

    Args:
        kind: The name of the class.
        name: The argument's name on the other side.
        to: The side.
    """
    names = RENAMED.get(kind, {})
    if to is Side.KERAS_3:
        names = {theirs: ours for ours, theirs in names.items()}
    return names.get(name, name)
