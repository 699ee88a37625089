"""Training on two devices equals training on one with the same global batches."""

import json

import numpy as np
import pytest

from tests import backends
from tests.conftest import only_tensorflow

pytestmark = pytest.mark.slow

# With and without clipping inside Bop, loss scaling around both, an uneven last batch, and batch
# normalization over the global batch.
SCENARIOS = {
    "tensorflow": [
        "bop",
        "case-normalized",
        "case-clipnorm",
        "case-scaled-clipnorm",
        "case-scaled-uneven",
    ],
    "jax": ["bop", "case-normalized", "case-scaled-clipnorm"],
    "torch": [],
}[backends.BACKEND]


@pytest.fixture(scope="module")
def results():
    """All scenarios from one process: TensorFlow alone takes seconds to start."""
    printed = backends.run_python("-m", "tests.optimizers.replicas", *SCENARIOS)
    return json.loads(printed.splitlines()[-1])


@pytest.mark.skipif(not SCENARIOS, reason="Keras has no data parallelism on torch")
@pytest.mark.parametrize("scenario", SCENARIOS or [None])
def test_two_devices_equal_one(results, scenario):
    result = results[scenario]
    assert result["binary_weights_that_differ"] == 0
    assert result["flips_on_two"] == result["flips_on_one"]
    assert len(result["flips_on_one"]) == 12
    assert min(result["flips_on_one"][:3]) > 0
    assert result["largest_difference_of_others"] < 1e-5
    assert len(result["ratios_on_one"]) == {"case-normalized": 2}.get(scenario, 0)
    np.testing.assert_allclose(result["ratios_on_two"], result["ratios_on_one"], rtol=1e-6)
    assert result["others"] == {"bop": 0, "case-normalized": 4}.get(scenario, 2)


@only_tensorflow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_replica_has_its_own_copy(results, scenario):
    assert results[scenario]["copies"] == 2
