"""Refuses to go on where `tf.keras` is not Keras 2, and tells how to make it so."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "larq_bop.larq runs on TensorFlow, but the backend of Keras 3 is "
        f"{keras.backend.backend()!r}: set KERAS_BACKEND=tensorflow."
    )

import tensorflow as tf

if not tf.keras.layers.Layer.__module__.startswith("tf_keras."):
    raise ImportError(
        "larq_bop.larq needs tf.keras to be Keras 2, and it is Keras 3: "
        "set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported."
    )
