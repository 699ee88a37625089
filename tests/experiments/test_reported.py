"""What the report measured, as it is typed in beside the experiments."""

import json
from pathlib import Path

import pytest

from experiments.approximation_viewpoint.reported import TABLE1, TABLE1_ANOVA_P
from experiments.cifar10.reported import (
    FIGURE3,
    FIGURE3_EPOCHS,
    PAPER_CIFAR10,
    REPORT_CIFAR10,
    SECOND_ORDER_CIFAR10,
)
from experiments.hyperparameters.reported import (
    FIGURE2_OVER_GAMMA,
    FIGURE2_OVER_THRESHOLD,
    FIGURE2_PI_EPOCHS,
    FIGURE2_VALIDATION_EPOCHS,
)
from experiments.learning_rate.reported import FIGURE1, FIGURE1_EPOCHS

REPORT = Path(__file__).parents[2] / ".." / "shared" / "reference" / "report.json"


@pytest.mark.skipif(not REPORT.exists(), reason="the report's numbers are not here to compare with")
def test_the_report_is_typed_in_without_a_mistake():
    report = json.loads(REPORT.read_text())
    for name, numbers in report["table1"].items():
        assert numbers.pop("anova_p") == TABLE1_ANOVA_P[name]
        assert {kind: tuple(x) for kind, x in numbers.items()} == TABLE1[name]
    for name, curves in report["figure1_training_accuracy"].items():
        typed = {
            configuration: dict(zip(map(str, FIGURE1_EPOCHS), values, strict=True))
            for configuration, values in FIGURE1[name].items()
        }
        assert typed == curves
    columns = [*FIGURE2_OVER_GAMMA.items(), *FIGURE2_OVER_THRESHOLD.items()]
    for (setting, typed), run in zip(columns, report["figure2"], strict=True):
        assert setting == (run["gamma"], run["threshold"])
        for epochs, values, numbers in (
            (
                FIGURE2_VALIDATION_EPOCHS,
                typed.validation_accuracy,
                run["validation_accuracy_by_epoch"],
            ),
            (FIGURE2_PI_EPOCHS, typed.median_pi, run["median_flip_ratio_pi_by_epoch"]),
        ):
            assert dict(zip(map(str, epochs), values, strict=True)) == numbers
    typed = dict(zip(map(str, FIGURE3_EPOCHS), FIGURE3, strict=True))
    assert typed == report["figure3"]["validation_accuracy_by_epoch"]
    tested = [r.test_accuracy for r in REPORT_CIFAR10]
    tested += [PAPER_CIFAR10.test_accuracy]
    tested += [r.test_accuracy for r in SECOND_ORDER_CIFAR10]
    assert tested == list(report["cifar10_test_accuracy"].values())
