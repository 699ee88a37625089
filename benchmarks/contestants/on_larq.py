"""Larq on Keras 2, in code such as its users write."""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import larq
import tensorflow as tf
import tf_keras
from larq.layers import QuantConv2D, QuantDense

from benchmarks.contestants import protocol
from benchmarks.contestants.fitting import seconds_of_fit

LOSS = "sparse_categorical_crossentropy"
PADDING = 4


def training(data, precision, batch_size, filters):
    """Trains binarynet with Bop on augmented images; measures seconds per step."""
    tf.keras.mixed_precision.set_global_policy(precision)
    model = binarynet(filters)
    optimizer = larq.optimizers.CaseOptimizer(
        (larq.optimizers.Bop.is_binary_variable, larq.optimizers.Bop(threshold=1e-8, gamma=1e-4)),
        default_optimizer=tf.keras.optimizers.legacy.Adam(0.01),
    )
    return _training(model, optimizer, data, batch_size, augment=True)


def latent_cnn(data, precision, batch_size):
    """Trains the network with latent weights with Adam; measures seconds per step."""
    tf.keras.mixed_precision.set_global_policy(precision)
    kernel = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
    model = _network(
        [(32, True), (64, True), (64, False)], [64, 10], kernel, padding="valid", momentum=0.99
    )
    return _training(model, tf.keras.optimizers.Adam(1e-3), data, batch_size, augment=False)


def _training(model, optimizer, data, batch_size, augment):
    model.compile(optimizer=optimizer, loss=LOSS)
    batches = _batches(*protocol.read_images(data), batch_size, augment)
    return lambda steps: seconds_of_fit(model, batches, tf.keras.callbacks.LambdaCallback, steps)


def update(filters):
    """Updates binarynet's weights with Bop, for given gradients; measures seconds per update."""
    weights = _binary_weights(binarynet(filters))
    optimizer = larq.optimizers.Bop(threshold=1e-8, gamma=1e-4)
    gradients = [tf.random.normal(weight.shape, stddev=1e-3) for weight in weights]

    def apply():
        optimizer.apply_gradients(zip(gradients, weights, strict=True))

    # The first call creates the optimizer's state, which a `tf.function` cannot do.
    apply()
    apply_compiled = tf.function(apply)

    def step():
        apply_compiled()
        int(optimizer.iterations.numpy())

    return lambda steps: protocol.seconds_of(step, steps)


def binarynet(filters):
    """Returns the network of `larq_bop.models.binarynet`, made of Larq's layers."""
    multiples = (1, 1, 2, 2, 4, 4)
    convolutions = [(m * filters, bool(i % 2)) for i, m in enumerate(multiples)]
    kernel = {"kernel_quantizer": larq.quantizers.NoOp(precision=1)}
    dense = [8 * filters, 8 * filters, 10]
    model = _network(convolutions, dense, kernel, padding="same", momentum=0.9)
    for weight in _binary_weights(model):
        weight.assign(larq.math.sign(weight))
    return model


def _network(convolutions, dense, kernel, padding, momentum):
    """Returns a binary network.

    Args:
        convolutions: The filters of each 3x3 convolution, and whether 2x2 max pooling follows.
        dense: The units of each dense layer.
        kernel: The arguments of the kernels of all layers.
        padding: The padding of the convolutions.
        momentum: The momentum of the batch normalization after each layer.
    """
    model = tf.keras.Sequential([tf.keras.layers.InputLayer((32, 32, 3))])
    quantized = {**kernel, "use_bias": False}
    for filters, pooled in convolutions:
        model.add(QuantConv2D(filters, 3, padding=padding, **quantized))
        if pooled:
            model.add(tf.keras.layers.MaxPooling2D(2))
        model.add(tf.keras.layers.BatchNormalization(momentum=momentum, scale=False))
        # All layers but the first binarize their input.
        quantized["input_quantizer"] = "ste_sign"
    model.add(tf.keras.layers.Flatten())
    for units in dense:
        model.add(QuantDense(units, **quantized))
        model.add(tf.keras.layers.BatchNormalization(momentum=momentum, scale=False))
    model.add(tf.keras.layers.Activation("softmax", dtype="float32"))
    return model


def _binary_weights(model):
    is_binary = larq.optimizers.Bop.is_binary_variable
    return [weight for weight in model.trainable_weights if is_binary(weight)]


def _batches(images, labels, batch_size, augment):
    batches = tf.data.Dataset.from_tensor_slices((images, labels)).repeat()
    if augment:
        batches = batches.map(_moved, num_parallel_calls=tf.data.AUTOTUNE)
    batches = batches.batch(batch_size, drop_remainder=True)
    return batches.map(_scaled).prefetch(tf.data.AUTOTUNE)


def _moved(image, label):
    """Pads an image, crops it to its old size at a random place, and mirrors it at random."""
    height, width, channels = image.shape
    padded = tf.image.pad_to_bounding_box(
        image, PADDING, PADDING, height + 2 * PADDING, width + 2 * PADDING
    )
    cropped = tf.image.random_crop(padded, (height, width, channels))
    return tf.image.random_flip_left_right(cropped), label


def _scaled(images, labels):
    return tf.cast(images, tf.float32) / 127.5 - 1.0, labels


if __name__ == "__main__":
    tf.keras.utils.set_random_seed(0)
    protocol.serve(
        {"training": training, "latent-cnn": latent_cnn, "update": update},
        {
            "larq": larq.__version__,
            "tf-keras": tf_keras.__version__,
            "tensorflow": tf.__version__,
        },
    )
