"""The digits that ship with scikit-learn."""

import numpy as np

from experiments.data.dataset import Dataset, require


def read() -> Dataset:
    """Returns scikit-learn's 8x8 digits, with a fifth of each class as test images.

    Raises:
        ExperimentError: if scikit-learn cannot be imported.
    """
    sklearn, datasets, selection = map(
        require, ("sklearn", "sklearn.datasets", "sklearn.model_selection")
    )
    images, labels = datasets.load_digits(return_X_y=True)
    # The values run from 0 to 16.
    images = np.rint(images.reshape(-1, 8, 8, 1) * (255 / 16)).astype("uint8")
    labels = labels.astype("int32")
    train_images, test_images, train_labels, test_labels = selection.train_test_split(
        images, labels, test_size=0.2, stratify=labels, random_state=0
    )
    source = f"scikit-learn {sklearn.__version__}, load_digits"
    return Dataset("digits", source, 10, train_images, train_labels, test_images, test_labels)
