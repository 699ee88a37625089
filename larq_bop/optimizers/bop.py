"""Bop, the binary optimizer."""

from __future__ import annotations

from typing import Unpack

import keras

from larq_bop.annotations import OptimizerArguments, Schedulable
from larq_bop.optimizers import equations
from larq_bop.optimizers.binary_optimizer import BinaryOptimizer
from larq_bop.optimizers.binary_rule import BinaryRule

__all__ = ["Bop"]


class BopRule(BinaryRule):
    """The rule of `Bop`: the signal is the moving average of the gradient."""

    moments = ("momentum",)

    def __init__(
        self,
        threshold: Schedulable = 1e-8,
        gamma: Schedulable = 1e-4,
        name: str = "bop",
        **kwargs: Unpack[OptimizerArguments],
    ):
        super().__init__(threshold=threshold, gamma=gamma, name=name, **kwargs)

    def update_moment(self, name, moment, gradient, gamma):
        return equations.moving_average(moment, gradient, gamma)

    def signal(self, moments, gamma, step):
        (momentum,) = moments
        return momentum


@keras.saving.register_keras_serializable(package="larq_bop")
class Bop(BopRule, BinaryOptimizer):
    r"""The binary optimizer: trains weights in {-1, +1} without latent weights.

    It keeps a moving average of the gradient (the report, Eq. 3),

    $$m_t = (1 - \gamma) \, m_{t-1} + \gamma \, g_t, \qquad m_0 = 0$$

    and flips a weight if that average is large enough and has the weight's sign (Eq. 4):

    $$w_t = \begin{cases} -w_{t-1} & |m_t| \ge \tau \text{ and }
    \operatorname{sign}(m_t) = \operatorname{sign}(w_{t-1}) \\ w_{t-1} & \text{else} \end{cases}$$

    With a higher gamma the average follows the gradient faster and is noisier; with a higher
    threshold fewer weights flip. When the optimizer is built, weights that are not in {-1, +1} are
    replaced by their signs. A gradient entry that is NaN or infinite changes neither $m$ nor $w$
    and is counted in `non_finite_gradients`.

    The state is one float32 for each weight, half of Adam's.

    Args:
        threshold: $\tau$, at least 0, or a schedule.
        gamma: $\gamma$, in [0, 1], or a schedule. It is also Keras' `learning_rate`.
        name: The optimizer's name.
        **kwargs: `clipnorm`, `clipvalue`, `global_clipnorm`, `loss_scale_factor` and
            `gradient_accumulation_steps`, as in every Keras optimizer.

    Raises:
        ValueError: if gamma is outside [0, 1], threshold negative, either of them not finite, or
            `use_ema`, `weight_decay` or `learning_rate` is given.

    Example:

    >>> optimizer = larq_bop.CaseOptimizer(
    ...     (larq_bop.Bop.is_binary_variable, larq_bop.Bop(threshold=1e-8, gamma=1e-4)),
    ...     default_optimizer=keras.optimizers.Adam(0.01),
    ... )
    >>> model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy")

    References:
        Helwegen et al. 2019, Latent Weights Do Not Exist (arXiv 1906.02107), Algorithm 1. Where
        $w m = \tau$ exactly, the code published with it sets the weight to +1; this optimizer
        follows Eq. 4.
    """
