import math

import numpy as np
import pytest

from experiments.cifar10.runs import FAST
from experiments.engine.schedules import Schedule
from experiments.engine.settings import BinarynetSettings
from experiments.errors import ExperimentError
from tests.backends import to_numpy

STEPS = 7


def schedule(name, start=1e-3, end=1e-5, epochs=10, decay=0.1, decay_epochs=4):
    return Schedule(name, start, end, epochs, decay, decay_epochs)


def value(name, epoch):
    """The definition, in plain Python."""
    start, end, passed = 1e-3, 1e-5, epoch / 10
    return {
        "constant": start,
        "step": start * 0.1 ** (epoch // 4),
        "linear": start + passed * (end - start),
        "cosine": end + (start - end) * math.cos(math.pi * passed / 2) ** 2,
    }[name]


@pytest.mark.parametrize("name", ["constant", "step", "linear", "cosine"])
def test_values_by_epoch_and_by_step_follow_the_definition(name):
    made = schedule(name)
    by_step = made.by_step(STEPS)
    for epoch in range(11):
        assert made.at(epoch) == pytest.approx(value(name, epoch), rel=1e-12)
        used = by_step(epoch * STEPS) if callable(by_step) else by_step
        assert float(to_numpy(used)) == pytest.approx(value(name, epoch), rel=1e-5)


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_smooth_schedules_change_within_an_epoch_and_end_with_their_end(name):
    by_step = schedule(name).by_step(STEPS)
    values = [float(to_numpy(by_step(step))) for step in range(10 * STEPS + 2)]
    assert (np.diff(values[: 10 * STEPS + 1]) < 0).all()
    np.testing.assert_allclose(values[-2:], 1e-5, rtol=1e-5)


def test_a_constant_is_a_plain_number():
    assert schedule("constant").by_step(STEPS) == 1e-3


def test_a_line_may_begin_at_0_and_a_cosine_may_not():
    assert schedule("linear", start=0.0, end=1e-6).at(5) == pytest.approx(5e-7)
    with pytest.raises(ValueError, match="cannot begin at 0"):
        schedule("cosine", start=0.0)


def test_settings_with_a_schedule_that_cannot_be_are_refused():
    settings = BinarynetSettings(
        experiment="cifar10", dataset="cifar10", preset="fast", filters=8, **FAST
    )
    with pytest.raises(ExperimentError, match="The schedule of threshold"):
        settings.with_options(threshold=0.0, threshold_schedule="cosine")
