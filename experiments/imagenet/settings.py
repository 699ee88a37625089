"""The settings of a run: those of the paper, section 5.3, and of its code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from experiments.engine.settings import BopSettings, Settings

NAME = "imagenet"

Model = Literal["binary-alexnet", "xnor-net", "bireal-net", "quicknet"]

_EPOCHS = {"binary-alexnet": 150, "xnor-net": 100, "bireal-net": 300, "quicknet": 300}
_PAPER = {
    "batch_size": 1024,
    "threshold": 1e-8,
    "gamma": 1e-4,
    "gamma_schedule": "linear",
    "gamma_end": 1e-6,
    "learning_rate": 2.5e-3,
    "learning_rate_schedule": "linear",
    "learning_rate_end": 5e-6,
}
# Batches that up to 64 devices can share evenly.
_QUICK = {**_PAPER, "epochs": 2, "batch_size": 64, "gamma": 1e-3}
_NOTES = {
    "quicknet": "The paper has no QuickNet: the length is that of its Bi-Real Net.",
}


@dataclass(frozen=True, kw_only=True)
class ImagenetSettings(BopSettings):
    """The settings of a run on photographs.

    Attributes:
        model: The network: one of the paper's three, or QuickNet.
        image_size: Height and width in pixels of what the network sees.
    """

    model: Model
    image_size: Annotated[
        int, typer.Option(min=32, max=1024, help="Height and width of an image in pixels.")
    ] = 224
    validation_share: float = 0.0

    def shortened(self, protocol: Settings) -> list[str]:
        told = super().shortened(protocol)
        assert isinstance(protocol, ImagenetSettings)
        if self.image_size < protocol.image_size:
            told.append(f"images of {self.image_size} instead of {protocol.image_size} pixels")
        return told


def settings(model: Model, dataset: str, preset: str) -> ImagenetSettings:
    """Returns the settings of a preset.

    Args:
        model: The network: one of the paper's three, or QuickNet.
        dataset: The data set's name in TensorFlow Datasets, or the folder of one.
        preset: quick, a rehearsal of two epochs; paper, section 5.3 of Helwegen et al. 2019, with
            the epochs that its code has for each network.
    """
    chosen: dict[str, Any] = {
        "quick": _QUICK,
        "paper": {**_PAPER, "epochs": _EPOCHS[model], "note": _NOTES.get(model)},
    }[preset]
    return ImagenetSettings(
        experiment=NAME, dataset=dataset, preset=preset, model=model, augment=True, **chosen
    )
