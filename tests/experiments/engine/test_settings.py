import pytest

from experiments import quickstart
from experiments.approximation_viewpoint import runs as approximation_viewpoint
from experiments.cifar10 import runs as cifar10
from experiments.hyperparameters import runs as hyperparameters
from experiments.learning_rate import runs as learning_rate

FULL = cifar10.settings("report")


def shortened(settings, protocol):
    return ", ".join(settings.shortened(protocol)) or None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, None),
        ({"seed": 3, "dtype_policy": "mixed_bfloat16", "gamma": 0.5}, None),
        ({"epochs": 20}, "20 of 500 epochs"),
        (
            {"epochs": 20, "gamma_decay_epochs": 4},
            "20 of 500 epochs, gamma decays every 4 epochs instead of every 100",
        ),
        ({"filters": 32}, "32 of 128 filters"),
        ({"limit": 1000}, "1,000 training images only"),
        ({"epochs": 600, "filters": 256}, None),
    ],
)
def test_what_falls_short_is_told(options, told):
    assert shortened(FULL.with_options(**options), FULL) == told


def test_a_decay_that_changes_nothing_is_not_told():
    settings = hyperparameters.settings(1e-3, 1e-6, "report")
    assert shortened(settings.with_options(gamma_decay_epochs=1), settings) is None


@pytest.mark.parametrize("preset", ["report", "paper"])
def test_full_presets_are_not_shortened(preset):
    assert shortened(cifar10.settings(preset), cifar10.protocol(preset)) is None


def test_quick_presets_are_shortened_but_the_quickstart_has_no_other_length():
    told = shortened(cifar10.settings("quick"), cifar10.protocol("quick"))
    assert told == (
        "5 of 500 epochs, gamma decays every 2 epochs instead of every 100, 32 of 128 filters"
    )
    chosen = ("digits", "quick")
    assert shortened(quickstart.settings(*chosen), quickstart.protocol(*chosen)) is None


@pytest.mark.parametrize("module", [approximation_viewpoint, hyperparameters, learning_rate])
def test_series_are_shortened_unless_they_are_the_reports(module):
    told = [shortened(run.settings, run.protocol) for run in module.runs("report").values()]
    assert set(told) == {None}
    assert all(shortened(run.settings, run.protocol) for run in module.runs("quick").values())


def test_the_short_hyperparameters_say_so():
    told = {shortened(r.settings, r.protocol) for r in hyperparameters.runs("short").values()}
    assert told == {"10 of 100 epochs, 32 of 128 filters"}


def test_the_papers_preset_says_that_its_network_is_the_reports():
    note = cifar10.settings("paper").as_dict()["note"]
    assert "14,022,016" in note
    assert "10,352,000" in note
    # Without padding, the first 32 rows become 30, and 15, 7 and 3 after the poolings.
    convolutions = 9 * 128 * (3 + 128 + 2 * 128 + 2 * 256 + 4 * 256 + 4 * 512)
    assert convolutions + 1024 * (3 * 3 * 512 + 1024 + 10) == 10_352_000
    assert convolutions + 1024 * (4 * 4 * 512 + 1024 + 10) == 14_022_016
    assert cifar10.settings("report").note is None
