"""The common part of all quantizers, and the quantizer that changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Unpack

import keras

from larq_bop.annotations import LayerArguments, QuantizerArguments
from larq_bop.elementwise import as_float
from larq_bop.metrics import LayerFlipRatio
from larq_bop.rematerialization import Rematerializable

__all__ = ["NoOp", "Quantizer"]


class Quantizer(Rematerializable):
    """Base class of quantizers: override `call`, and `get_config` where there are arguments.

    Args:
        metrics: Names of metrics of the output. `"flip_ratio"` is the only one. If it is None, a
            kernel quantizer has the metrics of the `larq_bop.context.metrics_scope` in which its
            layer is created.
        **kwargs: `name`, `dtype`, `trainable` and `autocast`, as in every Keras layer.

    Attributes:
        precision: The number of bits of an output value, or None if it is not fixed.
        is_ternary: Whether every output value is -1, 0 or +1.
        flip_ratio: The `larq_bop.metrics.FlipRatio` of the output, or None.
    """

    precision: int | None = None
    is_ternary = False
    flip_ratio: LayerFlipRatio | None = None

    def __init__(self, *, metrics: Iterable[str] | None = None, **kwargs: Unpack[LayerArguments]):
        # A quantizer sees its input in full precision under a mixed policy, too: a small latent
        # weight must not be rounded to zero before its sign is taken.
        super().__init__(**{"autocast": False, **kwargs})
        self.custom_metrics = tuple(metrics or ())

    def build(self, input_shape):
        if "flip_ratio" in self.custom_metrics:
            self.flip_ratio = LayerFlipRatio(name=f"flip_ratio/{self.name}")
            self.flip_ratio.build(input_shape)
        super().build(input_shape)

    def __call__(self, inputs, *args, **kwargs):
        if not isinstance(inputs, keras.KerasTensor):
            inputs = as_float(inputs)
        outputs = super().__call__(inputs, *args, **kwargs)
        if self.flip_ratio is not None and not isinstance(outputs, keras.KerasTensor):
            self.flip_ratio.update_state(outputs)
        return outputs

    def _unwatched(self, inputs):
        return super().__call__(as_float(inputs))

    @property
    def variables(self):
        variables = super().variables
        return variables if self.flip_ratio is None else [*variables, *self.flip_ratio.state]

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        metrics = {"metrics": list(self.custom_metrics)} if self.custom_metrics else {}
        return {**super().get_config(), **metrics}


class ClippedQuantizer(Quantizer):
    """A quantizer with a clipped straight-through gradient.

    Args:
        clip_value: The magnitude up to which the gradient passes, or None to let all of it pass.
    """

    def __init__(self, clip_value: float | None = 1.0, **kwargs: Unpack[QuantizerArguments]):
        super().__init__(**kwargs)
        self.clip_value = clip_value

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "clip_value": self.clip_value}


def unwatched(quantizer: Callable) -> Callable:
    """Returns a quantizer as a function that does not update its metrics.

    It is for reading weights between steps, which would otherwise count as a step without flips.

    Args:
        quantizer: A quantizer, or any function or layer that is used as one.
    """
    return getattr(quantizer, "_unwatched", quantizer)


def marks_binary(quantizer) -> bool:
    """Returns whether a kernel with this quantizer is binary itself, without latent weights.

    Args:
        quantizer: The kernel's quantizer, or None.
    """
    return isinstance(quantizer, NoOp) and quantizer.precision == 1


@keras.saving.register_keras_serializable(package="larq_bop")
class NoOp(Quantizer):
    r"""Returns its input unchanged, and marks it with a precision.

    $$q(x) = x, \qquad \frac{\partial q}{\partial x} = 1$$

    A layer whose kernel quantizer is `NoOp(precision=1)` has binary weights and no latent ones: the
    weights start as the signs of the values that the initializer draws, and Bop flips them. The
    kernel's `precision` is 1, like that of every kernel with a one-bit quantizer;
    `Bop.is_binary_variable` finds it by that.

    Args:
        precision: The number of bits of a value.
    """

    def __init__(self, precision: int, **kwargs: Unpack[QuantizerArguments]):
        super().__init__(**kwargs)
        self.precision = precision

    def call(self, inputs):
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "precision": self.precision}
