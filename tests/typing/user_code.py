"""What users write, for type checkers: `tox -e lint` checks it, a test executes it.

Checkers that read Keras' sources know more than those that take Keras for `Any`. Both must accept
all of this, and what is asserted here both must know.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, assert_type

import keras
import numpy as np

import larq_bop as lb

Array = np.ndarray


def train(images: Array, labels: Array) -> None:
    """The README's example."""
    model = lb.models.binarynet((32, 32, 3), num_classes=10, filters=8, dense_units=16)
    optimizer = lb.CaseOptimizer(
        (lb.Bop.is_binary_variable, lb.Bop(threshold=1e-8, gamma=1e-4)),
        default_optimizer=keras.optimizers.Adam(0.01),
    )
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    logger = lb.callbacks.FlipRatioLogger()
    model.fit(images, labels, batch_size=4, epochs=1, callbacks=[logger])
    assert_type(logger.flips, list[int])
    print(max(logger.flip_ratios))


def layers() -> None:
    lb.layers.QuantConv2D(
        128,
        3,
        input_quantizer="ste_sign",
        kernel_quantizer=lb.quantizers.NoOp(precision=1),
        kernel_initializer=lb.initializers.BinaryGlorotNormal(),
        use_bias=False,
    )
    latent: dict[str, Any] = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
    separable: dict[str, Any] = {
        "depthwise_quantizer": lb.quantizers.SteSign(clip_value=1.25),
        "pointwise_quantizer": lb.quantizers.ste_sign,
        "depthwise_constraint": lb.constraints.WeightClip(1.25),
    }
    assert_type(lb.layers.QuantDense(64, "relu", False, "ste_sign"), lb.layers.QuantDense)
    lb.layers.QuantDense(64, activation=keras.activations.relu, name="hidden", **latent)
    lb.layers.QuantConv1D(32, 3, padding="causal", dtype="bfloat16", **latent)
    lb.layers.QuantConv2D(32, (3, 3), 2, "same", pad_values=1.0, trainable=False, **latent)
    lb.layers.QuantConv3D(32, [3, 3, 3], strides=2, groups=2, **latent)
    lb.layers.QuantDepthwiseConv2D(3, depth_multiplier=2, depthwise_quantizer=None)
    lb.layers.QuantSeparableConv1D(32, 3, **separable)
    lb.layers.QuantSeparableConv2D(32, 3, **separable)
    lb.layers.QuantConv2DTranspose(32, 3, 2, "same", output_padding=1, **latent)
    lb.layers.QuantConv3DTranspose(32, 3, dilation_rate=(1, 1, 1), **latent)
    lb.layers.MaxPooling2D(2)
    lb.layers.BatchNormalization(momentum=0.9, scale=False)


class Wide(lb.layers.QuantDense):
    """A layer of one's own."""

    def __init__(self, factor: int, **kwargs: Any):
        super().__init__(4 * factor, **kwargs)


class Doubled(lb.quantizers.Quantizer):
    """A quantizer of one's own."""

    precision = 1

    def call(self, inputs):
        return 2.0 * lb.quantizers.ste_sign(inputs)


def quantizers(x: Array) -> None:
    kinds: list[lb.quantizers.Quantizer] = [
        lb.quantizers.SteSign(clip_value=None, metrics=["flip_ratio"], name="mine"),
        lb.quantizers.ApproxSign(),
        lb.quantizers.SwishSign(beta=10.0),
        lb.quantizers.MagnitudeAwareSign(1.3),
        lb.quantizers.SteTern(threshold_value=0.1, ternary_weight_networks=True),
        lb.quantizers.SteHeaviside(),
        lb.quantizers.DoReFa(k_bit=2, mode="weights"),
        lb.quantizers.NoOp(precision=1),
        Doubled(),
    ]
    assert_type(kinds[0].precision, int | None)
    assert_type(lb.quantizers.get("ste_sign"), Callable[..., Any] | None)
    lb.quantizers.deserialize(lb.quantizers.serialize(lb.quantizers.SteSign()) or {})
    for function in (lb.quantizers.ste_sign, lb.quantizers.ste_heaviside, lb.quantizers.ste_tern):
        function(x, clip_value=1.25)
    lb.quantizers.swish_sign(lb.quantizers.approx_sign(x), beta=2.0)
    lb.math.heaviside(lb.math.sign(lb.activations.leaky_tanh(lb.activations.hard_tanh(x), 0.1)))
    lb.activations.get("hard_tanh")(x)
    lb.initializers.Binary(keras.initializers.Orthogonal(seed=1))((3, 3))
    lb.initializers.BinaryHeUniform(seed=1)


def optimizers() -> None:
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-3, 100, 0.1)
    bop = lb.Bop(1e-6, schedule, "bop", clipnorm=1.0, gradient_accumulation_steps=2)
    second = lb.Bop2ndOrder(gamma=np.float32(1e-3), sigma=1e-2, bias_correction=True)
    second.gamma = 1e-4
    second.threshold = 1e-5
    both: list[lb.optimizers.BinaryOptimizer] = [bop, second]
    for optimizer in both:
        optimizer.build([keras.Variable(np.ones((2, 3)), name="kernel")])
        assert_type(optimizer.num_weights, int)
        assert_type(optimizer.non_finite_gradients, int)
        print(optimizer.flips(0).sum())
    assert_type(lb.Bop.is_binary_variable(keras.Variable(1.0)), bool)
    by_name = lb.CaseOptimizer(
        (lambda variable: variable.name == "kernel", bop), default_optimizer=None, name="cases"
    )
    assert_type(by_name, lb.CaseOptimizer)
    print([pair[1].name for pair in by_name.pred_opt_pairs], by_name.get_config()["name"])


def models(folder: Path) -> None:
    model = lb.models.latent_cnn((28, 28, 1))
    assert_type(model, keras.Model)
    lines: list[str] = []
    lb.models.summary(model, print_fn=lines.append, include_macs=True)
    profile = lb.models.ModelProfile(model)
    assert_type(profile.memory, int)
    assert_type(profile.op_count("mac", precision=1), int | None)
    for layer in profile.layer_profiles:
        assert_type(layer.name, str)
        assert_type(layer.weight_count(bitwidth=1), int)
        assert_type([weight.bitwidth for weight in layer.weight_profiles], list[int])
    file = lb.export.save_packed(model, folder / "model.npz")
    assert_type(file, Path)
    weights = lb.export.load_packed(str(file), model)
    print({name: array.shape for name, array in weights.items()})


def scopes_and_callbacks(x: Array) -> None:
    with lb.context.metrics_scope(["flip_ratio"]) as names:
        assert_type(names, set[str])
        layer = lb.layers.QuantDense(
            3, kernel_quantizer="ste_sign", kernel_constraint="weight_clip"
        )
    layer.build(x.shape)
    with lb.context.quantized_scope(True):
        assert_type(lb.context.should_quantize(), bool)
        print(layer.kernel)
    bop = lb.Bop()
    lb.callbacks.HyperparameterScheduler(
        lambda epoch: 1e-3 * 0.1 ** (epoch // 30), "gamma", bop, update_freq="epoch", verbose=1
    )
    metric = lb.metrics.FlipRatio(values_dtype="int8", name="flips")
    metric.update_state(np.sign(x))
    print(float(metric.result()))


@lb.utils.register_keras_custom_object
class Mine:
    """Registered with Keras."""


@lb.utils.set_precision(1)
@lb.utils.register_alias("half")
def half(x: float) -> float:
    """Registered with Keras, and with a precision."""
    return x / 2


def utilities() -> None:
    assert_type(Mine(), Mine)
    assert_type(half(1.0), float)
    assert_type(lb.utils.memory_as_readable_str(100), str)
    with lb.utils.patch_object(Mine, "__doc__", "Another"):
        pass
