"""Batches of images, in an order that depends only on the seed and the epoch."""

from __future__ import annotations

import math

import keras
import numpy as np

from experiments.data.preprocessing import PADDING


class Batches(keras.utils.PyDataset):
    """Batches for a model made by `experiments.data.preprocessing.on_bytes`.

    Args:
        images: Bytes of shape `(n, height, width, channels)`.
        labels: Integers of shape `(n,)`.
        batch_size: Images per batch. The last batch of images that are not shuffled may have fewer;
            that of shuffled images is left out if it is not full, unless it is the only one.
        augment: Whether batches contain moves; see `PadCropFlip`.
        seed: The seed of the order of the images and of their moves. If it is None, the images are
            in their given order and do not move, for evaluation.
    """

    def __init__(self, images, labels, batch_size: int, augment: bool, seed: int | None = None):
        super().__init__()
        self.images, self.labels = images, labels
        self.batch_size = batch_size
        self.augment = augment
        self.seed = seed
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Draws the order and the moves of an epoch.

        They do not depend on the epochs that were drawn before.

        Args:
            epoch: The epoch, from 0.
        """
        n = len(self.images)
        self._order = np.arange(n)
        self._moves = np.tile(np.array([PADDING, PADDING, 0], "int32"), (n, 1))
        if self.seed is not None:
            draw = np.random.default_rng([self.seed, epoch])
            self._order = draw.permutation(n)
            self._moves = draw.integers(
                0, [2 * PADDING + 1, 2 * PADDING + 1, 2], size=(n, 3), dtype="int32"
            )

    @property
    def images_a_step(self) -> int:
        """The number of images of a full batch."""
        return min(self.batch_size, len(self.images))

    def __len__(self) -> int:
        # A last batch of a few images would have the weight of a full one in Bop's average.
        drop = self.seed is not None and len(self.images) >= self.batch_size
        return (math.floor if drop else math.ceil)(len(self.images) / self.batch_size)

    def drawn(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the positions of a batch's images, and their moves.

        Args:
            index: The batch, from 0.

        Returns:
            Integers of shape `(batch,)` and `(batch, 3)`; see `PadCropFlip`.
        """
        batch = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return self._order[batch], self._moves[batch]

    def __getitem__(self, index: int):
        rows, moves = self.drawn(index)
        inputs = {"images": self.images[rows]}
        if self.augment:
            inputs["moves"] = moves
        return inputs, self.labels[rows]


class EpochStarter(keras.callbacks.Callback):
    """Draws the order of batches at the start of each epoch.

    Args:
        batches: The batches.
    """

    def __init__(self, batches: Batches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.start_epoch(epoch)
