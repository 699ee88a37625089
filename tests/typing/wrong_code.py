"""What a type checker must refuse: each error, and no other, is expected in its line.

`tox -e lint` fails if one of these is not reported: an `ignore` that nothing needs is an error.
"""

from __future__ import annotations

import larq_bop as lb


def wrong_names() -> None:
    lb.layers.QuantConv2D(8, 3, kernel_quantiser="ste_sign")  # type: ignore[call-arg]
    lb.layers.QuantDense(units=8, input_quantizer=None, filters=8)  # type: ignore[call-arg]
    lb.layers.QuantConv2DTranspose(8, 3, pad_values=1.0)  # type: ignore[call-arg]
    lb.layers.QuantSeparableConv2D(8, 3, kernel_quantizer="ste_sign")  # type: ignore[call-arg]
    lb.quantizers.SteSign(clip=1.25)  # type: ignore[call-arg]
    lb.quantizers.ste_sign(0.5, clip=1.25)  # type: ignore[call-arg]
    lb.Bop(treshold=1e-8)  # type: ignore[call-arg]
    lb.Bop2ndOrder(learning_rate=1e-3)  # type: ignore[call-arg]
    lb.models.binarynet(classes=10)  # type: ignore[call-arg]


def wrong_types() -> None:
    lb.layers.QuantConv2D("8", 3)  # type: ignore[arg-type]
    lb.layers.QuantDense(8, kernel_quantizer=1)  # type: ignore[arg-type]
    lb.layers.QuantConv1D(8, kernel_size=3.5)  # type: ignore[arg-type]
    lb.Bop(gamma="1e-4")  # type: ignore[arg-type]
    lb.CaseOptimizer("bop")  # type: ignore[arg-type]
    lb.models.latent_cnn((28, 28))  # type: ignore[arg-type]
    lb.callbacks.HyperparameterScheduler("linear", "gamma")  # type: ignore[arg-type]
    lb.utils.memory_as_readable_str("8")  # type: ignore[arg-type]


def missing_arguments() -> None:
    lb.layers.QuantConv2D(8)  # type: ignore[call-arg]
    lb.layers.QuantDense()  # type: ignore[call-arg]
    lb.quantizers.NoOp()  # type: ignore[call-arg]
