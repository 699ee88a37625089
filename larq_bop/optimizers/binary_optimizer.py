"""What optimizers of binary weights have in common."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from larq_bop import backend
from larq_bop.math import sign
from larq_bop.optimizers import rules

FLIP_HISTORY = 1024
_MOST = np.iinfo("int32").max


@keras.saving.register_keras_serializable(package="larq_bop")
def is_binary_variable(variable) -> bool:
    """Whether `variable.precision` is 1: a kernel that `NoOp(precision=1)` marked as binary.

    Args:
        variable: A Keras variable.
    """
    return getattr(variable, "precision", 32) == 1


class BinaryOptimizer(keras.optimizers.Optimizer):
    """An optimizer whose variables are in {-1, +1} at all times and change by flips alone.

    A subclass names its moments in `moments`, updates each in `update_moment`, and turns them into
    the flips' signal in `signal`.
    This class keeps the weights binary, gamma and threshold valid, non-finite gradient entries
    away from the moments, and counts of the flips.

    Args:
        threshold: The signal at which a weight flips: at least 0, or a schedule.
        gamma: The rate of the gradient's moving average, in [0, 1], or a schedule. It is Keras'
            `learning_rate`.
        name: The optimizer's name.
        **kwargs: `clipnorm`, `clipvalue`, `global_clipnorm`, `loss_scale_factor` and
            `gradient_accumulation_steps`, as in every Keras optimizer.

    Raises:
        ValueError: if gamma is outside [0, 1], threshold negative, either of them not finite, or
            `use_ema`, `weight_decay` or `learning_rate` is given.
    """

    moments: tuple[str, ...] = ()
    is_binary_variable = staticmethod(is_binary_variable)

    def __init__(self, threshold, gamma, name: str, **kwargs):
        _refuse_meaningless(kwargs)
        super().__init__(
            learning_rate=check_hyperparameter("gamma", gamma, most=1.0), name=name, **kwargs
        )
        threshold = check_hyperparameter("threshold", threshold)
        if not callable(threshold):
            threshold = self.add_variable(
                shape=(),
                initializer=keras.initializers.Constant(threshold),
                dtype="float32",
                aggregation="only_first_replica",
                name="threshold",
            )
        self._threshold = threshold
        self._update = backend.updater(self._new_moment, self._new_weight)

    @property
    def gamma(self):
        """The rate of the gradient's moving average now; assign a float or a schedule."""
        return self.learning_rate

    @gamma.setter
    def gamma(self, value):
        self.learning_rate = value

    @property
    def learning_rate(self):
        """Another name of `gamma`, for Keras' schedules and callbacks."""
        return self._get_current_learning_rate()

    @learning_rate.setter
    def learning_rate(self, value):
        keras.optimizers.Optimizer.learning_rate.fset(
            self, check_hyperparameter("gamma", value, most=1.0)
        )

    @property
    def threshold(self):
        """The signal at which a weight flips now; assign a float, unless it is a schedule."""
        if isinstance(self._threshold, keras.optimizers.schedules.LearningRateSchedule):
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

    def build(self, variables):
        """Creates the state and replaces weights that are not in {-1, +1} by their sign."""
        if self.built:
            return
        super().build(variables)
        untagged = [path(v) for v in variables if not is_binary_variable(v)]
        if untagged:
            warnings.warn(
                f"{type(self).__name__} makes signs of all the variables it is given, also of "
                f"these, which are not marked as binary: {', '.join(untagged)}. Send them to "
                "another optimizer with CaseOptimizer, or give their layers "
                "`kernel_quantizer=NoOp(precision=1)`.",
                stacklevel=2,
            )
        self._moments = [
            [self._add_state(v, moment, v.shape, "float32") for moment in self.moments]
            for v in variables
        ]
        self._flips = [self._add_state(v, "flips", (FLIP_HISTORY,), "int32") for v in variables]
        self._skipped = [self._add_state(v, "skipped", (), "int32") for v in variables]
        # The first gradient shall be that of binary weights already.
        with backend.at_once():
            for variable in variables:
                variable.assign(sign(backend.as_tensor(variable)))

    def _add_state(self, variable, name: str, shape, dtype: str):
        return self.add_variable(
            shape=shape,
            dtype=dtype,
            layout=getattr(variable, "_layout", None) if shape == variable.shape else None,
            name=f"{path(variable).replace('/', '_')}_{name}",
        )

    def update_moment(self, name: str, moment, gradient, gamma):
        """Returns a moment after a step with `gradient`, elementwise.

        Args:
            name: One of `moments`.
            moment: Its value before the step, of the gradient's shape.
            gradient: The gradient, float32, finite.
            gamma: The rate of the gradient's moving average.
        """
        raise NotImplementedError

    def signal(self, moments: list, gamma, step):
        """Returns the signal that is held against the threshold.

        Args:
            moments: The moments, after this step.
            gamma: The rate of the gradient's moving average.
            step: The number of this step, from 1, a float.

        Returns:
            A tensor of the moments' shape.
        """
        raise NotImplementedError

    def update_step(self, gradient, variable, learning_rate):
        """One step of one variable: Eq. 3 and 4, and the count of what happened."""
        index = self._get_variable_index(variable)
        done = backend.as_tensor(self.iterations)
        scalars = (learning_rate, self.threshold, done + 1)
        flipped, skipped = self._update(
            backend.as_tensor(gradient),
            [variable, *self._moments[index]],
            *(ops.cast(backend.as_tensor(scalar), "float32") for scalar in scalars),
        )
        slot = ops.cast(done % FLIP_HISTORY, "int32")
        is_slot = ops.equal(ops.arange(FLIP_HISTORY, dtype="int32"), slot)
        history, total = self._flips[index], self._skipped[index]
        self.assign(history, ops.where(is_slot, flipped, backend.as_tensor(history)))
        self.assign_add(total, ops.minimum(skipped, _MOST - backend.as_tensor(total)))

    def _new_moment(self, i, moment, gradient, gamma, threshold, step):
        gradient = ops.cast(gradient, "float32")
        finite = ops.isfinite(gradient)
        gradient = ops.where(finite, gradient, 0.0)
        return ops.where(
            finite, self.update_moment(self.moments[i], moment, gradient, gamma), moment
        )

    def _new_weight(self, weight, moments, gradient, gamma, threshold, step):
        """Returns the weights, which of them flipped, and which gradients are not finite."""
        weight = ops.where(weight < 0, -1.0, 1.0)
        finite = ops.isfinite(gradient)
        flips = rules.flips(weight, self.signal(moments, gamma, step), threshold)
        flips = ops.logical_and(flips, finite)
        return ops.where(flips, -weight, weight), flips, ops.logical_not(finite)

    def flips(self, steps: int = 1) -> np.ndarray:
        """How many weights flipped in each of the last steps.

        Args:
            steps: How many steps back, at most `FLIP_HISTORY` (1,024).

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
        rows = np.arange(done - steps, done) % FLIP_HISTORY
        histories = [ops.convert_to_numpy(history)[rows] for history in self._flips]
        return np.sum(histories, axis=0, dtype="int64")

    @property
    def num_weights(self) -> int:
        """The number of binary weights that this optimizer trains."""
        return sum(math.prod(v.shape) for v in self._trainable_variables)

    @property
    def non_finite_gradients(self) -> int:
        """How many gradient entries were NaN or infinite, and so left their weight as it was.

        Counted since the optimizer was built, up to 2^31 - 1 a variable.
        """
        return sum(int(ops.convert_to_numpy(skipped)) for skipped in self._skipped)

    def _clip_gradients(self, grads):
        # One non-finite entry makes the whole norm non-finite: it must not take part, and must
        # still be seen as non-finite afterwards.
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
        for name in ("use_ema", "ema_momentum", "ema_overwrite_frequency", "weight_decay"):
            del config[name]
        config["gamma"] = config.pop("learning_rate")
        config["threshold"] = (
            keras.saving.serialize_keras_object(self._threshold)
            if callable(self._threshold)
            else float(ops.convert_to_numpy(self._threshold))
        )
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects=None):
        config = {
            name: keras.saving.deserialize_keras_object(value, custom_objects=custom_objects)
            if isinstance(value, dict)
            else value
            for name, value in config.items()
        }
        return cls(**config)


def path(variable) -> str:
    """The name that tells a variable from all others of its model."""
    return getattr(variable, "path", variable.name)


def check_hyperparameter(name: str, value, most: float = math.inf) -> float | Callable:
    """Returns a valid hyperparameter as a float; schedules and tensors pass as they are."""
    if callable(value) or ops.is_tensor(value) or isinstance(value, keras.Variable):
        return value
    if not isinstance(value, numbers.Real):
        raise ValueError(f"`{name}` must be a number or a schedule. Received: {name}={value!r}")
    if not (math.isfinite(value) and 0.0 <= value <= most):
        bounds = f"in [0, {most:g}]" if math.isfinite(most) else "at least 0 and finite"
        raise ValueError(f"`{name}` must be {bounds}. Received: {name}={value}")
    return float(value)


def _refuse_meaningless(kwargs: dict[str, Any]) -> None:
    for name in ("use_ema", "weight_decay"):
        if kwargs.get(name):
            raise ValueError(
                f"`{name}` has no meaning for weights in {{-1, +1}}. "
                f"Received: {name}={kwargs[name]!r}"
            )
    if "learning_rate" in kwargs:
        raise ValueError(
            "The learning rate of a binary optimizer is called `gamma`. "
            f"Received: learning_rate={kwargs['learning_rate']!r}"
        )
