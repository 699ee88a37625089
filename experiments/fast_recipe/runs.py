"""Runs of the ablation: the fast recipe, and the recipe with one of its ingredients changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments.cifar10.runs import FAST, REPORT
from experiments.engine.bop_training import BopTraining
from experiments.engine.run import Run
from experiments.engine.settings import BinarynetSettings

NAME = "ablation"
SEEDS = (0, 1, 2)

_FAST = {**FAST, "validation_share": 0.1}
_STEPS = {"gamma_schedule": "step"}
_CONSTANT_RATE = {"learning_rate_schedule": "constant"}


class Variant(NamedTuple):
    """A run of the ablation.

    Attributes:
        label: Its name in tables.
        changes: The settings that differ from the recipe's.
    """

    label: str
    changes: Mapping[str, Any]


VARIANTS = {
    "recipe": Variant("the recipe", {}),
    "gamma-by-steps": Variant("gamma falls by steps, as in the report", _STEPS),
    "constant-rate": Variant("constant learning rate", _CONSTANT_RATE),
    "batch-50": Variant("50 images a step", {"batch_size": 50}),
    "linear-gamma": Variant("gamma falls in a straight line", {"gamma_schedule": "linear"}),
    "constant-gamma": Variant("constant gamma", {"gamma_schedule": "constant"}),
    "report": Variant(
        "the report's protocol, as long",
        {**REPORT, **_STEPS, **_CONSTANT_RATE, "patience": None},
    ),
}
"""The variants by name. "report" is the report's protocol with the recipe's number of epochs."""

_LENGTH: dict[str, dict[str, Any]] = {
    "quick": {"filters": 16, "epochs": 2, "limit": 5_000},
    "short": {"filters": 32, "epochs": 6},
    "full": {"filters": 128, "epochs": 60},
}


def settings(variant: str, seed: int, preset: str) -> BinarynetSettings:
    """Returns the settings of a run.

    Args:
        variant: One of `VARIANTS`.
        seed: The run's seed.
        preset: quick; short; or full, with the epochs and filters of the recipe.
    """
    length = _LENGTH[preset]
    # Gamma by steps decays about as often as in the 500 epochs of the report.
    decay = {"gamma_decay_epochs": max(1, length["epochs"] // 5)}
    return BinarynetSettings(
        experiment=NAME,
        dataset="cifar10",
        preset=preset,
        seed=seed,
        augment=True,
        **{**_FAST, **decay, **VARIANTS[variant].changes, **length},
    )


def variant_of(settings: Mapping[str, Any]) -> str | None:
    """Returns the name of the variant with a run's settings, or None if there is none.

    Args:
        settings: The run's settings, as in `config.json`.
    """
    length = {"epochs", "filters", "limit"}
    for name, variant in VARIANTS.items():
        expected = {**_FAST, "patience": None, **variant.changes}
        if all(settings.get(each) == expected[each] for each in expected.keys() - length):
            return name
    return None


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
            BopTraining.measure,
        )
        for variant in VARIANTS
        for seed in seeds or SEEDS
    }
