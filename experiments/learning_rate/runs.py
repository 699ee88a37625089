"""The report's section 3.1.2: what the learning rate means to a binary network. Figure 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from experiments.data import Dataset
from experiments.engine.folder import HISTORY, RunFolder
from experiments.engine.run import Outcome, Run, train
from experiments.engine.settings import Settings
from experiments.engine.training import Training
from experiments.learning_rate import scaling
from larq_bop.models import latent_cnn

NAME = "learning-rate"
DATASETS = ("mnist", "cifar10")
_LENGTH = {"quick": {"epochs": 3, "limit": 10_000}, "report": {"epochs": 100}}
_SCALING_LENGTH = {"quick": {"epochs": 1, "limit": 10_000}, "report": {"epochs": 1}}
_STEPS_PER_EXECUTION = 32


class Configuration(NamedTuple):
    """How latent weights begin, and who trains them.

    Attributes:
        initializer: The kernels' initializer, by name or as a config: each layer makes its own.
        optimizer: Makes the optimizer of all variables.
    """

    initializer: str | dict[str, Any]
    optimizer: Callable[[], keras.optimizers.Optimizer]


# Glorot's uniform distribution, whose limit is the square root of 3 times this scale over the fan,
# times 0.01.
_GLOROT_TIMES_0_01 = keras.initializers.serialize(
    keras.initializers.VarianceScaling(scale=0.01**2, mode="fan_avg", distribution="uniform")
)

CONFIGURATIONS = {
    "glorot_sgd_0.01": Configuration("glorot_uniform", lambda: keras.optimizers.SGD(0.01)),
    "glorot_sgd_1": Configuration("glorot_uniform", lambda: keras.optimizers.SGD(1.0)),
    "glorot_x0.01_sgd_0.01": Configuration(_GLOROT_TIMES_0_01, lambda: keras.optimizers.SGD(0.01)),
    "uniform_sgd_0.01": Configuration("random_uniform", lambda: keras.optimizers.SGD(0.01)),
    "uniform_adam_0.01": Configuration("random_uniform", lambda: keras.optimizers.Adam(0.01)),
}
"""The report's five, in its order; "uniform" is Keras' default, from -0.05 to 0.05."""


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
    """Returns the runs by name: for each data set the five configurations, then the scaling.

    Args:
        preset: quick or report.
        dataset: mnist or cifar10; None for both.
        **options: Settings to change; None to leave one as it is.
    """

    def of(dataset: str, configuration: str, work) -> Run:
        return Run(
            settings(dataset, configuration, preset).with_options(**options),
            settings(dataset, configuration, "report"),
            work,
        )

    made = {}
    for name in [dataset] if dataset else DATASETS:
        for configuration in CONFIGURATIONS:
            made[f"{name}-{configuration}"] = of(name, configuration, learn)
        made[f"{scaling.NAME}-{name}"] = of(name, scaling.NAME, scaling.compare)
    return made


def learn(settings: LearningRateSettings, data: Dataset, here: RunFolder) -> Outcome:
    """Trains a network in one of the configurations.

    Returns:
        Accuracy on the training images, over the last epoch, and on the test images; the wall time.
    """
    configuration = CONFIGURATIONS[settings.configuration]
    training = Training(
        settings,
        lambda: latent_cnn(data.input_shape, data.num_classes, configuration.initializer),
        lambda steps: configuration.optimizer(),
        data,
        here.checkpoints,
        _STEPS_PER_EXECUTION,
    )
    history = training.progress.history
    train(training, settings.configuration, lambda: here.write_rows(HISTORY, history))
    tested = training.test()
    result = {
        "training_accuracy": history[-1]["accuracy"],
        **{name: tested[name] for name in ("test_accuracy", "test_loss", "epochs")},
    }
    return result, training.progress.seconds
