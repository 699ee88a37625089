"""Training on an accelerator: many steps in one program, on images that stay in its memory.

A GPU computes a step of a small network faster than Python can start the next one. Therefore the
steps of a block, up to a whole epoch, are one `jax.lax.scan` over Keras' own step. Its input is the
positions of the images and their moves, not the images. On a CPU this would be slower: XLA's
convolutions take several times as long inside a loop.
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
"""The largest number of steps in a block: a binary optimizer remembers the flips of so many."""


def is_at_hand() -> bool:
    """Returns whether the backend is JAX and its device is not a CPU."""
    if keras.backend.backend() != "jax":
        return False
    import jax

    return jax.default_backend() != "cpu"


def kinds() -> list[str]:
    """Returns the product names of the accelerators, such as "NVIDIA H200"."""
    import jax

    return [device.device_kind for device in jax.devices()]


class Blocks(keras.utils.PyDataset):
    """Blocks of batches for a `ScannedModel` made by `on_rows`.

    All batches of a block have the same size; a smaller last batch is a block of its own.

    Args:
        batches: The batches.
        first_row: The position of their first image among the images that the model stores.
    """

    def __init__(self, batches: Batches, first_row: int):
        super().__init__()
        self.batches, self.first_row = batches, first_row
        self._size = batches.images_a_step
        full, rest = divmod(len(batches.images), self._size)
        # Blocks of equal length need only one program.
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
    """Stores images, and returns those at given positions.

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
    """A model on JAX that computes all steps of a block in one program.

    A batch of `fit` and `evaluate` is a block: every array in it has an additional first axis, that
    of the steps. The weights are the same as after single steps.

    Attributes:
        keep_steps: Whether the logs of a block also contain the accuracy after each of its steps,
            as the array `accuracy_by_step`.
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
    """Returns a model that stores images, preprocesses them and calls the network.

    Args:
        network: A model from images in [-1, 1] to class probabilities.
        images: All images, bytes of shape `(n, height, width, channels)`.
        augment: Whether the blocks contain moves for `PadCropFlip`.

    Returns:
        A model that shares the network's variables. Its inputs are `rows`, the positions of images,
        and, with `augment`, `moves`.
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
    """Returns a model that stores the images of some sets of batches, and these sets as blocks.

    Args:
        network: A model from images in [-1, 1] to class probabilities.
        augment: Whether the batches contain moves.
        sets: The sets; None, for a missing one, stays None.
    """
    images = [batches.images for batches in sets if batches is not None]
    model = on_rows(network, np.concatenate(images), augment)
    blocks, first_row = [], 0
    for batches in sets:
        blocks.append(None if batches is None else Blocks(batches, first_row))
        first_row += 0 if batches is None else len(batches.images)
    return model, blocks
