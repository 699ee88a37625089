"""Tests on Keras 2: they run in `tox -e larq` and are skipped, with a reason, elsewhere."""

import importlib.util
import os

import pytest

if os.environ.get("TF_USE_LEGACY_KERAS") != "1":
    REASON = "for Keras 2: TF_USE_LEGACY_KERAS=1 is not set (tox -e larq)"
elif importlib.util.find_spec("larq") is None:
    REASON = "Larq is not installed (tox -e larq)"
else:
    REASON = ""


class _SkippedModule(pytest.Module):
    def collect(self):
        pytest.skip(REASON, allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    """Keeps test modules that could not import Larq from being imported."""
    return _SkippedModule.from_parent(parent, path=module_path) if REASON else None


@pytest.fixture(autouse=True)
def _fresh_keras_2():
    """Each test starts from the same seed, names and dtype policy of Keras 2."""
    import tf_keras

    tf_keras.backend.clear_session()
    tf_keras.utils.set_random_seed(0)
    yield
    tf_keras.mixed_precision.set_global_policy("float32")
