"""JAX and torch: every device runs one program, whose gradients are global already."""


def sum_over_replicas(gradients):
    """Returns the gradients of the global batch, which these are."""
    return gradients


def assume_reduced_gradients(optimizer) -> None:
    """Tells an optimizer not to reduce gradients over replicas, which it does not do."""


def compiled(function):
    """Returns the function as it is: JAX compiles the whole step, and torch runs it eagerly."""
    return function
