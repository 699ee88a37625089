"""How a step changes binary weights, for optimizers of Keras 3 and of Keras 2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from larq_bop import backend
from larq_bop.optimizers import equations
from larq_bop.optimizers.binary_variables import BinaryVariables
from larq_bop.optimizers.hyperparameters import check_hyperparameter

FLIP_HISTORY = 1024
_MOST = np.iinfo("int32").max


if TYPE_CHECKING:

    class _Optimizer:
        # What optimizers of Keras 3 and of Keras 2 have, as far as it is used here.
        clipnorm: float | None
        clipvalue: float | None
        global_clipnorm: float | None
        iterations: Any
        learning_rate: Any
        _iterations: Any
        _learning_rate: Any

        def _clip_gradients(self, grads: list) -> list: ...

        def get_config(self) -> dict[str, Any]: ...
else:
    _Optimizer = object


class BinaryRule(BinaryVariables, _Optimizer):
    """Mixin of optimizers whose variables are always in {-1, +1} and change only by flips.

    A subclass lists the names of its moments in `moments`, updates each one in `update_moment`, and
    computes the signal that decides about flips in `signal`. The optimizer stores `_learning_rate`
    and `_threshold`, numbers or schedules, and the lists `_moments`, `_flips` and `_skipped` with
    one entry for each variable.

    `_flips` has one column for each of the last steps: how many weights flipped, and the number of
    that step, from 1. A variable that gets no gradient in a step writes no column; a column of an
    older step in its place is recognized by its number and not counted.
    """

    moments: tuple[str, ...] = ()
    # A variable, or a schedule.
    _threshold: Any
    # Of an optimizer that has no variables.
    _moments: Sequence[Sequence[Any]] = ()
    _flips: Sequence[Any] = ()
    _skipped: Sequence[Any] = ()
    # The Keras that the optimizer belongs to.
    _keras: Any = keras

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._update = backend.updater(self._new_moment, self._new_weight)

    @property
    def gamma(self) -> Any:
        """The current rate of the gradient's moving average; assign a float or a schedule."""
        return self.learning_rate

    @gamma.setter
    def gamma(self, value):
        self.learning_rate = value

    @property
    def threshold(self) -> Any:
        """The current strength of the signal at which a weight flips.

        Assign a float to change it, unless the optimizer was created with a schedule.
        """
        if isinstance(self._threshold, self._keras.optimizers.schedules.LearningRateSchedule):
            return self._threshold(self._iterations)
        return self._threshold() if callable(self._threshold) else self._threshold

    @threshold.setter
    def threshold(self, value):
        if callable(self._threshold):
            raise TypeError(
                "This optimizer was created with a schedule as its `threshold`, so the threshold "
                "cannot be set. Create the optimizer with a float to set it at run time."
            )
        self._threshold.assign(check_hyperparameter("threshold", value))

    def update_moment(self, name: str, moment, gradient, gamma) -> Any:
        """Returns the new value of a moment, elementwise.

        Args:
            name: One of `moments`.
            moment: Its value before the step, of the gradient's shape.
            gradient: The gradient, float32, finite.
            gamma: The rate of the gradient's moving average.

        Returns:
            Its value after the step, of the same shape.
        """
        raise NotImplementedError

    def signal(self, moments: list, gamma, step) -> Any:
        """Returns the signal that is compared with the threshold.

        Args:
            moments: The moments, after this step.
            gamma: The rate of the gradient's moving average.
            step: The number of this step, from 1, a float.

        Returns:
            A tensor of the moments' shape.
        """
        raise NotImplementedError

    def _step(self, index: int, gradient, variable, gamma) -> None:
        """Updates the variable at `index` by Eq. 3 and 4, and counts its flips."""
        done = backend.as_tensor(self.iterations)
        scalars = (gamma, self.threshold, done + 1)
        # A sparse gradient, of an embedding, may not know its shape.
        gradient = ops.reshape(backend.as_tensor(gradient), variable.shape)
        flipped, skipped = self._update(
            gradient,
            [variable, *self._moments[index]],
            *(ops.cast(backend.as_tensor(scalar), "float32") for scalar in scalars),
        )
        slot = ops.cast(done % FLIP_HISTORY, "int32")
        is_slot = ops.equal(ops.arange(FLIP_HISTORY, dtype="int32"), slot)
        column = ops.stack([flipped, ops.cast(done + 1, "int32")])[:, None]
        history, total = self._flips[index], self._skipped[index]
        history.assign(ops.where(is_slot, column, backend.as_tensor(history)))
        before = backend.as_tensor(total)
        total.assign(before + ops.minimum(skipped, _MOST - before))

    def _new_moment(self, i, moment, gradient, gamma, threshold, step):
        gradient = ops.cast(gradient, "float32")
        finite = ops.isfinite(gradient)
        gradient = ops.where(finite, gradient, 0.0)
        return ops.where(
            finite, self.update_moment(self.moments[i], moment, gradient, gamma), moment
        )

    def _new_weight(self, weight, moments, gradient, gamma, threshold, step):
        """Returns the weights, which of them flipped, and which gradients are not finite."""
        # Not Python's 1.0: JAX makes a weak type of it, another one than the variable's, and would
        # compile the second step anew.
        one = ops.ones((), dtype="float32")
        weight = ops.where(weight < 0, -one, one)
        finite = ops.isfinite(gradient)
        flips = equations.flips(weight, self.signal(moments, gamma, step), threshold)
        flips = ops.logical_and(flips, finite)
        return ops.where(flips, -weight, weight), flips, ops.logical_not(finite)

    def flips(self, steps: int = 1) -> np.ndarray:
        """Returns how many weights flipped in each of the last steps.

        A variable without a gradient in a step counts as 0 flips.

        Args:
            steps: The number of steps, at most `FLIP_HISTORY` (1,024).

        Returns:
            An int64 array of shape `(steps,)`, the oldest step first.

        Raises:
            ValueError: if fewer than `steps` steps are remembered.
        """
        done = int(ops.convert_to_numpy(self.iterations))
        if not 0 <= steps <= min(done, FLIP_HISTORY):
            raise ValueError(
                f"The flips of the last {min(done, FLIP_HISTORY)} steps are remembered. "
                f"Received: steps={steps}"
            )
        wanted = np.arange(done - steps, done)
        total = np.zeros(steps, dtype="int64")
        for history in self._flips:
            counts, found = ops.convert_to_numpy(history)[:, wanted % FLIP_HISTORY]
            total += np.where(found == wanted + 1, counts, 0)
        return total

    @property
    def num_weights(self) -> int:
        """The number of binary weights that this optimizer trains."""
        return sum(math.prod(moments[0].shape) for moments in self._moments)

    @property
    def non_finite_gradients(self) -> int:
        """How many gradient entries were NaN or infinite, and so did not change their weight.

        They are counted from when the optimizer is built, up to 2^31 - 1 for each variable.
        """
        return sum(int(ops.convert_to_numpy(skipped)) for skipped in self._skipped)

    def _clip_gradients(self, grads):
        # One non-finite entry makes the whole norm non-finite. It must not take part in the norm,
        # and must still be non-finite afterwards, so that it is skipped and counted.
        if not (self.clipnorm or self.clipvalue or self.global_clipnorm):
            return grads
        finite = [ops.isfinite(g) for g in grads]
        zeroed = [ops.where(f, g, ops.zeros_like(g)) for f, g in zip(finite, grads, strict=True)]
        clipped = super()._clip_gradients(zeroed)
        return [
            ops.where(f, c, ops.full_like(c, float("nan")))
            for f, c in zip(finite, clipped, strict=True)
        ]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        meaningless = {"use_ema", "ema_momentum", "ema_overwrite_frequency", "weight_decay"}
        return {
            **{name: config[name] for name in config.keys() - meaningless - {"learning_rate"}},
            "gamma": self._serialized(self._learning_rate),
            "threshold": self._serialized(self._threshold),
        }

    def _serialized(self, hyperparameter) -> float | dict[str, Any]:
        if callable(hyperparameter):
            return self._keras.saving.serialize_keras_object(hyperparameter)
        return float(ops.convert_to_numpy(hyperparameter))

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects=None):
        load = cls._keras.saving.deserialize_keras_object
        config = {
            name: load(value, custom_objects=custom_objects) if isinstance(value, dict) else value
            for name, value in config.items()
        }
        return cls(**config)
