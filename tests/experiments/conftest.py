"""Settings of all tests of the experiments."""

import pytest

from experiments.engine import training


@pytest.fixture(autouse=True)
def _checkpoint_after_every_epoch(monkeypatch):
    """Their epochs are over in no time."""
    monkeypatch.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", 0)
