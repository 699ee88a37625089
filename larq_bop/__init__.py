"""Binary neural networks without latent weights, on Keras 3, with Larq's names."""

from larq_bop import (
    activations,
    callbacks,
    constraints,
    context,
    export,
    initializers,
    layers,
    math,
    metrics,
    models,
    optimizers,
    quantizers,
    utils,
    zoo,
)
from larq_bop.optimizers import Bop, Bop2ndOrder, CaseOptimizer

__version__ = "0.1.0"

__all__ = [
    "Bop",
    "Bop2ndOrder",
    "CaseOptimizer",
    "activations",
    "callbacks",
    "constraints",
    "context",
    "export",
    "initializers",
    "layers",
    "math",
    "metrics",
    "models",
    "optimizers",
    "quantizers",
    "utils",
    "zoo",
]
