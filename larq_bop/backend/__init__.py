"""The seam: all that differs between TensorFlow, JAX and torch, chosen once."""

import keras

if keras.backend.backend() == "tensorflow":
    from larq_bop.backend.tensorflow import *  # noqa: F403
else:
    from larq_bop.backend.single_program import *  # noqa: F403
