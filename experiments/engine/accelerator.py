"""Training on an accelerator: many steps in one program, on images that are there already.

A GPU takes a step of a small network faster than Python can ask for the next one. So the steps of a
block, up to a whole epoch, are one `jax.lax.scan` over Keras' own step, and what is sent for it are
the numbers of the images and their moves, not the images. On a CPU this does not pay: XLA's
convolutions are several times slower inside of a loop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops, tree

from experiments.data.batches import Batches
from experiments.data.preprocessing import on_bytes

MOST_STEPS = 1024
"""Steps of a block at most: those whose flips an optimizer remembers."""


def is_at_hand() -> bool:
    """Whether the backend is JAX, and its device no CPU."""
    if keras.backend.backend() != "jax":
        return False
    import jax

    return jax.default_backend() != "cpu"


def kinds() -> list[str]:
    """Returns what the accelerators are, by the names that their makers gave them."""
    import jax

    return [device.device_kind for device in jax.devices()]


class Blocks(keras.utils.PyDataset):
    """Blocks of batches for a `ScannedModel` made by `on_rows`.

    All batches of a block have the same size; a smaller last one is a block by itself.

    Args:
        batches: The batches.
        first_row: Where their images begin among those that the model stores.
    """

    def __init__(self, batches: Batches, first_row: int):
        super().__init__()
        self.batches, self.first_row = batches, first_row
        self._size = batches.images_a_step
        full, rest = divmod(len(batches.images), self._size)
        # Blocks of one length, so that they are one program.
        steps = math.ceil(full / math.ceil(full / MOST_STEPS))
        edges = [*range(0, full, steps), full]
        if rest and len(batches) > full:
            edges.append(full + 1)
        self._edges = edges

    def __len__(self) -> int:
        return len(self._edges) - 1

    def __getitem__(self, index: int):
        batches = [self.batches.drawn(i) for i in range(*self._edges[index : index + 2])]
        rows, moves = (np.stack(arrays) for arrays in zip(*batches, strict=True))
        inputs = {"rows": (rows + self.first_row).astype("int32")}
        if self.batches.augment:
            inputs["moves"] = moves
        return inputs, self.batches.labels[rows]


class StoredImages(keras.layers.Layer):
    """Gives images by their number.

    Args:
        images: Bytes of shape `(n, height, width, channels)`.
    """

    def __init__(self, images: np.ndarray, **kwargs):
        super().__init__(**kwargs)
        self.images = self.add_weight(
            shape=images.shape, dtype="uint8", initializer="zeros", trainable=False, name="images"
        )
        self.images.assign(images)

    def call(self, rows):
        return ops.take(self.images, rows, axis=0)


class ScannedModel(keras.Model):
    """A model on JAX that takes all steps of a block in one program.

    What `fit` and `evaluate` call a batch is a block: every array in it has an axis of steps in
    front. Weights are those of one step after the other.

    Attributes:
        keep_steps: Whether the logs of a block hold the accuracy after each of its steps, too, as
            the array `accuracy_by_step`.
    """

    keep_steps = False

    def train_step(self, state, data):  # type: ignore[override]  # As on JAX.
        logs, state = self._scanned(super().train_step, state, data)
        last = tree.map_structure(lambda values: values[-1], logs)
        return {**last, "accuracy_by_step": logs["accuracy"]} if self.keep_steps else last, state

    def test_step(self, state, data):  # type: ignore[override]
        logs, state = self._scanned(super().test_step, state, data)
        return tree.map_structure(lambda values: values[-1], logs), state

    def _scanned(self, step, state, data):
        import jax

        def body(state, batch):
            logs, state = step(state, batch)
            return state, logs

        state, logs = jax.lax.scan(body, state, data)
        return logs, state

    def _symbolic_build(self, iterator=None, data_batch=None):
        # Metrics are built for a batch, not for a block.
        if data_batch is None:
            _, _, blocks = next(iter(iterator))
            data_batch = next(blocks)
        super()._symbolic_build(data_batch=tree.map_structure(lambda array: array[0], data_batch))


def on_rows(network: keras.Model, images: np.ndarray, augment: bool) -> ScannedModel:
    """Returns the network with stored images and its preprocessing in front.

    Args:
        network: A model from images in [-1, 1] to class probabilities.
        images: All images, bytes of shape `(n, height, width, channels)`.
        augment: Whether the blocks bring moves for `PadCropFlip` along.

    Returns:
        A model of the inputs `rows`, numbers of images, and, with `augment`, `moves`, that shares
        the network's variables.
    """
    preprocessed = on_bytes(network, augment)
    rows = keras.Input((), dtype="int32", name="rows")
    moves = {"moves": keras.Input((3,), dtype="int32", name="moves")} if augment else {}
    stored = StoredImages(images, name="stored_images")(rows)
    outputs = preprocessed({"images": stored, **moves})
    return ScannedModel({"rows": rows, **moves}, outputs, name=f"{network.name}_on_rows")


def in_blocks(
    network: keras.Model, augment: bool, sets: Sequence[Batches | None]
) -> tuple[ScannedModel, list[Blocks | None]]:
    """Returns a model that stores the images of some sets, and the sets as blocks for it.

    Args:
        network: A model from images in [-1, 1] to class probabilities.
        augment: Whether the batches carry moves.
        sets: The sets; None for one that is not there.
    """
    images = [batches.images for batches in sets if batches is not None]
    model = on_rows(network, np.concatenate(images), augment)
    blocks, first_row = [], 0
    for batches in sets:
        blocks.append(None if batches is None else Blocks(batches, first_row))
        first_row += 0 if batches is None else len(batches.images)
    return model, blocks
