"""Runs of the report's sections 3.3 and 4.3: binarynet on CIFAR-10, trained with Bop."""

from __future__ import annotations

import functools
from typing import Any

from experiments.engine.run import Run
from experiments.engine.settings import BinarynetSettings
from experiments.engine.single import SingleTraining

NAME = "cifar10"
_QUICK: dict[str, Any] = {
    "filters": 32,
    "epochs": 5,
    "batch_size": 100,
    "gamma": 1e-4,
    "threshold": 1e-8,
    "gamma_decay_epochs": 2,
    "gamma_decay": 0.3,
}

REPORT: dict[str, Any] = {
    "epochs": 500,
    "batch_size": 50,
    "gamma": 1e-3,
    "threshold": 1e-7,
    "patience": 10,
}
"""The report, section 4.3: training stops after ten epochs without a flip."""

PAPER: dict[str, Any] = {
    "epochs": 500,
    "batch_size": 50,
    "gamma": 1e-4,
    "threshold": 1e-8,
    "validation_share": 0.0,
    "note": "The report's network, 14,022,016 binary weights; the paper's code has 10,352,000, as "
    "its first convolution is not padded, and 0.99 for the batch normalization's momentum.",
}
"""The paper, section 5.2: 500 epochs on all training images; the last weights are tested.

The network is the report's, which differs from that of the paper's code as the note says.
"""

FAST: dict[str, Any] = {
    "epochs": 60,
    "batch_size": 100,
    "gamma": 1e-3,
    "gamma_schedule": "cosine",
    "threshold": 1e-8,
    "learning_rate_schedule": "cosine",
    "validation_share": 0.0,
}
"""The fast recipe: gamma and Adam's rate fall to 0 along a cosine, on all training images."""


def settings(preset: str) -> BinarynetSettings:
    """Returns the settings of a preset.

    Args:
        preset: quick: a quarter of the filters, minutes on two CPU cores; fast: the report's
            network in 60 epochs; report: section 4.3; paper: section 5.2 of Helwegen et al. 2019.
    """
    protocol = {
        "quick": _QUICK,
        "fast": {"filters": 128, **FAST},
        "report": {"filters": 128, **REPORT},
        "paper": {"filters": 128, **PAPER},
    }[preset]
    return BinarynetSettings(
        experiment=NAME, dataset="cifar10", preset=preset, augment=True, **protocol
    )


def protocol(preset: str) -> BinarynetSettings:
    """Returns the settings of a preset at full length; for quick, those of the report."""
    return settings("report" if preset == "quick" else preset)


def run(preset: str, tensorboard: bool = False, **options: Any) -> Run:
    """Returns the run of a preset.

    Args:
        preset: quick, fast, report or paper.
        tensorboard: Whether event files are written as well.
        **options: Settings to change; None to leave one as it is.
    """
    measure = functools.partial(SingleTraining.measure, tensorboard=tensorboard)
    return Run(settings(preset).with_options(**options), protocol(preset), measure)
