"""The quickstart: a small binary network, which trains on digits within a minute."""

from __future__ import annotations

import functools
from typing import Any

import keras

from experiments.cifar10.runs import PAPER, REPORT
from experiments.engine.run import Run
from experiments.engine.settings import BinarynetSettings
from experiments.engine.single import SingleTraining
from larq_bop.initializers import BinaryGlorotNormal
from larq_bop.layers import QuantConv2D, QuantDense
from larq_bop.quantizers import NoOp

NAME = "quickstart"
_QUICK: dict[str, dict[str, Any]] = {
    "digits": {"filters": 64, "epochs": 30, "batch_size": 50, "gamma": 1e-2, "threshold": 1e-6},
    "mnist": {"filters": 32, "epochs": 3, "batch_size": 100, "gamma": 1e-3, "threshold": 1e-6},
    "cifar10": {"filters": 32, "epochs": 5, "batch_size": 100, "gamma": 1e-3, "threshold": 1e-6},
}


def settings(dataset: str, preset: str) -> BinarynetSettings:
    """Returns the settings of a preset on a data set.

    Args:
        dataset: digits, mnist or cifar10.
        preset: quick; or report or paper, for the settings of that preset of `cifar10` on this
            network.
    """
    quick = {"gamma_decay_epochs": 10, **_QUICK[dataset]}
    protocol = {"quick": quick, "report": REPORT, "paper": PAPER}[preset]
    fixed = {"filters": quick["filters"], "augment": dataset == "cifar10"}
    return BinarynetSettings(
        experiment=NAME, dataset=dataset, preset=preset, **{**fixed, **protocol}
    )


def protocol(dataset: str, preset: str) -> BinarynetSettings:
    """Returns the settings of a preset at full length, which are those of the preset itself.

    Args:
        dataset: digits, mnist or cifar10.
        preset: quick, report or paper.
    """
    return settings(dataset, preset)


def run(dataset: str, preset: str, tensorboard: bool = False, **options: Any) -> Run:
    """Returns the run of a preset on a data set.

    Args:
        dataset: digits, mnist or cifar10.
        preset: quick, report or paper.
        tensorboard: Whether event files are written as well.
        **options: Settings to change; None to leave one as it is.
    """
    measure = functools.partial(QuickstartTraining.measure, tensorboard=tensorboard)
    chosen = settings(dataset, preset).with_options(**options)
    return Run(chosen, protocol(dataset, preset), measure)


class QuickstartTraining(SingleTraining):
    """Training of a network of three binary convolutions and two binary dense layers.

    As in the report's networks, all weights are binary, all layers but the first binarize their
    input, and batch normalization follows every layer.
    """

    settings: BinarynetSettings

    def network(self) -> keras.Model:
        filters, classes = self.settings.filters, self.data.num_classes
        kernel: dict[str, Any] = {
            "kernel_quantizer": NoOp(precision=1),
            "kernel_initializer": BinaryGlorotNormal(),
            "use_bias": False,
        }
        inputs = keras.Input(self.data.input_shape)
        x = inputs
        for i, multiple in enumerate((1, 2, 2)):
            quantizer = "ste_sign" if i else None
            x = QuantConv2D(
                multiple * filters, 3, padding="same", input_quantizer=quantizer, **kernel
            )(x)
            if i < 2:
                x = keras.layers.MaxPooling2D(2)(x)
            x = _normalized(x)
        x = keras.layers.Flatten()(x)
        for units in (4 * filters, classes):
            x = _normalized(QuantDense(units, input_quantizer="ste_sign", **kernel)(x))
        outputs = keras.layers.Activation("softmax", dtype="float32")(x)
        return keras.Model(inputs, outputs, name=NAME)


def _normalized(x):
    # An epoch has so few steps that averages with Keras' default momentum of 0.99 would lag behind.
    return keras.layers.BatchNormalization(momentum=0.9, scale=False)(x)
