"""Bop and its second-order variant, for models of Keras 2."""

from __future__ import annotations

from larq_bop.larq.binary_optimizer import BinaryOptimizer, register
from larq_bop.optimizers.bop import BopRule
from larq_bop.optimizers.bop_2nd_order import Bop2ndOrderRule

__all__ = ["Bop", "Bop2ndOrder"]


@register
class Bop(BopRule, BinaryOptimizer):
    """`larq_bop.Bop` for models of Keras 2, including Larq's.

    Args:
        threshold: The strength of the signal at which a weight flips, at least 0, or a schedule of
            Keras 2.
        gamma: The rate of the gradient's moving average, in [0, 1], or a schedule of Keras 2. It is
            also Keras' `learning_rate`.
        name: The optimizer's name.
        **kwargs: `clipnorm`, `clipvalue`, `global_clipnorm` and `jit_compile`.

    Raises:
        ValueError: as `larq_bop.Bop`.

    Example:

    >>> optimizer = larq_bop.larq.CaseOptimizer(
    ...     (larq_bop.larq.Bop.is_binary_variable, larq_bop.larq.Bop()),
    ...     default_optimizer=tf.keras.optimizers.Adam(0.01),
    ... )
    >>> larq_model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy")

    References:
        Helwegen et al. 2019, Latent Weights Do Not Exist (arXiv 1906.02107), Algorithm 1.
    """


@register
class Bop2ndOrder(Bop2ndOrderRule, BinaryOptimizer):
    """`larq_bop.Bop2ndOrder` for models of Keras 2, including Larq's.

    Args:
        threshold: The strength of the normalized signal at which a weight flips, at least 0, or a
            schedule of Keras 2.
        gamma: The rate of the moving average of the gradient, in [0, 1], or a schedule of Keras 2.
        sigma: The rate of the moving average of the gradient's square, in [0, 1].
        bias_correction: Whether the averages are corrected for their start at 0.
        name: The optimizer's name.
        **kwargs: As for `Bop`.

    Raises:
        ValueError: as `Bop`, and if sigma is outside [0, 1].

    References:
        Suarez-Ramirez et al. 2021, A Bop and Beyond (arXiv 2104.05124).
    """
