"""The second-order binary optimizer."""

from __future__ import annotations

import keras

from larq_bop.optimizers.binary_optimizer import BinaryOptimizer
from larq_bop.optimizers.binary_rule import Bop2ndOrderRule

__all__ = ["Bop2ndOrder"]


@keras.saving.register_keras_serializable(package="larq_bop")
class Bop2ndOrder(Bop2ndOrderRule, BinaryOptimizer):
    r"""Bop on a gradient average that is normalized by its second moment.

    $$m_t = (1 - \gamma) m_{t-1} + \gamma g_t, \qquad
    v_t = (1 - \sigma) v_{t-1} + \sigma g_t^2$$

    and a weight flips as with `Bop`, with $m_t / (\sqrt{v_t} + 10^{-10})$ in place of $m_t$.

    Args:
        threshold: The normalized signal at which a weight flips, at least 0, or a schedule of it.
        gamma: $\gamma$, in [0, 1], or a schedule of it. It is Keras' `learning_rate`.
        sigma: $\sigma$, in [0, 1].
        bias_correction: Whether both averages are divided by $1 - (1 - \gamma)^t$ and
            $1 - (1 - \sigma)^t$, which they lack in the first steps t. Exact for a constant gamma.
        name: The optimizer's name.
        **kwargs: As for `Bop`.

    Raises:
        ValueError: as `Bop`, and if sigma is outside [0, 1].

    References:
        Suarez-Ramirez et al. 2021, A Bop and Beyond (arXiv 2104.05124).
    """
