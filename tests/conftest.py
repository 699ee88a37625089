"""Fixtures and settings that all tests share."""

import gc
import os
from pathlib import Path

# Before the first import of TensorFlow, whose log would drown the tests'.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import hypothesis
import keras
import pytest

# Examples are drawn from the test's name: a failure is the same for everyone.
hypothesis.settings.register_profile("default", deadline=None, derandomize=True, max_examples=25)
hypothesis.settings.load_profile("default")

only_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tf.distribute is TensorFlow's"
)


def pytest_collection_finish():
    # What was imported stays: looking through it for garbage again and again takes a fifth of a
    # second each time.
    gc.collect()
    gc.freeze()


def pytest_unconfigure():
    # Nor need Python take apart, one by one, thousands of TensorFlow's graphs at its end: minutes.
    gc.freeze()


@pytest.fixture(autouse=True)
def _fresh_keras():
    """Each test starts from the same seed, names and dtype policy."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="session")
def tfds_dir() -> Path:
    """The folder with MNIST and CIFAR-10 as TensorFlow Datasets prepares them."""
    shared = Path(__file__).parents[1] / ".." / "shared" / "tfds"
    folder = Path(os.environ.get("TFDS_DATA_DIR", shared)).resolve()
    if not (folder / "cifar10").is_dir() or not (folder / "mnist").is_dir():
        pytest.skip(f"MNIST and CIFAR-10 are not prepared in {folder}; set TFDS_DATA_DIR")
    return folder
