"""What tests need to run the same on TensorFlow, JAX and torch."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

BACKEND = keras.backend.backend()

minutes_elsewhere = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="minutes on the other backends"
)
"""Marks a test that the default backend alone is quick at."""
ROOT = Path(__file__).parents[1]

# How one optimizer step can run: op by op, traced, and compiled by XLA.
MODES = {"tensorflow": ["eager", "graph", "xla"], "jax": ["eager", "xla"]}.get(BACKEND, ["eager"])

# A few shapes, not random ones: JAX compiles every operation anew for each.
SHAPES = [(1,), (7,), (4, 5), (2, 3, 2), (3, 3, 2, 4)]


def to_numpy(x):
    """Returns a tensor or variable as float32 if it is of a lower precision, else as it is."""
    x = ops.convert_to_tensor(x)
    if dtype_of(x) in ("bfloat16", "float16"):
        x = ops.cast(x, "float32")
    # A copy: some backends return a view of memory that the next step overwrites.
    return np.array(ops.convert_to_numpy(x))


def dtype_of(x):
    """Returns the name of a tensor's dtype, the same on every backend."""
    return keras.backend.standardize_dtype(x.dtype)


def snapshot(variables):
    """Returns the present values of many variables."""
    return [to_numpy(variable) for variable in variables]


def assert_identical(values, expected):
    """Asserts that two lists of arrays hold the same bits."""
    assert len(values) == len(expected)
    for value, other in zip(values, expected, strict=True):
        np.testing.assert_array_equal(value, other)


def binary_variable(values, dtype="float32", name="kernel"):
    """Returns a variable that is tagged as a layer with `NoOp(precision=1)` tags its kernel."""
    variable = keras.Variable(np.asarray(values, dtype="float32"), dtype=dtype, name=name)
    variable.precision = 1
    return variable


def stepper(optimizer, variables, mode="eager"):
    """Returns a function that applies one list of gradients in the given mode."""

    def tensors(gradients):
        return [
            ops.convert_to_tensor(g, dtype=v.dtype)
            for g, v in zip(gradients, variables, strict=True)
        ]

    optimizer.build(variables)
    if mode == "eager":
        return lambda gradients: optimizer.apply(tensors(gradients), variables)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        apply = tf.function(lambda g: optimizer.apply(g, variables), jit_compile=mode == "xla")
        return lambda gradients: apply(tensors(gradients))

    import jax

    apply = jax.jit(optimizer.stateless_apply)

    def step(gradients):
        values = [v.value for v in optimizer.variables], tensors(gradients)
        new_weights, new_state = apply(*values, [v.value for v in variables])
        for variable, value in zip(variables, new_weights, strict=True):
            variable.assign(value)
        for variable, value in zip(optimizer.variables, new_state, strict=True):
            variable.assign(value)

    return step


def gradient(function, *inputs):
    """Returns `function(*inputs)` and the gradients of its sum with respect to each input."""
    inputs = [np.asarray(x, dtype="float32") for x in inputs]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        tensors = [tf.constant(x) for x in inputs]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = function(*tensors)
        gradients = tape.gradient(value, tensors, unconnected_gradients="zero")
    elif BACKEND == "jax":
        import jax

        tensors = [jax.numpy.asarray(x) for x in inputs]
        value, pull_back = jax.vjp(function, *tensors)
        gradients = pull_back(jax.numpy.ones_like(value))
    else:
        import torch

        tensors = [
            torch.tensor(x, device=keras.src.backend.torch.core.get_device(), requires_grad=True)
            for x in inputs
        ]
        value = function(*tensors)
        value.sum().backward()
        gradients = [torch.zeros_like(t) if t.grad is None else t.grad for t in tensors]
        value = value.detach()
    return to_numpy(value), [to_numpy(g) for g in gradients]


def run_python(*arguments, **environment):
    """Runs Python in a fresh process and returns what it printed."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
