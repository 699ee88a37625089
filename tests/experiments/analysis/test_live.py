import pytest

from experiments.analysis import live
from experiments.errors import ExperimentError


def test_a_command_that_fails_is_an_error_and_shows_why(capfd):
    with pytest.raises(ExperimentError, match="failed with exit code 2"):
        live.rerun("quickstart", "--epochs", "0", run="of-a-test")
    shown = capfd.readouterr().out
    assert shown.startswith(
        "$ python -m experiments quickstart --epochs 0 --out runs/notebooks/quickstart/of-a-test\n"
    )
    assert "--epochs" in shown.partition("\n")[2]


def test_colours_that_a_notebook_asks_for_are_not_passed_on(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("KEPT", "1")
    environment = live._environment()
    assert "FORCE_COLOR" not in environment
    assert environment["KEPT"] == "1"
