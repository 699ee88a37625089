"""The second-order binary optimizer."""

from __future__ import annotations

from typing import Any, Unpack

import keras
from keras import ops

from larq_bop.annotations import OptimizerArguments, Schedulable
from larq_bop.optimizers import equations
from larq_bop.optimizers.binary_optimizer import BinaryOptimizer
from larq_bop.optimizers.binary_rule import BinaryRule
from larq_bop.optimizers.hyperparameters import check_hyperparameter

__all__ = ["Bop2ndOrder"]


class Bop2ndOrderRule(BinaryRule):
    """The rule of `Bop2ndOrder`: the average is divided by the root of its second moment."""

    moments = ("momentum", "velocity")

    def __init__(
        self,
        threshold: Schedulable = 1e-6,
        gamma: Schedulable = 1e-7,
        sigma: float = 1e-3,
        bias_correction: bool = False,
        name: str = "bop_2nd_order",
        **kwargs: Unpack[OptimizerArguments],
    ):
        super().__init__(threshold=threshold, gamma=gamma, name=name, **kwargs)
        self.sigma = check_hyperparameter("sigma", sigma, most=1.0)
        self.bias_correction = bias_correction

    def update_moment(self, name, moment, gradient, gamma):
        if name == "velocity":
            return equations.moving_average(moment, ops.square(gradient), self.sigma)
        return equations.moving_average(moment, gradient, gamma)

    def signal(self, moments, gamma, step):
        momentum, velocity = moments
        if self.bias_correction:
            momentum = momentum / equations.accumulated(gamma, step)
            velocity = velocity / equations.accumulated(self.sigma, step)
        return equations.second_order_signal(momentum, velocity)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "sigma": self.sigma,
            "bias_correction": self.bias_correction,
        }


@keras.saving.register_keras_serializable(package="larq_bop")
class Bop2ndOrder(Bop2ndOrderRule, BinaryOptimizer):
    r"""Bop with a gradient average that is normalized by its second moment.

    It keeps moving averages of the gradient and of its square,

    $$m_t = (1 - \gamma) \, m_{t-1} + \gamma \, g_t, \qquad
    v_t = (1 - \sigma) \, v_{t-1} + \sigma \, g_t^2$$

    and flips weights as `Bop` does, with this signal in place of $m_t$:

    $$\frac{m_t}{\sqrt{v_t} + 10^{-10}}$$

    Args:
        threshold: The strength of the normalized signal at which a weight flips, at least 0, or a
            schedule.
        gamma: $\gamma$, in [0, 1], or a schedule. It is also Keras' `learning_rate`.
        sigma: $\sigma$, in [0, 1].
        bias_correction: Whether $m_t$ is divided by $1 - (1 - \gamma)^t$ and $v_t$ by
            $1 - (1 - \sigma)^t$, since both averages start at 0 and are too small in the first
            steps. The correction is exact for a constant gamma.
        name: The optimizer's name.
        **kwargs: As for `Bop`.

    Raises:
        ValueError: as `Bop`, and if sigma is outside [0, 1].

    References:
        Suarez-Ramirez et al. 2021, A Bop and Beyond (arXiv 2104.05124).
    """
