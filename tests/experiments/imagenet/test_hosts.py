"""`imagenet` on several hosts and devices: real processes, on JAX."""

import importlib.util
import json
import signal

import keras
import numpy as np
import pandas as pd
import pytest

from experiments.engine import hosts as engine_hosts
from experiments.engine.connection import Place, connected, named
from experiments.errors import ExperimentError
from larq_bop import Bop
from tests import backends, hosts
from tests.experiments.command import assert_same_outcome, outcome, read
from tests.experiments.data.stored import store

ADDRESSES, NUMBER, HOST = (
    f"KERAS_DISTRIBUTION_{name}" for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID")
)
TWO = {ADDRESSES: "10.0.0.1:12345,10.0.0.2:12345", NUMBER: "2", HOST: "1"}

needs_jax_and_tfds = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("jax", "tensorflow_datasets")),
    reason="the processes train on JAX, on images of TensorFlow Datasets",
)


def test_without_variables_there_is_one_host(monkeypatch):
    assert named({"PATH": "/bin"}) == Place(1, 0, "")
    for name in TWO:
        monkeypatch.delenv(name, raising=False)
    assert engine_hosts.number() == 1
    assert engine_hosts.is_first()


def test_a_place_is_named_by_keras_variables():
    assert named(TWO) == Place(2, 1, "10.0.0.1:12345")
    assert named({**TWO, ADDRESSES: "first:80", NUMBER: "16"}) == Place(16, 1, "first:80")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({NUMBER: None}, f"{NUMBER} must be set as well"),
        ({ADDRESSES: None, HOST: None}, f"{ADDRESSES} and {HOST} must be set as well"),
        ({HOST: "2"}, "from 0 to KERAS_DISTRIBUTION_NUM_PROCESSES - 1; they are '2' and '2'"),
        ({HOST: "-1"}, "they are '-1' and '2'"),
        ({NUMBER: "two"}, "they are '1' and 'two'"),
        ({NUMBER: "3"}, "must name all hosts, 3 by .*, or the first alone; it names 2"),
        ({ADDRESSES: "10.0.0.1"}, "address and port, such as 10.0.0.1:12345; it is '10.0.0.1'"),
        ({ADDRESSES: ":12345"}, "it is ':12345'"),
    ],
)
def test_variables_that_name_no_place_are_refused(changes, message):
    environment = {k: v for k, v in {**TWO, **changes}.items() if v is not None}
    with pytest.raises(ExperimentError, match=message):
        named(environment)


@pytest.mark.skipif(backends.BACKEND == "jax", reason="JAX can")
def test_other_backends_refuse_several_hosts(monkeypatch):
    for name, value in TWO.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ExperimentError, match="JAX only: set KERAS_BACKEND=jax, not"), connected():
        pass


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Of its test images, 11, two hosts have different numbers."""
    folder = tmp_path_factory.mktemp("tfds")
    store(folder, train=45, test=11)
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Of a host: it has two devices, and compiles nothing that another has compiled."""
    return {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("compiled")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


@pytest.fixture(scope="module")
def two_hosts(data, environment, tmp_path_factory):
    """The folder in which two hosts have run `together.py`, and what each of them printed."""
    folder = tmp_path_factory.mktemp("two-hosts")
    command = ["-m", "tests.experiments.imagenet.together", data, folder]
    ended = hosts.run([command] * 2, folder, [environment] * 2)
    assert [each.code for each in ended] == [0, 0], [each.output[-4000:] for each in ended]
    return folder, [each.output for each in ended]


def assert_trained_alike(folder, reference):
    """Asserts that two runs came to equal flips and binary weights, and nearly equal others.

    Sums over parts of a batch are rounded in another way than the sum over the whole; a binary
    weight could only differ where the gradient's average comes that close to the threshold.
    """
    history, expected = (pd.read_csv(each / "history.csv") for each in (folder, reference))
    assert list(history.flips) == list(expected.flips)
    assert min(history.flips) > 0
    np.testing.assert_allclose(history, expected, rtol=1e-5)
    models = [keras.models.load_model(each / "model.keras") for each in (folder, reference)]
    binary = 0
    for variable, other in zip(*(model.variables for model in models), strict=True):
        value, expected = backends.to_numpy(variable), backends.to_numpy(other)
        if Bop.is_binary_variable(variable):
            binary += value.size
            np.testing.assert_array_equal(value, expected)
        else:
            np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-5)
    assert binary == 3 * 3 * 3 * 8 + 6 * 6 * 8 * 4


@needs_jax_and_tfds
class TestSeveralHosts:
    def test_two_hosts_of_two_devices_train_as_one_device_does(self, two_hosts):
        folder, _ = two_hosts
        assert_trained_alike(folder / "together", folder / "alone")
        hardware = read(folder / "together", "config.json")["hardware"]
        assert (hardware["hosts"], len(hardware["devices"])) == (2, 4)

    def test_all_hosts_have_the_same_weights(self, two_hosts):
        folder, _ = two_hosts
        first, second = (np.load(folder / f"together-{host}.npz") for host in range(2))
        assert len(first.files) == 2 + 2 * 3
        for name in first.files:
            np.testing.assert_array_equal(first[name], second[name])

    def test_the_first_host_alone_prints(self, two_hosts):
        _, (first, second) = two_hosts
        assert "epoch 3/3  loss" in first
        assert "  test " in first
        assert "Host 1 of 2" in second
        assert "epoch" not in second

    def test_what_one_host_cannot_do_all_are_told(self, two_hosts):
        folder, _ = two_hosts
        first, second = (json.loads((folder / f"told-{host}.json").read_text()) for host in (0, 1))
        assert first == second
        for what, message in {
            "finished": "together holds a finished run",
            "uneven": "4 devices cannot share batches of 15 images evenly",
            "options": "The hosts do not agree on what to train",
            "data": f"On host 1: tiny cannot be found in {folder}",
        }.items():
            assert message in first[what]


@needs_jax_and_tfds
@pytest.mark.nightly
def test_a_run_resumes_bit_for_bit_after_the_first_host_was_killed(
    data, environment, tmp_path, two_hosts
):
    """In the midst of the second of three epochs, of two steps each."""
    folder = tmp_path / "run"
    options = ["--dataset", "tiny", "--data-dir", data, "--out", folder, "--epochs", 3]
    options += ["--batch-size", 20, "--image-size", 32, "--gamma", 1e-2, "--threshold", 1e-4]
    commands = [["-m", "tests.experiments.imagenet.small", "imagenet", *options]] * 2
    mortal = {**environment, "DIES_IN_BATCH": "4"}
    dead, survivor = hosts.run(commands, tmp_path, [mortal, environment])
    assert dead.code == -signal.SIGKILL
    assert survivor.code != 0
    assert survivor.at - dead.at < 60
    # JAX may be the first to notice, and ends the process itself.
    told = ("The hosts cannot go on together", "another task died")
    assert any(words in survivor.output for words in told)
    assert not (folder / "result.json").exists()

    ended = hosts.run(commands, tmp_path, [environment] * 2)
    assert [each.code for each in ended] == [0, 0], [each.output[-4000:] for each in ended]
    assert "resuming after epoch 1" in ended[0].output
    assert_same_outcome(folder, outcome(two_hosts[0] / "together"))
