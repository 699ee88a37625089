"""Values of tensors and variables."""

import keras
import tensorflow as tf


def as_tensor(x):
    """Returns the value of a tensor, a Keras or a TensorFlow variable as a plain tensor."""
    return tf.convert_to_tensor(x.value if isinstance(x, keras.Variable) else x)


def sign(x):
    """Returns the sign of each value: -1, 0, +1 or NaN."""
    return tf.sign(x)
