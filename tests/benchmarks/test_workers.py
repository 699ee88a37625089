"""The conversation between the command and its contestants."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.contestants.protocol import seconds_of
from benchmarks.errors import BenchmarkError
from benchmarks.workers import Worker
from tests.conftest import only_tensorflow

FAKE = "tests.benchmarks.fake_contestant"


@pytest.fixture
def worker():
    with Worker("fake", Path(sys.executable), FAKE) as worker:
        yield worker


def test_a_worker_tells_its_versions(worker):
    assert worker.versions["fake"] == "1.0"
    assert worker.versions["numpy"] == np.__version__


def test_a_task_goes_on_where_it_was(worker):
    assert worker.measure("count", 3) == [0, 1, 2]
    assert worker.measure("count", 2, start=10) == [10, 11]
    assert worker.measure("count", 2) == [3, 4]
    assert worker.measure("count", 1, start=10) == [12]


def test_the_peak_of_its_memory_is_its_own(worker):
    # A process that is started by a large one would otherwise seem to be large.
    ballast = np.ones(300_000_000, "uint8")
    with Worker("late", Path(sys.executable), FAKE) as late:
        late.measure("count", 1)
    worker.measure("count", 1)
    assert 5e6 < worker.peak_bytes < 200e6
    assert 5e6 < late.peak_bytes < 200e6
    assert ballast.nbytes == 300_000_000


def test_what_libraries_print_is_no_answer(worker):
    assert worker.measure("chatter", 1) == [1.0]
    assert worker.measure("count", 1) == [0]


@pytest.mark.parametrize("words", ["garbage\n", "[]\n", '{"values": [1]}\n', "17\n"])
def test_an_answer_that_makes_no_sense_is_told(worker, words):
    with pytest.raises(BenchmarkError, match="fake gave an answer that makes no sense"):
        worker.measure("garbage", 1, words=words)


def test_a_dying_worker_leaves_its_last_words(worker):
    with pytest.raises(BenchmarkError, match=r"exit code 1\), saying 'ZeroDivisionError: the last"):
        worker.measure("die", 1)


def test_a_silent_death_is_told(worker):
    with pytest.raises(BenchmarkError, match=r"fake died \(exit code 3\), saying 'nothing'"):
        worker.measure("leave", 3)
    with pytest.raises(BenchmarkError, match="fake died"):
        worker.measure("count", 1)


def test_a_missing_module_is_told():
    with pytest.raises(BenchmarkError, match="No module named"):
        Worker("absent", Path(sys.executable), "benchmarks.contestants.absent")


def test_a_missing_interpreter_is_told(tmp_path):
    with pytest.raises(BenchmarkError, match="cannot be started for absent"):
        Worker("absent", tmp_path / "python", FAKE)


def test_the_first_call_is_not_counted():
    calls = []
    seconds = seconds_of(lambda: calls.append(None), 3)
    assert len(seconds) == 3
    assert len(calls) == 4
    assert min(seconds) >= 0


@only_tensorflow
@pytest.mark.slow
def test_our_own_contestant_trains(tmp_path):
    draw = np.random.default_rng(0)
    data = tmp_path / "images.npz"
    images = draw.integers(0, 256, (12, 32, 32, 3)).astype("uint8")
    np.savez(data, images=images, labels=draw.integers(0, 10, 12).astype("int32"))
    environment = {"KERAS_BACKEND": "tensorflow"}
    with Worker(
        "larq_bop", Path(sys.executable), "benchmarks.contestants.ours", environment
    ) as worker:
        # More images than there are: they begin anew.
        seconds = worker.measure(
            "training", 2, data=str(data), precision="float32", batch_size=8, filters=4
        )
        assert len(seconds) == 2
        assert min(seconds) > 0
        assert worker.peak_bytes > 50e6

        bop, adam = (
            worker.measure("state", 1, optimizer=optimizer, filters=4)
            for optimizer in ("bop", "adam")
        )
        assert bop[0] >= 4
        assert adam == [8.0]
        assert len(worker.measure("update", 2, filters=4)) == 2
        assert len(worker.measure("numpy-pass", 2, filters=4)) == 2
