"""Tiny data sets in the layout of TensorFlow Datasets."""

import numpy as np


def store(folder, name="tiny", encoding="jpeg", train=40, test=10, classes=4, side=48):
    """Stores a data set of quadrants: which of the four is bright is the label.

    Args:
        folder: The data folder.
        name: The data set's name.
        encoding: jpeg or png.
        train: Its training images.
        test: Its validation images.
        classes: Its classes.
        side: The shorter side of an image; the longer is up to half as long again.
    """
    import tensorflow_datasets as tfds

    def examples(number, seed):
        rng = np.random.default_rng(seed)
        for i in range(number):
            height, width = rng.permutation([side, side + int(rng.integers(0, side // 2))])
            label = i % classes
            image = rng.integers(0, 64, (height, width, 3), dtype="uint8")
            rows, columns = np.divmod(label, 2) * np.array([height // 2, width // 2])
            image[rows : rows + height // 2, columns : columns + width // 2] += 160
            yield i, {"image": image, "label": label, "file_name": f"{seed}-{i}"}

    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(encoding_format=encoding),
            "label": tfds.features.ClassLabel(num_classes=classes),
            "file_name": tfds.features.Text(),
        }
    )
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        features=features,
        split_datasets={"train": examples(train, 0), "validation": examples(test, 1)},
        data_dir=folder,
    )
