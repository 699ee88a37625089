"""The binary quantizer to 0 and 1."""

from __future__ import annotations

import keras

from larq_bop import math
from larq_bop.elementwise import elementwise
from larq_bop.quantizers.base import ClippedQuantizer
from larq_bop.quantizers.pseudo_gradient import straight_through

__all__ = ["SteHeaviside", "ste_heaviside"]


@elementwise
def ste_heaviside(x, clip_value: float | None = 1.0):
    r"""The Heaviside step, with the straight-through estimator as its gradient.

    $$q(x) = \begin{cases} 0 & x \le 0 \\ 1 & x > 0 \end{cases} \qquad
    \frac{\partial q}{\partial x} = \begin{cases} 1 & |x| \le c \\ 0 & |x| > c \end{cases}$$

    Args:
        x: A tensor of any shape, or a symbolic one; integers count as floats.
        clip_value: $c$, or None for a gradient that is never clipped.

    Returns:
        A tensor of `x`'s shape and dtype, in {0, 1}.
    """
    return straight_through(x, math.heaviside, clip_value)


@keras.saving.register_keras_serializable(package="larq_bop")
class SteHeaviside(ClippedQuantizer):
    r"""`ste_heaviside` as a layer: 0 or 1, with a clipped straight-through gradient.

    $$q(x) = \begin{cases} 0 & x \le 0 \\ 1 & x > 0 \end{cases} \qquad
    \frac{\partial q}{\partial x} = \begin{cases} 1 & |x| \le c \\ 0 & |x| > c \end{cases}$$

    Args:
        clip_value: $c$, or None for a gradient that is never clipped.
    """

    precision = 1
    is_ternary = True

    def call(self, inputs):
        return ste_heaviside(inputs, self.clip_value)
