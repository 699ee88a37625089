r"""Latent weights and their learning rate, scaled together: do the binary weights stay the same?

The report's section 3.1.2 says that they do, since a binary network computes only with the signs of
its latent weights $w$. If

- the weights start at $\alpha w_0$ instead of $w_0$,
- their learning rate is $\alpha \eta$ instead of $\eta$,
- they are clipped to $[-\alpha, \alpha]$ instead of $[-1, 1]$, and the straight-through estimator
  passes the gradient in the same range,
- and all other variables are trained as before,

then the weights after step $t$ are $\alpha w_t$. They have the same signs, and therefore the same
gradients, at every step. Here a reference network and networks that meet more or fewer of these
conditions are trained in lock step, and their signs are compared.
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
    """A network that is compared with the reference.

    Attributes:
        alpha: The factor of its latent weights and of their learning rate.
        clip: The largest magnitude of its latent weights, and the one up to which the
            straight-through estimator passes the gradient.
        other_rate: The learning rate of all other variables, the offsets of batch normalization.
        label: Its name in figures.
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
"""The variants by name. The first scales as the report did, with one learning rate for all
variables. Each of the others changes one thing more: the offsets are trained as before; clipping is
scaled as well; the factor is a power of two, by which floating-point numbers are multiplied without
rounding."""


def measure(settings: Settings, data: Dataset, here: RunFolder) -> dict[str, Any]:
    """Trains the reference and the variants in lock step and compares their binary weights.

    This takes minutes and has no checkpoints: a run that was killed starts from the beginning, with
    the same result.

    Args:
        settings: The run's settings.
        data: The data set.
        here: The run's folder.

    Returns:
        The number of binary weights and of steps, and for each variant: the first step after which
        a sign differed from the reference's (None if none ever did), and the number of signs that
        differ in the end.
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
    """Trains all networks on one batch.

    Args:
        reference: The reference.
        models: The variants by name.
        batch: Inputs and labels.

    Returns:
        The reference's loss and accuracy, and the accuracies of the variants by name.
    """
    x, y = batch
    own = reference.train_on_batch(x, y, return_dict=True)
    logs = {name: own[name] for name in ("loss", "accuracy")}
    for name, model in models.items():
        logs[f"accuracy_{name}"] = model.train_on_batch(x, y, return_dict=True)["accuracy"]
    return logs


def differing_signs(reference: keras.Model, models: dict[str, keras.Model]) -> dict[str, int]:
    """Returns the number of binary weights of each model that differ from the reference's.

    Args:
        reference: The reference.
        models: The variants by name.
    """
    signs = binary_weights(reference)
    return {
        name: int(np.count_nonzero(binary_weights(model) != signs))
        for name, model in models.items()
    }


def compiled(network: keras.Model, variant: Variant) -> keras.Model:
    """Returns a copy of a network, scaled and compiled for a variant.

    Args:
        network: A network with latent weights.
        variant: The variant.

    Returns:
        A compiled model of batches of bytes.
    """
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
    """Returns whether a variable is a kernel, which holds latent weights here."""
    return variable.path.endswith("/kernel")


def binary_weights(model: keras.Model) -> np.ndarray:
    """Returns which of a model's binary weights are +1, as one boolean vector."""
    kernels = (v for v in model.trainable_variables if is_kernel(v))
    return np.concatenate([ops.convert_to_numpy(v).ravel() >= 0 for v in kernels])


def summary(steps: list[dict[str, int]], weights: int) -> dict[str, Any]:
    """Returns the result of a run.

    Args:
        steps: The rows of `steps.csv`.
        weights: The number of binary weights.
    """

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
