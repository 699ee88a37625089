"""Runs of the report's section 3.1.2 (Figure 1): the learning rate of latent weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from experiments.engine.run import Run
from experiments.engine.settings import Settings
from experiments.engine.training import Training
from experiments.learning_rate import scaling
from larq_bop.models import latent_cnn

NAME = "learning-rate"
DATASETS = ("mnist", "cifar10")
_LENGTH: dict[str, dict[str, Any]] = {
    "quick": {"epochs": 3, "limit": 10_000},
    "report": {"epochs": 100},
}
_SCALING_LENGTH: dict[str, dict[str, Any]] = {
    "quick": {"epochs": 1, "limit": 10_000},
    "report": {"epochs": 1},
}


class Configuration(NamedTuple):
    """The initializer of the latent weights, and the optimizer.

    Attributes:
        initializer: The initializer of the kernels, by name or as a config, from which each layer
            creates its own.
        optimizer: A function that returns the optimizer of all variables.
        label: Its name in tables and figures.
    """

    initializer: str | dict[str, Any]
    optimizer: Callable[[], keras.optimizers.Optimizer]
    label: str


# Glorot's uniform distribution times 0.01: the limit is the square root of 3 * scale / fan.
_GLOROT_TIMES_0_01 = keras.initializers.serialize(
    keras.initializers.VarianceScaling(scale=0.01**2, mode="fan_avg", distribution="uniform")
)

CONFIGURATIONS = {
    "glorot_sgd_0.01": Configuration(
        "glorot_uniform", lambda: keras.optimizers.SGD(0.01), "Glorot, SGD 0.01"
    ),
    "glorot_sgd_1": Configuration(
        "glorot_uniform", lambda: keras.optimizers.SGD(1.0), "Glorot, SGD 1"
    ),
    "glorot_x0.01_sgd_0.01": Configuration(
        _GLOROT_TIMES_0_01, lambda: keras.optimizers.SGD(0.01), "Glorot x 0.01, SGD 0.01"
    ),
    "uniform_sgd_0.01": Configuration(
        "random_uniform", lambda: keras.optimizers.SGD(0.01), "uniform, SGD 0.01"
    ),
    "uniform_adam_0.01": Configuration(
        "random_uniform", lambda: keras.optimizers.Adam(0.01), "uniform, Adam 0.01"
    ),
}
"""The report's five configurations, in its order; "uniform" is Keras' `random_uniform`, in
[-0.05, 0.05]."""


@dataclass(frozen=True, kw_only=True)
class LearningRateSettings(Settings):
    """The settings of a run.

    Attributes:
        configuration: One of `CONFIGURATIONS`, or "scaling".
    """

    configuration: str


def settings(dataset: str, configuration: str, preset: str) -> LearningRateSettings:
    """Returns the settings of a run.

    Args:
        dataset: mnist or cifar10.
        configuration: One of `CONFIGURATIONS`, or "scaling".
        preset: quick; report, its section 3.1.2.
    """
    length = _SCALING_LENGTH if configuration == scaling.NAME else _LENGTH
    return LearningRateSettings(
        experiment=NAME,
        dataset=dataset,
        configuration=configuration,
        preset=preset,
        batch_size=64,
        **length[preset],
    )


def runs(preset: str, dataset: str | None = None, **options: Any) -> dict[str, Run]:
    """Returns the runs by name: for each data set the five configurations, then "scaling".

    Args:
        preset: quick or report.
        dataset: mnist or cifar10; None for both.
        **options: Settings to change; None to leave one as it is.
    """

    def of(dataset: str, configuration: str, measure) -> Run:
        return Run(
            settings(dataset, configuration, preset).with_options(**options),
            settings(dataset, configuration, "report"),
            measure,
        )

    made = {}
    for name in [dataset] if dataset else DATASETS:
        for configuration in CONFIGURATIONS:
            made[f"{name}-{configuration}"] = of(name, configuration, ConfigurationTraining.measure)
        made[f"{scaling.NAME}-{name}"] = of(name, scaling.NAME, scaling.measure)
    return made


class ConfigurationTraining(Training):
    """The training of a network with latent weights in one of `CONFIGURATIONS`.

    The arguments are those of `Training`.
    """

    settings: LearningRateSettings
    steps_per_execution = 32

    def network(self) -> keras.Model:
        initializer = CONFIGURATIONS[self.settings.configuration].initializer
        return latent_cnn(self.data.input_shape, self.data.num_classes, initializer)

    def optimizer(self, steps: int) -> keras.optimizers.Optimizer:
        return CONFIGURATIONS[self.settings.configuration].optimizer()

    def title(self) -> str:
        return self.settings.configuration

    def test(self) -> dict[str, Any]:
        """Tests the last weights.

        Returns:
            The training accuracy over the last epoch, the test accuracy, the test loss and the
            number of epochs.
        """
        tested = super().test()
        return {
            "training_accuracy": self.progress.history[-1]["accuracy"],
            **{name: tested[name] for name in ("test_accuracy", "test_loss", "epochs")},
        }
