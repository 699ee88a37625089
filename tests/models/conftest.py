"""Fixtures of the tests of models."""

import keras
import pytest


@pytest.fixture
def weights_of_zeros(monkeypatch):
    """For tests in which no value matters: JAX compiles the random numbers of each shape anew."""
    monkeypatch.setattr(
        keras.initializers.VarianceScaling,
        "__call__",
        lambda self, shape, dtype=None: keras.ops.zeros(shape, dtype),
    )
