"""The seam: all that differs between TensorFlow, JAX and torch, chosen once."""

import keras

if keras.backend.backend() == "tensorflow":
    from larq_bop.backend.tensorflow import (
        as_tensor,
        assume_reduced_gradients,
        at_once,
        compiled,
        sign,
        sum_over_replicas,
    )
else:
    from larq_bop.backend.single_program import (
        as_tensor,
        assume_reduced_gradients,
        at_once,
        compiled,
        sign,
        sum_over_replicas,
    )

__all__ = [
    "as_tensor",
    "assume_reduced_gradients",
    "at_once",
    "compiled",
    "sign",
    "sum_over_replicas",
]
