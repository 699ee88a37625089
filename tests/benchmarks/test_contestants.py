"""What our own contestant compares itself with."""

import numpy as np
import pytest

from tests import backends

if backends.BACKEND != "tensorflow":
    pytest.skip("the benchmarks run on TensorFlow", allow_module_level=True)

import larq_bop as lb
from benchmarks.contestants.ours import UncountedBop


def test_bop_without_counting_differs_in_nothing_else():
    rng = np.random.default_rng(0)
    optimizers = [kind(threshold=1e-3, gamma=0.1) for kind in (lb.Bop, UncountedBop)]
    variables = [backends.binary_variable(np.ones(20_000)) for _ in optimizers]
    steps = [backends.stepper(o, [v], "graph") for o, v in zip(optimizers, variables, strict=True)]
    for _ in range(3):
        gradient = rng.standard_normal(20_000).astype("float32")
        for step in steps:
            step([gradient])
    counting, not_counting = (backends.to_numpy(v) for v in variables)
    np.testing.assert_array_equal(counting, not_counting)
    assert (counting == -1).any()
    assert optimizers[0].flips(3).sum() > 0
    assert optimizers[1].flips(3).sum() == 0
