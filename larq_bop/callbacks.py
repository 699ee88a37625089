"""Callbacks that log the flips of binary weights, or change hyperparameters during training."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from larq_bop.optimizers import BinaryOptimizer, CaseOptimizer

__all__ = ["FlipRatioLogger", "HyperparameterScheduler"]


class FlipRatioLogger(keras.callbacks.Callback):
    r"""Logs how many binary weights flip in each step.

    For step $t$ it computes (the report, Eq. 5)

    $$\pi_t = \ln\left(\frac{\text{flips in step } t}{\text{binary weights}} + 10^{-9}\right)$$

    The logs of each batch get `flip_ratio`, the $\pi_t$ of the last step. The logs of each epoch
    get `flip_ratio`, the median over its steps, and `flips`, the sum over its steps. Place this
    callback before those that write logs, such as `CSVLogger` and `TensorBoard`.

    Attributes:
        flips: The number of flips in every step of this training, a list of int.
        flip_ratios: The $\pi_t$ of every step, a float64 array of the same length.

    Raises:
        ValueError: when training begins, if the model has no binary optimizer; during training, if
            `steps_per_execution` exceeds the 1,024 steps that the optimizer remembers.
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
            counts = [o.flips(done - self._step) for o in self._optimizers]
            self.flips.extend(np.sum(counts, axis=0).tolist())
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


class HyperparameterScheduler(keras.callbacks.Callback):
    """Sets a hyperparameter of an optimizer at the start of each epoch or step.

    The logs of each epoch get its value. A model that is compiled with `steps_per_execution=n` runs
    n steps at once; `update_freq="step"` then sets the value before each group of n steps.

    Args:
        schedule: A function that returns the new value. Its first argument is the number of the
            epoch, or the number of steps taken, from 0. If it has a second argument, that is the
            current value.
        hyperparameter: The attribute's name: `"gamma"` or `"threshold"` of `Bop`, `"learning_rate"`
            (or `"lr"`) of every optimizer.
        optimizer: The optimizer with this hyperparameter, or None for the model's. It can be one of
            the optimizers of a `CaseOptimizer`.
        update_freq: `"epoch"` or `"step"`.
        verbose: 1 to print every new value, 0 to print nothing.
        log_name: The name in the logs, or None for `hyperparameter`.

    Raises:
        ValueError: for another `update_freq`; when training begins, if the optimizer has no such
            hyperparameter, or if it cannot change after the training step is compiled.

    Example:

    >>> bop = larq_bop.Bop(threshold=1e-6, gamma=1e-3)
    >>> callback = larq_bop.callbacks.HyperparameterScheduler(
    ...     lambda epoch: 1e-3 * 0.1 ** (epoch // 30), "gamma", bop
    ... )
    """

    def __init__(
        self,
        schedule: Callable,
        hyperparameter: str,
        optimizer: keras.optimizers.Optimizer | None = None,
        update_freq: str = "epoch",
        verbose: int = 0,
        log_name: str | None = None,
    ):
        super().__init__()
        if update_freq not in ("epoch", "step"):
            raise ValueError(
                f"`update_freq` must be 'epoch' or 'step'. Received: update_freq={update_freq!r}"
            )
        self.schedule = schedule
        self.hyperparameter = hyperparameter
        self.optimizer = optimizer
        self.update_freq = update_freq
        self.verbose = verbose
        self.log_name = log_name or hyperparameter

    def set_model(self, model):
        super().set_model(model)
        if self.optimizer is None:
            self.optimizer = model.optimizer
            if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
                self.optimizer = self.optimizer.inner_optimizer
        if not hasattr(self.optimizer, self._attribute):
            raise ValueError(
                f"The optimizer {self.optimizer.name!r} has no {self.hyperparameter!r}. Where it "
                "stands in a CaseOptimizer, pass the one that has as `optimizer`."
            )
        settable = getattr(type(self.optimizer), self._attribute, None)
        if self._variable() is None and getattr(settable, "fset", None) is None:
            raise ValueError(
                f"`{self.hyperparameter}` of the optimizer {self.optimizer.name!r} cannot change "
                "during training: it is a constant of the compiled training step."
            )

    @property
    def _attribute(self) -> str:
        return "learning_rate" if self.hyperparameter == "lr" else self.hyperparameter

    def set_hyperparameter(self, t: int):
        """Sets the hyperparameter to the value of the schedule.

        Args:
            t: The number of the epoch, or the number of steps taken.

        Returns:
            The new value, a NumPy scalar.
        """
        arguments = (t, self._value()) if _takes_two(self.schedule) else (t,)
        value, variable = self.schedule(*arguments), self._variable()
        if variable is None:
            setattr(self.optimizer, self._attribute, value)
        else:
            variable.assign(value)
        return self._value()

    def _variable(self) -> keras.Variable | None:
        """The optimizer's attribute, if it is a variable; None if it is a property or a number."""
        attribute = vars(self.optimizer).get(self._attribute)
        return attribute if isinstance(attribute, keras.Variable) else None

    def _value(self):
        return ops.convert_to_numpy(getattr(self.optimizer, self._attribute))[()]

    def _steps_done(self) -> int:
        # On JAX, reading `self.model` brings the optimizer's variables up to date.
        assert self.model is not None
        optimizer: Any = self.optimizer
        return int(ops.convert_to_numpy(optimizer.iterations))

    def on_train_batch_begin(self, batch, logs=None):
        if self.update_freq == "step":
            step = self._steps_done()
            self._tell("Batch", step, self.set_hyperparameter(step))

    def on_epoch_begin(self, epoch, logs=None):
        if self.update_freq == "epoch":
            self._tell("Epoch", epoch, self.set_hyperparameter(epoch))

    def _tell(self, what: str, t: int, value) -> None:
        if self.verbose > 0:
            print(f"{what} {t}: {self.log_name} is now {value!s}.")

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs[self.log_name] = float(self._value())


def _takes_two(schedule: Callable) -> bool:
    try:
        inspect.signature(schedule).bind(0, 0.0)
    except (TypeError, ValueError):  # Some callables that are written in C have no signature.
        return False
    return True


def flip_ratio(flips, num_weights: int) -> np.ndarray:
    r"""Returns the report's $\pi$, Eq. 5.

    $$\pi = \ln\left(\frac{\text{flips}}{\text{binary weights}} + 10^{-9}\right)$$

    Args:
        flips: Numbers of flips, of any shape.
        num_weights: The number of binary weights.

    Returns:
        A float64 array of the shape of `flips`.
    """
    return np.log(np.asarray(flips, dtype="float64") / num_weights + 1e-9)


def binary_optimizers(optimizer) -> Iterator[BinaryOptimizer]:
    """Yields the binary optimizers inside an optimizer, including the optimizer itself."""
    if isinstance(optimizer, BinaryOptimizer):
        yield optimizer
    elif isinstance(optimizer, CaseOptimizer):
        for _, inner in optimizer.pred_opt_pairs:
            yield from binary_optimizers(inner)
        yield from binary_optimizers(optimizer.default)
    elif isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        yield from binary_optimizers(optimizer.inner_optimizer)
