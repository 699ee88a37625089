"""Larq Zoo beside Larq 0.14 and Keras 3, and its models, small and by name."""

import functools

import numpy as np
import pytest

from tests import documents

larq_zoo = pytest.importorskip(
    "larq_zoo", "2.4.0", reason="Larq Zoo 2.4.0 is not installed", exc_type=ImportError
)

from larq_zoo.literature import real_to_bin_nets  # noqa: E402

PAGE = documents.ROOT / "docs" / "larq-zoo.md"
SMALL = {"input_shape": (64, 64, 3), "num_classes": 10}
# It needs a map of 6x6 before its first dense layer.
LARGER = {"input_shape": (217, 217, 3), "num_classes": 10}


def _built(factory, **arguments):
    return factory(**arguments).build()


# What Larq Zoo exports, and the networks of the Real-to-Binary paper that it does not.
MODELS = {
    **{name: getattr(larq_zoo.sota, name) for name in larq_zoo.sota.__all__},
    **{name: getattr(larq_zoo.literature, name) for name in larq_zoo.literature.__all__},
    **{
        name: functools.partial(_built, getattr(real_to_bin_nets, f"{name}Factory"))
        for name in (
            *("StrongBaselineNetBAN", "StrongBaselineNetBNN", "RealToBinNetFP"),
            *("RealToBinNetBAN", "ResNet18FP"),
        )
    },
}


def build(name):
    """Returns a model of Larq Zoo for small images, with weights as training would leave them."""
    model = MODELS[name](weights=None, **(LARGER if name == "XNORNet" else SMALL))
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            *others, mean, variance = layer.get_weights()
            mean = 0.1 * rng.standard_normal(mean.shape)
            variance = variance * rng.uniform(0.5, 1.5, variance.shape)
            layer.set_weights([*others, mean, variance])
    return model


def images(model, samples=2):
    shape = (samples, *model.input_shape[1:])
    return np.random.default_rng(1).standard_normal(shape).astype("float32")


@functools.cache
def equals():
    """Returns the names that the page for users of Larq Zoo defines."""
    (block,) = [b for b in documents.code_blocks(PAGE) if "def custom_objects" in b]
    return documents.run(block)
