"""Raises an ImportError if `tf.keras` is not Keras 2; the message says how to change this."""

import importlib
import importlib.util

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "larq_bop.larq runs on TensorFlow, but the backend of Keras 3 is "
        f"{keras.backend.backend()!r}: set KERAS_BACKEND=tensorflow."
    )

for _package in ("larq", "tf_keras"):
    if importlib.util.find_spec(_package) is None:
        raise ImportError(
            f"larq_bop.larq needs {_package}, which is not installed: install larq_bop with its "
            'extra "larq", in an environment of its own (NumPy below 2).'
        )

import tensorflow as tf  # noqa: E402

# TensorFlow chooses its module when it is imported, and its attribute when that is used first.
for _layers in (importlib.import_module("tensorflow.keras.layers"), tf.keras.layers):
    if not _layers.Layer.__module__.startswith("tf_keras."):
        raise ImportError(
            "larq_bop.larq needs tf.keras to be Keras 2, and it is Keras 3: "
            "set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported."
        )
