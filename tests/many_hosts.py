"""What an example of docs/examples that trains on many hosts must show."""

import signal

import numpy as np
import pytest

from tests import backends, hosts

EPOCHS, STEPS = 5, 8


class ManyHosts:
    """The tests, for each engine the same.

    Attributes:
        example: The example's name.
        error: What the survivors of a dead host print before they end.
        code: The exit code that they end with.
        options: Of the run in which a host dies.
    """

    example: str
    error: tuple[str, ...]
    code: int
    options: tuple[str, ...] = ()

    @staticmethod
    def load(path):
        """Returns a saved model's variables, each with whether it is binary, and the last flips."""
        raise NotImplementedError

    @classmethod
    def trained(cls, folder, number):
        """Trains the example, and returns what its hosts saved and printed."""
        ended = hosts.train(cls.example, folder, number)
        assert [each.code for each in ended] == [0] * number, ended[0].output[-4000:]
        models = [cls.load(folder / f"model-{host}.keras") for host in range(number)]
        return models, [each.output for each in ended]

    @pytest.fixture(scope="class")
    @classmethod
    def together(cls, tmp_path_factory):
        models, _ = cls.trained(tmp_path_factory.mktemp("together"), 2)
        return models

    @pytest.fixture(scope="class")
    @classmethod
    def killed(cls, tmp_path_factory):
        folder = tmp_path_factory.mktemp("killed")
        # In the third epoch.
        batches = 2 * STEPS + 3
        ended = hosts.train(cls.example, folder, kill_after=batches, options=cls.options)
        return folder, ended

    def test_two_hosts_end_with_the_binary_weights_of_one(self, tmp_path, together):
        """Each host sums the gradients of its half of the batch, and then the halves are summed.

        In float32 that is another rounding than the sum over the whole batch. A binary weight could
        only differ where the gradient's average comes that close to the threshold, which happens in
        no step here, or else the flips would differ; what Adam trains keeps the difference.
        """
        ((alone, flips),), _ = self.trained(tmp_path, 1)
        assert np.reshape(flips, (EPOCHS, STEPS)).sum(axis=1).min() > 0
        assert sum(weight.size for binary, weight in alone if binary) == 9 * 8 + 36 * 8 * 4
        for weights, flips_on_two in together:
            assert flips_on_two == flips
            for (binary, weight), (_, expected) in zip(weights, alone, strict=True):
                if binary:
                    np.testing.assert_array_equal(np.abs(weight), 1.0)
                    np.testing.assert_array_equal(weight, expected)
                else:
                    np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-5)

    def test_the_survivors_of_a_killed_host_end_with_an_error(self, killed):
        _, (survivor, victim) = killed
        assert victim.code == -signal.SIGKILL
        assert survivor.code == self.code
        assert survivor.at - victim.at < 60
        for words in self.error:
            assert words in survivor.output

    def test_a_run_resumes_to_the_same_weights_after_a_host_was_killed(self, killed, together):
        folder, _ = killed
        models, outputs = self.trained(folder, 2)
        for (weights, flips), (expected, expected_flips), output in zip(
            models, together, outputs, strict=True
        ):
            assert f"Epoch 3/{EPOCHS}" in output
            assert f"Epoch 2/{EPOCHS}" not in output
            assert flips == expected_flips
            backends.assert_identical([w for _, w in weights], [w for _, w in expected])
