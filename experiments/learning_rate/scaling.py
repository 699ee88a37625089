r"""Latent weights and learning rate scaled together: does a binary network notice?

The report's section 3.1.2 says no: a network sees the signs of its latent weights $w$ only. Where

- the weights begin at $\alpha w_0$ instead of $w_0$,
- their learning rate is $\alpha \eta$ instead of $\eta$,
- they are clipped, and the straight-through estimator ends its gradient, at $\alpha$ instead of 1,
- and all other variables are trained as before,

step $t$ has the weights $\alpha w_t$: the same signs, so the same gradients, at every step. Here a
reference and networks that fulfil more or fewer of these conditions are trained in lock step, and
their signs compared.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

import larq_bop
from experiments.data import Dataset
from experiments.data.preprocessing import on_bytes
from experiments.engine.folder import HISTORY, STEPS, RunFolder
from experiments.engine.progress import ProgressBar, console
from experiments.engine.settings import Settings
from experiments.engine.split import split
from experiments.networks import binary_layers, rebuilt
from larq_bop.constraints import WeightClip
from larq_bop.models import latent_cnn
from larq_bop.quantizers import SteSign

NAME = "scaling"
_LEARNING_RATE = 1.0


@dataclass(frozen=True)
class Variant:
    """A network beside the reference.

    Attributes:
        alpha: The factor on its latent weights and on their learning rate.
        clip: Where its latent weights are clipped and the straight-through estimator's gradient
            ends.
        other_rate: The learning rate of all other variables, batch normalization's offsets.
        label: What it is called.
    """

    alpha: float = 1.0
    clip: float = 1.0
    other_rate: float = _LEARNING_RATE
    label: str = ""


REFERENCE = Variant()
VARIANTS = {
    "report": Variant(alpha=0.01, other_rate=0.01, label="as the report scaled it"),
    "same_beta": Variant(alpha=0.01, label="and batch norm's offset at rate 1"),
    "exact": Variant(alpha=0.01, clip=0.01, label="and clipping scaled: exact but for rounding"),
    "exact_power_of_two": Variant(
        alpha=2.0**-7, clip=2.0**-7, label=r"exact, scale $2^{-7}$: no rounding"
    ),
}
"""As the report did it, with one rate for all; with the offsets trained as before; with clipping
scaled as well; likewise, by a factor that floating point multiplies by without rounding."""


def measure(settings: Settings, data: Dataset, here: RunFolder) -> dict[str, Any]:
    """Trains the reference and the variants in lock step and compares their binary weights.

    It takes minutes, so that a run that was killed begins anew, and comes to the same.

    Returns:
        The number of binary weights, and for each variant the first step after which one had
        another sign than the reference's, None if none ever had, and how many had in the end.
    """
    begin = time.monotonic()
    keras.config.set_dtype_policy(settings.dtype_policy)
    keras.utils.set_random_seed(settings.seed)
    network = latent_cnn(data.input_shape, data.num_classes)
    models = {name: compiled(network, variant) for name, variant in VARIANTS.items()}
    reference = compiled(network, REFERENCE)
    batches, _, _ = split(settings, data)
    steps: list[dict[str, int]] = []
    history: list[dict[str, Any]] = []
    console.print(f"{NAME}: {', '.join(VARIANTS)} beside the reference", soft_wrap=True)
    with ProgressBar(settings.epochs, len(batches)) as bar:
        for epoch in range(settings.epochs):
            batches.start_epoch(epoch)
            bar.on_epoch_begin(epoch)
            logs = []
            for batch in range(len(batches)):
                logs.append(step(reference, models, batches[batch]))
                steps.append({"step": len(steps) + 1, **differing_signs(reference, models)})
                bar.on_train_batch_end(batch, logs[-1])
            means = {name: float(np.mean([each[name] for each in logs])) for name in logs[0]}
            bar.on_epoch_end(epoch, means)
            history.append({"epoch": epoch + 1, **means})
    here.write_rows(HISTORY, history)
    here.write_rows(STEPS, steps)
    result = summary(steps, binary_weights(reference).size)
    for name, variant in result["variants"].items():
        first = variant["first_differing_step"]
        told = f"signs differ from step {first:,} on" if first else "no sign ever differs"
        console.print(f"{name}: {told}; {variant['differing_signs']:,} differ in the end")
    here.seconds = time.monotonic() - begin
    return result


def step(reference: keras.Model, models: dict[str, keras.Model], batch) -> dict[str, float]:
    """Trains all networks on a batch.

    Returns:
        The reference's loss and accuracy on it, and the models' accuracy by name.
    """
    own = reference.train_on_batch(*batch, return_dict=True)
    logs = {name: own[name] for name in ("loss", "accuracy")}
    for name, model in models.items():
        logs[f"accuracy_{name}"] = model.train_on_batch(*batch, return_dict=True)["accuracy"]
    return logs


def differing_signs(reference: keras.Model, models: dict[str, keras.Model]) -> dict[str, int]:
    """Returns how many binary weights of each model differ from the reference's."""
    signs = binary_weights(reference)
    return {
        name: int(np.count_nonzero(binary_weights(model) != signs))
        for name, model in models.items()
    }


def compiled(network: keras.Model, variant: Variant) -> keras.Model:
    """Returns a copy of a network, scaled and compiled as a variant says."""
    copy = rebuilt(
        network,
        lambda layer: {
            "kernel_quantizer": SteSign(variant.clip),
            "kernel_constraint": WeightClip(variant.clip),
        },
    )
    for layer in binary_layers(copy):
        layer.kernel.assign(ops.multiply(layer.kernel, variant.alpha))
    model = on_bytes(copy, augment=False)
    model.compile(
        optimizer=larq_bop.CaseOptimizer(
            (is_kernel, keras.optimizers.SGD(variant.alpha * _LEARNING_RATE)),
            default_optimizer=keras.optimizers.SGD(variant.other_rate),
        ),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def is_kernel(variable) -> bool:
    """Whether a variable holds latent weights."""
    return variable.path.endswith("/kernel")


def binary_weights(model: keras.Model) -> np.ndarray:
    """Returns which of a model's binary weights are +1."""
    kernels = (v for v in model.trainable_variables if is_kernel(v))
    return np.concatenate([ops.convert_to_numpy(v).ravel() >= 0 for v in kernels])


def summary(steps: list[dict[str, int]], weights: int) -> dict[str, Any]:
    """Returns the result of the steps' rows."""

    def first(name: str) -> int | None:
        return next((row["step"] for row in steps if row[name]), None)

    return {
        "weights": weights,
        "steps": len(steps),
        "variants": {
            name: {"first_differing_step": first(name), "differing_signs": steps[-1][name]}
            for name in VARIANTS
        },
    }
