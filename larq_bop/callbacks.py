"""Callbacks that watch binary weights."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from keras import ops

from larq_bop.optimizers import BinaryOptimizer, CaseOptimizer

__all__ = ["FlipRatioLogger"]


class FlipRatioLogger(keras.callbacks.Callback):
    r"""Logs how many binary weights flip, step by step.

    $$\pi_t = \ln\left(\frac{\text{flips in step } t}{\text{binary weights}} + 10^{-9}\right)$$

    (the report, Eq. 5). Each batch's logs get `flip_ratio`, the last step's $\pi_t$; each epoch's
    logs get `flip_ratio`, the median of its steps, and `flips`, their sum. List this callback
    before those that write logs, such as `CSVLogger` and `TensorBoard`.

    Attributes:
        flips: The flips of every step of this training, a list of int.
        flip_ratios: Their $\pi_t$, a float64 array of the same length.

    Raises:
        ValueError: when training begins with an optimizer that has no binary optimizer in it, or
            `steps_per_execution` is beyond the 1,024 steps that the optimizer remembers.
    """

    def __init__(self):
        super().__init__()
        self.flips: list[int] = []

    @property
    def flip_ratios(self) -> np.ndarray:
        return flip_ratio(self.flips, self._num_weights)

    def on_train_begin(self, logs=None):
        self._optimizers = list(binary_optimizers(self.model.optimizer))
        if not self._optimizers:
            raise ValueError(
                "FlipRatioLogger needs a model that is compiled with Bop, or with a CaseOptimizer "
                f"that has one. Received: {self.model.optimizer!r}"
            )
        self.flips = []
        self._step = self._steps_done()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_start = len(self.flips)

    def on_train_batch_end(self, batch, logs=None):
        done = self._steps_done()
        if done > self._step:
            counts = sum(o.flips(done - self._step) for o in self._optimizers)
            self.flips.extend(counts.tolist())
            self._step = done
        if logs is not None and self.flips:
            logs["flip_ratio"] = float(flip_ratio(self.flips[-1], self._num_weights))

    def on_epoch_end(self, epoch, logs=None):
        flips = self.flips[self._epoch_start :]
        if logs is not None and flips:
            logs["flips"] = sum(flips)
            logs["flip_ratio"] = float(np.median(flip_ratio(flips, self._num_weights)))

    @property
    def _num_weights(self) -> int:
        return sum(optimizer.num_weights for optimizer in self._optimizers)

    def _steps_done(self) -> int:
        # On JAX, reading `self.model` brings the optimizer's variables up to date.
        assert self.model is not None
        return int(ops.convert_to_numpy(self._optimizers[0].iterations))


def flip_ratio(flips, num_weights: int) -> np.ndarray:
    r"""The report's $\pi$, Eq. 5.

    Args:
        flips: Numbers of flips, of any shape.
        num_weights: The number of weights that could have flipped.

    Returns:
        The natural logarithm of the share that flipped plus $10^{-9}$, of the shape of `flips`.
    """
    return np.log(np.asarray(flips, dtype="float64") / num_weights + 1e-9)


def binary_optimizers(optimizer) -> Iterator[BinaryOptimizer]:
    """Yields the binary optimizers inside an optimizer, itself included."""
    if isinstance(optimizer, BinaryOptimizer):
        yield optimizer
    elif isinstance(optimizer, CaseOptimizer):
        for _, inner in optimizer.pred_opt_pairs:
            yield from binary_optimizers(inner)
        yield from binary_optimizers(optimizer.default)
    elif isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        yield from binary_optimizers(optimizer.inner_optimizer)
