"""Binary variables: how they are recognized, and how an optimizer makes its variables binary."""

from __future__ import annotations

import contextlib
import contextvars
import warnings
from collections.abc import Iterator

import keras
from keras import ops

from larq_bop import backend
from larq_bop.math import sign

_is_late: contextvars.ContextVar[bool] = contextvars.ContextVar("is_late", default=False)


def is_binary_variable(variable) -> bool:
    """Returns whether `variable.precision` is 1, as for a kernel with a one-bit quantizer.

    As in Larq, this holds for `NoOp(precision=1)` and for `ste_sign` alike. In a model that is
    trained with Bop, the latent weights behind `ste_sign` would become binary: to keep them latent,
    train the model without Bop.

    Args:
        variable: A Keras variable.

    Returns:
        True or False; False for a variable without a precision.
    """
    return getattr(variable, "precision", 32) == 1


# Not as a decorator: Keras' has no types, and type checkers would know none of the function either.
keras.saving.register_keras_serializable(package="larq_bop")(is_binary_variable)


def path(variable) -> str:
    """Returns the name that distinguishes a variable from all others of its model."""
    return getattr(variable, "path", variable.name)


@contextlib.contextmanager
def gradients_at_hand() -> Iterator[None]:
    """A scope for a step: an optimizer that is built inside it already has gradients to apply.

    In eager execution these gradients were computed with the weights before they became binary.
    """
    token = _is_late.set(backend.is_eager())
    try:
        yield
    finally:
        _is_late.reset(token)


class BinaryVariables:
    """Mixin of an optimizer that makes its variables binary when it is built."""

    is_binary_variable = staticmethod(is_binary_variable)

    def _warn_of_untagged(self, variables) -> None:
        untagged = [path(v) for v in variables if not is_binary_variable(v)]
        if untagged:
            warnings.warn(
                f"{type(self).__name__} makes signs of all the variables it is given, also of "
                f"these, which are not marked as binary: {', '.join(untagged)}. Send them to "
                "another optimizer with CaseOptimizer, or give their layers "
                "`kernel_quantizer=NoOp(precision=1)`.",
                stacklevel=3,
            )

    def _make_binary(self, variables) -> None:
        """Replaces weights that are not in {-1, +1} by their sign."""
        changed = []
        # The first gradient should already be that of binary weights.
        with backend.at_once():
            for variable in variables:
                before = backend.as_tensor(variable)
                after = sign(before)
                if _is_late.get() and bool(ops.any(ops.not_equal(before, after))):
                    changed.append(path(variable))
                variable.assign(after)
        if changed:
            warnings.warn(
                f"{type(self).__name__} is built by its first step, whose gradients are those of "
                f"weights that were not -1 and +1 yet: {', '.join(changed)}. Where steps run "
                "eagerly, build the optimizer before: "
                "`model.optimizer.build(model.trainable_variables)`.",
                stacklevel=3,
            )
