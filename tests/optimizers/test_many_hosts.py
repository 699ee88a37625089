"""Two hosts on JAX: docs/many-hosts.md, and what it says of a host that dies."""

import signal

import keras
import pytest

from larq_bop import Bop
from tests import backends, many_hosts


@pytest.mark.slow
@pytest.mark.skipif(backends.BACKEND != "jax", reason="Keras 3 trains on many hosts with JAX")
class TestManyHosts(many_hosts.ManyHosts):
    example = "many_hosts_jax.py"
    error = ("JaxRuntimeError", "This most likely indicates that another task died")
    code = -signal.SIGABRT
    options = ("--heartbeat-timeout", "10")

    @staticmethod
    def load(path):
        model = keras.models.load_model(path)
        flips = model.optimizer.pred_opt_pairs[0][1].flips(many_hosts.EPOCHS * many_hosts.STEPS)
        weights = [(Bop.is_binary_variable(v), backends.to_numpy(v)) for v in model.variables]
        return weights, flips.tolist()
