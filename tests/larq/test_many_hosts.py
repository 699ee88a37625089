"""Larq models on two hosts: docs/many-hosts.md, and what it says of a host that dies."""

import pytest
import tf_keras

from larq_bop.larq import Bop
from tests import many_hosts


@pytest.mark.slow
class TestManyHosts(many_hosts.ManyHosts):
    example = "many_hosts_larq.py"
    error = ("UnavailableError", "/job:worker/replica:0/task:1\nThe tasks have crashed.")
    code = 1

    @staticmethod
    def load(path):
        model = tf_keras.models.load_model(path)
        flips = model.optimizer.pred_opt_pairs[0][1].flips(many_hosts.EPOCHS * many_hosts.STEPS)
        return [(Bop.is_binary_variable(v), v.numpy()) for v in model.variables], flips.tolist()
