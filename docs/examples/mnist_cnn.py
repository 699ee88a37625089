"""A binarized convolutional network for MNIST, with latent weights."""

import larq as lq
import tensorflow as tf

EPOCHS = 6
BATCH_SIZE = 64

# All layers but the first binarize their input; all binarize their latent weights.
KERNEL = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
BINARY = {"input_quantizer": "ste_sign", **KERNEL}


def load_data():
    """Returns training and test data, with images in [-1, 1]."""
    train, test = tf.keras.datasets.mnist.load_data()
    return [(images[..., None] / 127.5 - 1, labels) for images, labels in (train, test)]


def build_model():
    """Returns the network, with weights as they are drawn."""
    # The logs tell how many weights of each layer change their sign.
    with lq.context.metrics_scope(["flip_ratio"]):
        return tf.keras.models.Sequential(
            [
                lq.layers.QuantConv2D(32, 3, use_bias=False, input_shape=(28, 28, 1), **KERNEL),
                tf.keras.layers.MaxPooling2D(),
                tf.keras.layers.BatchNormalization(scale=False),
                lq.layers.QuantConv2D(64, 3, use_bias=False, **BINARY),
                tf.keras.layers.MaxPooling2D(),
                tf.keras.layers.BatchNormalization(scale=False),
                lq.layers.QuantConv2D(64, 3, use_bias=False, **BINARY),
                tf.keras.layers.BatchNormalization(scale=False),
                tf.keras.layers.Flatten(),
                lq.layers.QuantDense(64, use_bias=False, **BINARY),
                tf.keras.layers.BatchNormalization(scale=False),
                lq.layers.QuantDense(10, use_bias=False, **BINARY),
                tf.keras.layers.BatchNormalization(scale=False),
                tf.keras.layers.Activation("softmax"),
            ]
        )


def main():
    """Trains it, and tells how good it is on images that it never saw."""
    (train_images, train_labels), (test_images, test_labels) = load_data()
    model = build_model()
    lq.models.summary(model)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train_images, train_labels, batch_size=BATCH_SIZE, epochs=EPOCHS)
    results = model.evaluate(test_images, test_labels, return_dict=True)
    print(f"Test accuracy: {results['accuracy']:.2%}")

    with lq.context.quantized_scope(True):
        model.save_weights("mnist_cnn.weights.h5")  # The binary weights, not the latent ones.


if __name__ == "__main__":
    main()
