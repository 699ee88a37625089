"""The ternary quantizer, to -1, 0 and +1."""

from __future__ import annotations

from typing import Any, Unpack

import keras
from keras import ops

from larq_bop import backend
from larq_bop.annotations import QuantizerArguments
from larq_bop.elementwise import elementwise
from larq_bop.quantizers.base import ClippedQuantizer
from larq_bop.quantizers.pseudo_gradient import straight_through

__all__ = ["SteTern", "ste_tern"]


@elementwise
def ste_tern(
    x,
    threshold_value: float = 0.05,
    ternary_weight_networks: bool = False,
    clip_value: float | None = 1.0,
):
    r"""The sign of large values, 0 for small ones, with the straight-through estimator.

    $$q(x) = \begin{cases} \operatorname{sign}(x) & |x| \ge \Delta \\ 0 & |x| < \Delta \end{cases}
    \qquad
    \frac{\partial q}{\partial x} = \begin{cases} 1 & |x| \le c \\ 0 & |x| > c \end{cases}$$

    Args:
        x: A tensor of any shape, or a symbolic one; integers count as floats.
        threshold_value: $\Delta$.
        ternary_weight_networks: Whether $\Delta$ is 0.7 times the mean of $|x|$ instead.
        clip_value: $c$, or None for a gradient that is never clipped.

    Returns:
        A tensor of `x`'s shape and dtype, in {-1, 0, +1}.
    """

    def forward(x):
        threshold = 0.7 * ops.mean(ops.abs(x)) if ternary_weight_networks else threshold_value
        return backend.sign(backend.sign(x + threshold) + backend.sign(x - threshold))

    return straight_through(x, forward, clip_value)


@keras.saving.register_keras_serializable(package="larq_bop")
class SteTern(ClippedQuantizer):
    r"""`ste_tern` as a layer: -1, 0 or +1, with a clipped straight-through gradient.

    $$q(x) = \begin{cases} \operatorname{sign}(x) & |x| \ge \Delta \\ 0 & |x| < \Delta \end{cases}
    \qquad
    \frac{\partial q}{\partial x} = \begin{cases} 1 & |x| \le c \\ 0 & |x| > c \end{cases}$$

    Args:
        threshold_value: $\Delta$.
        ternary_weight_networks: Whether $\Delta$ is 0.7 times the mean of $|x|$ instead.
        clip_value: $c$, or None for a gradient that is never clipped.

    References:
        Li et al. 2016, Ternary Weight Networks (arXiv 1605.04711).
    """

    precision = 2
    is_ternary = True

    def __init__(
        self,
        threshold_value: float = 0.05,
        ternary_weight_networks: bool = False,
        clip_value: float | None = 1.0,
        **kwargs: Unpack[QuantizerArguments],
    ):
        super().__init__(clip_value=clip_value, **kwargs)
        self.threshold_value = threshold_value
        self.ternary_weight_networks = ternary_weight_networks

    def call(self, inputs):
        return ste_tern(inputs, self.threshold_value, self.ternary_weight_networks, self.clip_value)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "threshold_value": self.threshold_value,
            "ternary_weight_networks": self.ternary_weight_networks,
        }
