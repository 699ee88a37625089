"""BinaryNet for CIFAR-10, trained without latent weights by Bop."""

import larq as lq
import tensorflow as tf
from tensorflow.keras.optimizers.legacy import Adam

FILTERS, DENSE_UNITS = 128, 1024
THRESHOLD, GAMMA = 1e-8, 1e-4
EPOCHS = 100
BATCH_SIZE = 50


def load_data():
    """Returns training and test data, with images in [-1, 1]."""
    train, test = tf.keras.datasets.cifar10.load_data()
    return [(images / 127.5 - 1, labels) for images, labels in (train, test)]


def kernel():
    """The arguments of a kernel that Bop trains."""
    return {
        "kernel_quantizer": lq.quantizers.NoOp(precision=1),
        "kernel_initializer": "glorot_normal",
        "use_bias": False,
    }


def build_model():
    """Returns the network, with weights as they are drawn."""

    def normalized(x):
        return tf.keras.layers.BatchNormalization(momentum=0.9, scale=False)(x)

    inputs = tf.keras.Input((32, 32, 3))
    x = inputs
    for i, multiple in enumerate((1, 1, 2, 2, 4, 4)):
        x = lq.layers.QuantConv2D(
            multiple * FILTERS,
            3,
            padding="same",
            pad_values=1.0,
            input_quantizer="ste_sign" if i else None,
            **kernel(),
        )(x)
        if i % 2:
            x = tf.keras.layers.MaxPooling2D()(x)
        x = normalized(x)
    x = tf.keras.layers.Flatten()(x)
    for units in (DENSE_UNITS, DENSE_UNITS, 10):
        x = normalized(lq.layers.QuantDense(units, input_quantizer="ste_sign", **kernel())(x))
    return tf.keras.Model(inputs, tf.keras.layers.Activation("softmax")(x))


def main():
    """Trains it, and tells how good it is on images that it never saw."""
    (train_images, train_labels), (test_images, test_labels) = load_data()
    model = build_model()
    lq.models.summary(model)
    bop = lq.optimizers.Bop(threshold=THRESHOLD, gamma=GAMMA)
    optimizer = lq.optimizers.CaseOptimizer(
        (lq.optimizers.Bop.is_binary_variable, bop),  # the binary weights
        default_optimizer=Adam(0.01),  # all others
    )
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    slower = lq.callbacks.HyperparameterScheduler(
        lambda epoch: GAMMA * 0.1 ** (epoch // 30), "gamma", bop, verbose=1
    )
    model.fit(
        train_images,
        train_labels,
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        validation_data=(test_images, test_labels),
        callbacks=[slower],
    )
    _, accuracy = model.evaluate(test_images, test_labels)
    print(f"Test accuracy: {accuracy:.2%}")


if __name__ == "__main__":
    main()
