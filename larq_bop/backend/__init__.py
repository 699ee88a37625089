"""The code that differs between TensorFlow, JAX and torch, chosen once on import."""

import keras

if keras.backend.backend() == "tensorflow":
    from larq_bop.backend.tensorflow import *  # noqa: F403
else:
    from larq_bop.backend.single_program import *  # noqa: F403
