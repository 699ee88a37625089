"""Functions for networks whose values have one or two bits."""

from keras import ops

from larq_bop import backend
from larq_bop.elementwise import elementwise

__all__ = ["heaviside", "sign"]


@elementwise
def sign(x):
    r"""The sign that is never zero.

    $$\operatorname{sign}(x) = \begin{cases} -1 & x < 0 \\ +1 & x \ge 0 \end{cases}$$

    Args:
        x: A tensor of any shape, or a symbolic one; integers count as floats.

    Returns:
        A float tensor of `x`'s shape and dtype, in {-1, +1}. NaN stays NaN, so that divergence
        shows.
    """
    return backend.sign(backend.sign(x) + ops.cast(0.1, x.dtype))


@elementwise
def heaviside(x):
    r"""The Heaviside step.

    $$H(x) = \begin{cases} 0 & x \le 0 \\ 1 & x > 0 \end{cases}$$

    Args:
        x: A tensor of any shape, or a symbolic one; integers count as floats.

    Returns:
        A float tensor of `x`'s shape and dtype, in {0, 1}.
    """
    return backend.sign(ops.relu(x))
