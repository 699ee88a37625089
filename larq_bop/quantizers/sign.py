"""Binary quantizers to -1 and +1, which differ in their pseudo-gradients."""

from __future__ import annotations

from typing import Any, Unpack

import keras
from keras import ops

from larq_bop import backend, math
from larq_bop.annotations import QuantizerArguments
from larq_bop.elementwise import elementwise
from larq_bop.quantizers.base import ClippedQuantizer, Quantizer
from larq_bop.quantizers.pseudo_gradient import straight_through, with_gradient

__all__ = [
    "ApproxSign",
    "MagnitudeAwareSign",
    "SteSign",
    "SwishSign",
    "approx_sign",
    "ste_sign",
    "swish_sign",
]

_sign = backend.fused(math.sign)


@elementwise
def ste_sign(x, clip_value: float | None = 1.0):
    r"""The sign, with the straight-through estimator as its gradient.

    Forward (the report, Eq. 1) and backward (Eq. 2):

    $$q(x) = \begin{cases} -1 & x < 0 \\ +1 & x \ge 0 \end{cases} \qquad
    \frac{\partial q}{\partial x} = \begin{cases} 1 & |x| \le c \\ 0 & |x| > c \end{cases}$$

    Args:
        x: A tensor of any shape, or a symbolic one; integers count as floats.
        clip_value: $c$, or None for a gradient that is never clipped.

    Returns:
        A tensor of `x`'s shape and dtype, in {-1, +1}.
    """
    return straight_through(x, _sign, clip_value)


@elementwise
def approx_sign(x):
    r"""The sign, with the gradient of a parabola on each side of zero.

    Forward it is `ste_sign`, $q(x) = \operatorname{sign}(x)$ with $\operatorname{sign}(0) = +1$;
    backward

    $$\frac{\partial q}{\partial x} =
    \begin{cases} 2 - 2|x| & |x| \le 1 \\ 0 & |x| > 1 \end{cases}$$

    Args:
        x: A tensor of any shape, or a symbolic one; integers count as floats.

    Returns:
        A tensor of `x`'s shape and dtype, in {-1, +1}.
    """
    return with_gradient(x, _sign, _approx_sign_gradient)


@elementwise
def swish_sign(x, beta: float = 5.0):
    r"""The sign, with the gradient of a smooth step.

    Forward it is `ste_sign`, $q(x) = \operatorname{sign}(x)$ with $\operatorname{sign}(0) = +1$;
    backward

    $$\frac{\partial q}{\partial x} =
    \frac{\beta \left(2 - \beta x \tanh\frac{\beta x}{2}\right)}{1 + \cosh \beta x}$$

    Args:
        x: A tensor of any shape, or a symbolic one; integers count as floats.
        beta: $\beta$, the steepness of the step.

    Returns:
        A tensor of `x`'s shape and dtype, in {-1, +1}.
    """

    def backward(x, incoming):
        z = beta * x
        return incoming * beta * (2.0 - z * ops.tanh(0.5 * z)) / (1.0 + ops.cosh(z))

    return with_gradient(x, _sign, backward)


def _approx_sign_gradient(x, incoming):
    magnitude = ops.abs(x)
    gradient = 2.0 * (1.0 - magnitude) * incoming
    return ops.where(magnitude <= 1.0, gradient, ops.zeros_like(gradient))


@keras.saving.register_keras_serializable(package="larq_bop")
class SteSign(ClippedQuantizer):
    r"""`ste_sign` as a layer: the sign, with a clipped straight-through gradient.

    $$q(x) = \begin{cases} -1 & x < 0 \\ +1 & x \ge 0 \end{cases} \qquad
    \frac{\partial q}{\partial x} = \begin{cases} 1 & |x| \le c \\ 0 & |x| > c \end{cases}$$

    Args:
        clip_value: $c$, or None for a gradient that is never clipped.

    References:
        Courbariaux et al. 2016, Binarized Neural Networks (arXiv 1602.02830).
    """

    precision = 1
    is_ternary = True

    def call(self, inputs):
        return ste_sign(inputs, self.clip_value)


@keras.saving.register_keras_serializable(package="larq_bop")
class ApproxSign(Quantizer):
    r"""`approx_sign` as a layer: the sign, with a parabola's gradient.

    $$q(x) = \begin{cases} -1 & x < 0 \\ +1 & x \ge 0 \end{cases} \qquad
    \frac{\partial q}{\partial x} = \begin{cases} 2 - 2|x| & |x| \le 1 \\ 0 & |x| > 1 \end{cases}$$

    References:
        Liu et al. 2018, Bi-Real Net (arXiv 1808.00278).
    """

    precision = 1
    is_ternary = True

    def call(self, inputs):
        return approx_sign(inputs)


@keras.saving.register_keras_serializable(package="larq_bop")
class SwishSign(Quantizer):
    r"""`swish_sign` as a layer: the sign, with a smooth step's gradient.

    $$q(x) = \begin{cases} -1 & x < 0 \\ +1 & x \ge 0 \end{cases} \qquad
    \frac{\partial q}{\partial x} =
    \frac{\beta \left(2 - \beta x \tanh\frac{\beta x}{2}\right)}{1 + \cosh \beta x}$$

    Args:
        beta: $\beta$, the steepness of the step.

    References:
        Darabi et al. 2018, BNN+ (arXiv 1812.11800).
    """

    precision = 1
    is_ternary = True

    def __init__(self, beta: float = 5.0, **kwargs: Unpack[QuantizerArguments]):
        super().__init__(**kwargs)
        self.beta = beta

    def call(self, inputs):
        return swish_sign(inputs, self.beta)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta": self.beta}


@keras.saving.register_keras_serializable(package="larq_bop")
class MagnitudeAwareSign(ClippedQuantizer):
    r"""The sign times the mean magnitude of its output channel.

    $$q(x) = s_k \operatorname{sign}(x), \qquad
    \frac{\partial q}{\partial x} = \begin{cases} s_k & |x| \le c \\ 0 & |x| > c \end{cases}
    \qquad s_k = \operatorname{mean} |x_{\ldots, k}|$$

    $s_k$ is the scale of channel $k$ and counts as a constant in the gradient. The channels are the
    last axis, as in a kernel.

    Args:
        clip_value: $c$, or None for a gradient that is never clipped.

    References:
        Liu et al. 2018, Bi-Real Net (arXiv 1808.00278), section 3.3.
    """

    precision = 1

    def call(self, inputs):
        axes = tuple(range(len(inputs.shape) - 1))
        scale = ops.stop_gradient(ops.mean(ops.abs(inputs), axis=axes))
        return scale * ste_sign(inputs, self.clip_value)
