"""A network of quantized separable convolutions with shortcuts, for Fashion-MNIST."""

import larq as lq
import tensorflow as tf

EPOCHS = 20
BATCH_SIZE = 128


def load_data():
    """Returns training and test data, with images in [-1, 1]."""
    train, test = tf.keras.datasets.fashion_mnist.load_data()
    return [(images[..., None] / 127.5 - 1, labels) for images, labels in (train, test)]


def block(x, filters):
    """Halves the map; around the binary convolution runs a shortcut in full precision."""
    x = lq.layers.QuantDepthwiseConv2D(
        3,
        strides=2,
        padding="same",
        input_quantizer=lq.quantizers.DoReFa(k_bit=2),
        depthwise_quantizer="ste_tern",
        depthwise_constraint=lq.constraints.WeightClip(1.25),
    )(x)
    x = tf.keras.layers.Conv2D(filters, 1, use_bias=False)(x)
    shortcut = x = tf.keras.layers.BatchNormalization()(x)
    x = lq.layers.QuantSeparableConv2D(
        filters,
        3,
        padding="same",
        pad_values=1.0,
        input_quantizer="approx_sign",
        depthwise_quantizer="ste_sign",
        pointwise_quantizer="magnitude_aware_sign",
        depthwise_constraint="weight_clip",
        pointwise_constraint="weight_clip",
        use_bias=False,
    )(x)
    x = tf.keras.layers.BatchNormalization()(x)
    return tf.keras.layers.Add()([x, shortcut])


def build_model():
    """Returns the network, with weights as they are drawn."""
    inputs = tf.keras.Input((28, 28, 1))
    x = tf.keras.layers.Conv2D(16, 3, padding="same", activation=lq.activations.leaky_tanh)(inputs)
    for filters in (32, 64):
        x = block(x, filters)
    x = tf.keras.layers.GlobalAveragePooling2D()(x)
    return tf.keras.Model(inputs, tf.keras.layers.Dense(10, activation="softmax")(x))


def main():
    """Trains it, and tells how good it is on images that it never saw."""
    (train_images, train_labels), (test_images, test_labels) = load_data()
    model = build_model()
    lq.models.summary(model)
    model.compile(
        optimizer=tf.keras.optimizers.Adam(1e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(
        train_images,
        train_labels,
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        validation_split=0.1,
    )
    model.save("separable_cnn.keras")
    model = tf.keras.models.load_model("separable_cnn.keras")
    _, accuracy = model.evaluate(test_images, test_labels)
    print(f"Test accuracy: {accuracy:.2%}")


if __name__ == "__main__":
    main()
