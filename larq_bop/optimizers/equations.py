"""The update rules as pure functions of tensors.

Weights are float32 tensors of any shape in {-1, +1}; everything else broadcasts against them.
"""

from __future__ import annotations

from keras import ops


def moving_average(average, value, rate):
    r"""The exponential moving average, Eq. 3 of the report.

    $$m_t = (1 - \gamma) m_{t-1} + \gamma g_t$$

    Args:
        average: $m_{t-1}$.
        value: $g_t$.
        rate: $\gamma$, a scalar.

    Returns:
        $m_t$.
    """
    return (1.0 - rate) * average + rate * value


def accumulated(rate, step):
    r"""The weight that all gradients so far have in a moving average that began at 0.

    $$1 - (1 - \gamma)^t$$

    Args:
        rate: $\gamma$, a scalar.
        step: $t$, the number of steps so far, a float.

    Returns:
        A scalar in [0, 1], exact also for rates so small that $1 - \gamma$ would be rounded to 1.
    """
    return -ops.expm1(step * ops.log1p(-rate))


def flips(weight, signal, threshold):
    r"""Returns which weights flip, Eq. 4 of the report.

    A weight flips if the signal has its sign and is at least as large as the threshold:

    $$|m_t| \ge \tau \quad\text{and}\quad \operatorname{sign}(m_t) = \operatorname{sign}(w_{t-1})$$

    A signal of 0 has no sign, and never flips a weight.

    Args:
        weight: $w_{t-1}$, in {-1, +1}.
        signal: $m_t$, or the signal of another optimizer in its place.
        threshold: $\tau$, a scalar.

    Returns:
        A boolean tensor of the weights' shape.
    """
    # The product with a sign is exact: it is |m| where the signs agree and -|m| elsewhere.
    agreement = weight * signal
    return ops.logical_and(agreement >= threshold, agreement > 0)


def second_order_signal(first_moment, second_moment, epsilon=1e-10):
    r"""The signal of the second-order binary optimizer (arXiv 2104.05124, Eq. 7).

    $$\frac{m_t}{\sqrt{v_t} + \epsilon}$$

    Args:
        first_moment: $m_t$, the moving average of the gradient.
        second_moment: $v_t$, the moving average of its square.
        epsilon: Keeps the ratio finite where no gradient was ever seen.

    Returns:
        A tensor of the moments' shape.
    """
    return first_moment / (ops.sqrt(second_moment) + epsilon)
