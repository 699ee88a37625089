"""The images of CIFAR-10, read without TensorFlow Datasets."""

import numpy as np
import tensorflow as tf


def cifar10(folder, split, count):
    """Returns the first images of a split, in [-1, 1], and their labels.

    Args:
        folder: Where TensorFlow Datasets prepared them.
        split: `"train"` or `"test"`.
        count: How many.
    """
    files = sorted(str(path) for path in folder.glob(f"cifar10/3.0.2/*-{split}.tfrecord*"))
    kinds = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }
    examples = [
        tf.io.parse_single_example(each, kinds)
        for each in tf.data.TFRecordDataset(files).take(count)
    ]
    images = np.stack([tf.io.decode_png(each["image"]).numpy() for each in examples])
    return images / np.float32(127.5) - np.float32(1), np.stack([e["label"] for e in examples])
