"""What each ingredient of the fast recipe is worth: runs that lack one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments.cifar10.runs import FAST, REPORT, network
from experiments.data import Dataset
from experiments.engine.bop_training import BopTraining
from experiments.engine.folder import HISTORY, RunFolder
from experiments.engine.run import Outcome, Run, train
from experiments.engine.settings import BopSettings

NAME = "ablation"
SEEDS = (0, 1, 2)

_FAST = {**FAST, "validation_share": 0.1}
_STEPS = {"gamma_schedule": "step"}
_CONSTANT_RATE = {"learning_rate_schedule": "constant"}
VARIANTS = {
    "recipe": {},
    "gamma-by-steps": _STEPS,
    "constant-rate": _CONSTANT_RATE,
    "batch-50": {"batch_size": 50},
    "report": {**REPORT, **_STEPS, **_CONSTANT_RATE, "patience": None},
    "linear-gamma": {"gamma_schedule": "linear"},
    "constant-gamma": {"gamma_schedule": "constant"},
}
"""What is other than in the recipe, by name; "report" has nothing of it but its length."""

_LENGTH = {
    "quick": {"filters": 16, "epochs": 2, "limit": 5_000},
    "short": {"filters": 32, "epochs": 20},
    "full": {"filters": 128, "epochs": 60},
}


def settings(variant: str, seed: int, preset: str) -> BopSettings:
    """Returns the settings of a run.

    Args:
        variant: One of `VARIANTS`.
        seed: The run's seed.
        preset: quick; short; full, the recipe's own length and width.
    """
    length = _LENGTH[preset]
    # As often as the report's gamma decays in its 500 epochs.
    decay = {"gamma_decay_epochs": max(1, length["epochs"] // 5)}
    return BopSettings(
        experiment=NAME,
        dataset="cifar10",
        preset=preset,
        seed=seed,
        augment=True,
        **{**_FAST, **decay, **VARIANTS[variant], **length},
    )


def runs(preset: str, seeds: Sequence[int] | None = None, **options: Any) -> dict[str, Run]:
    """Returns the runs by name, one for each variant and seed.

    Args:
        preset: quick, short or full.
        seeds: The seeds; None for `SEEDS`.
        **options: Settings to change; None to leave one as it is.
    """
    return {
        f"{variant}-seed-{seed}": Run(
            settings(variant, seed, preset).with_options(**options),
            settings(variant, seed, "full"),
            learn,
        )
        for variant in VARIANTS
        for seed in seeds or SEEDS
    }


def learn(settings: BopSettings, data: Dataset, here: RunFolder) -> Outcome:
    """Trains a network.

    Returns:
        The result of the weights of the lowest validation loss, and the wall time.
    """
    training = BopTraining(settings, lambda: network(settings, data), data, here.checkpoints)
    history = training.progress.history
    title = f"gamma {settings.gamma:g} {settings.gamma_schedule}, batch {settings.batch_size}"
    train(training, title, lambda: here.write_rows(HISTORY, history))
    return training.test(), training.progress.seconds
