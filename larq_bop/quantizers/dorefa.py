"""The quantizer of DoReFa-Net, to any number of bits."""

from __future__ import annotations

import numbers
from typing import Any, Unpack

import keras
from keras import ops

from larq_bop.annotations import QuantizerArguments
from larq_bop.quantizers.base import Quantizer
from larq_bop.quantizers.pseudo_gradient import masked, with_gradient

__all__ = ["DoReFa", "DoReFaQuantizer"]

_MODES = ("activations", "weights")


@keras.saving.register_keras_serializable(package="larq_bop")
class DoReFa(Quantizer):
    r"""Rounds to $n + 1 = 2^k$ equally spaced values.

    For activations, which are clipped to [0, 1],

    $$q(x) = \frac{\operatorname{round}(n x)}{n}, \qquad
    \frac{\partial q}{\partial x} = \begin{cases} 1 & 0 \le x \le 1 \\ 0 & \text{else}
    \end{cases}$$

    For weights, the same is done on [-1, 1], after they are scaled so that the largest magnitude
    is 1:

    $$w' = \frac{\tanh w}{\max |\tanh w|}, \qquad
    q_w(w) = 2 \, q\left(\frac{w' + 1}{2}\right) - 1, \qquad
    \frac{\partial q_w}{\partial w} = \frac{\partial w'}{\partial w}$$

    where the maximum counts as a constant in the gradient. A kernel of zeros gets no gradient.

    Args:
        k_bit: $k$, the number of bits of a value.
        mode: `"activations"` or `"weights"`.

    Raises:
        ValueError: for another mode, or bits that are not a whole number of at least 1.

    References:
        Zhou et al. 2016, DoReFa-Net (arXiv 1606.06160), section 2.3.
    """

    precision: int

    def __init__(
        self, k_bit: int = 2, mode: str = "activations", **kwargs: Unpack[QuantizerArguments]
    ):
        super().__init__(**kwargs)
        _check_mode(mode)
        if not isinstance(k_bit, numbers.Integral) or k_bit < 1:
            raise ValueError(f"`k_bit` must be an int of at least 1. Received: k_bit={k_bit!r}")
        self.precision = int(k_bit)
        self.mode: str = mode
        self.is_ternary = self.precision == 1

    def call(self, inputs):
        _check_mode(self.mode)
        if self.mode == "activations":
            return with_gradient(inputs, self._rounded, masked, keep=_is_proper)
        rounded = with_gradient(
            self.weight_preprocess(inputs), self._rounded, lambda x, incoming: incoming
        )
        return 2.0 * rounded - 1.0

    def weight_preprocess(self, inputs):
        """Returns weights scaled to [0, 1]: the largest magnitude becomes 0 or 1, 0 becomes 1/2.

        Args:
            inputs: Weights, a float tensor of any shape.
        """
        limited = ops.tanh(inputs)
        largest = ops.stop_gradient(ops.max(ops.abs(limited)))
        return ops.divide_no_nan(limited, 2.0 * largest) + 0.5

    def _rounded(self, x):
        steps = 2**self.precision - 1
        return ops.round(ops.clip(x, 0.0, 1.0) * steps) / steps

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k_bit": self.precision, "mode": self.mode}


def _check_mode(mode) -> None:
    if mode not in _MODES:
        raise ValueError(
            f"Invalid DoReFa quantizer mode {mode}. Valid values are {' and '.join(_MODES)}."
        )


def _is_proper(x):
    return ops.logical_and(x >= 0.0, x <= 1.0)


DoReFaQuantizer = DoReFa
"""Another name of `DoReFa`, as in Larq."""
