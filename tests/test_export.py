"""One bit a binary weight, and back."""

import hashlib
import json

import keras
import numpy as np
import pytest

from larq_bop import export, layers
from larq_bop.context import quantized_scope
from larq_bop.initializers import BinaryGlorotNormal
from larq_bop.layers import QuantConv2D, QuantDense
from larq_bop.quantizers import NoOp
from tests import backends

KERNEL = {"kernel_quantizer": NoOp(precision=1), "kernel_initializer": BinaryGlorotNormal()}


def network(**kernel):
    """Its kernels are of numbers of bits that fill no bytes."""
    kernel = {**KERNEL, **kernel}
    return keras.Sequential(
        [
            keras.Input((5, 5, 1)),
            QuantConv2D(3, 3, **kernel),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            QuantDense(7, input_quantizer="ste_sign", **kernel),
            keras.layers.Dense(2),
        ]
    )


@pytest.fixture
def packed(tmp_path):
    model = network()
    return model, export.save_packed(model, tmp_path / "model.npz")


def test_the_round_trip_is_exact(packed):
    model, path = packed
    other = network()
    weights = export.load_packed(path, other)
    expected = backends.snapshot(model.weights)
    assert list(weights) == [variable.path for variable in model.weights]
    backends.assert_identical(list(weights.values()), expected)
    backends.assert_identical(backends.snapshot(other.weights), expected)


def test_a_binary_weight_takes_one_bit(packed):
    model, path = packed
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files if name != "header"}
        header = json.loads(archive["header"].tobytes())
    entries = header["weights"]
    packed_sizes = [
        (arrays[str(i)].nbytes, int(np.prod(e["shape"])))
        for i, e in enumerate(entries)
        if e["packed"]
    ]
    assert packed_sizes == [(4, 27), (24, 189)]
    rest = [arrays[str(i)] for i, e in enumerate(entries) if not e["packed"]]
    assert {array.dtype.name for array in rest} == {"float32"}
    np.testing.assert_array_equal(
        np.unpackbits(arrays["0"], count=27) * 2.0 - 1.0,
        backends.to_numpy(model.weights[0]).ravel(),
    )


def test_a_large_network_takes_about_a_thirtieth(tmp_path):
    model = keras.Sequential([keras.Input((1024,)), QuantDense(512, **KERNEL)])
    path = export.save_packed(model, tmp_path / "model.npz")
    assert path.stat().st_size < 1024 * 512 / 8 + 4 * 512 + 2000


def test_latent_weights_are_saved_as_their_signs(tmp_path):
    latent = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
    latent["kernel_initializer"] = "glorot_normal"
    model = network(**latent)
    path = export.save_packed(model, tmp_path / "model.npz")
    other = network(**latent)
    weights = export.load_packed(path, other)
    x = np.random.default_rng(0).standard_normal((4, 5, 5, 1)).astype("float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), other.predict(x, verbose=0))
    np.testing.assert_array_equal(np.abs(next(iter(weights.values()))), 1.0)


# A layer with binary kernels, and the shape of its input: odd sizes, which fill no bytes.
LAYERS = {
    "QuantDense": ([5], (3, 7)),
    "QuantConv1D": ([5, 3], (7, 3)),
    "QuantConv2D": ([5, 3], (7, 5, 3)),
    "QuantConv3D": ([5, 2], (4, 5, 4, 3)),
    "QuantDepthwiseConv2D": ([3], (7, 5, 3)),
    "QuantSeparableConv1D": ([5, 3], (7, 3)),
    "QuantSeparableConv2D": ([5, 3], (7, 5, 3)),
    "QuantConv2DTranspose": ([5, 3], (7, 5, 3)),
    "QuantConv3DTranspose": ([5, 2], (4, 5, 4, 3)),
}


def of_one(name, quantizer, sign=False):
    """A model of one layer with random weights, or their signs for kernels."""
    kind, (arguments, shape) = getattr(layers, name), LAYERS[name]
    roles = [argument.removesuffix("_quantizer") for argument in kind.quantizer_arguments()]
    named = {f"{role}_quantizer": quantizer for role in roles}
    named |= {f"{role}_constraint": "weight_clip" for role in roles}
    # What draws values itself is compiled for each shape on JAX.
    named |= {f"{role}_initializer": "zeros" for role in roles}
    model = keras.Sequential([keras.Input(shape), kind(*arguments, **named)])
    rng = np.random.default_rng(0)
    for variable in model.weights:
        values = rng.standard_normal(variable.shape)
        is_kernel = sign and variable.name != "bias"
        variable.assign(np.where(values < 0, -1.0, 1.0) if is_kernel else values)
    return model


@pytest.mark.parametrize("latent", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_all_layers(tmp_path, name, latent):
    kernel = ("ste_sign",) if latent else (NoOp(precision=1), True)
    model, other = of_one(name, *kernel), of_one(name, *kernel)
    for variable in other.weights:
        variable.assign(np.zeros(variable.shape))
    path = export.save_packed(model, tmp_path / "model.npz")
    *kernels, bias = export.load_packed(path, other).values()
    for value, variable in zip(kernels, model.weights, strict=False):
        expected = backends.to_numpy(variable)
        np.testing.assert_array_equal(value, np.where(expected < 0, -1.0, 1.0))
    np.testing.assert_array_equal(bias, backends.to_numpy(model.weights[-1]))
    with np.load(path) as archive:
        sizes = [archive[str(i)].nbytes for i in range(len(kernels))]
    assert sizes == [-(-value.size // 8) for value in kernels]
    backends.assert_identical(backends.snapshot(other.weights), [*kernels, bias])


@pytest.mark.parametrize("policy", ["bfloat16", "float16", "mixed_bfloat16"])
def test_half_precision_comes_back_exactly_in_float32(tmp_path, policy):
    keras.config.set_dtype_policy(policy)
    model, other = network(), network()
    weights = export.load_packed(export.save_packed(model, tmp_path / "model.npz"), other)
    backends.assert_identical(backends.snapshot(other.weights), backends.snapshot(model.weights))
    assert {value.dtype.name for value in weights.values()} == {"float32"}


class Counter(keras.layers.Layer):
    def build(self, input_shape):
        self.count = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="count"
        )

    def call(self, inputs):
        return inputs


def test_integers_come_back_as_they_were(tmp_path):
    model = keras.Sequential([keras.Input((3,)), Counter(), keras.layers.Dense(2)])
    model.layers[0].count.assign(2**31 - 1)
    path = export.save_packed(model, tmp_path / "model.npz")
    model.layers[0].count.assign(0)
    count = export.load_packed(path, model)[model.layers[0].count.path]
    assert count.dtype == "int32"
    assert count == backends.to_numpy(model.layers[0].count) == 2**31 - 1


def test_other_quantizers_keep_their_latent_weights(tmp_path):
    """Of one bit are also 0 and 1, and signs with a magnitude: they are no -1 and +1."""
    for quantizer in ("ste_heaviside", "magnitude_aware_sign", "ste_tern"):
        model = of_one("QuantDense", quantizer)
        weights = export.load_packed(export.save_packed(model, tmp_path / "model.npz"))
        backends.assert_identical(list(weights.values()), backends.snapshot(model.weights))


def test_layers_inside_of_layers_that_share_a_path(tmp_path):
    def twins():
        inputs = keras.Input((4,))
        inner = [
            keras.Sequential([keras.Input((4,)), QuantDense(4, name="same")], name=name)
            for name in ("twin", "other_twin")
        ]
        inner[1].layers[0].kernel._path = inner[0].layers[0].kernel.path
        return keras.Model(inputs, inner[1](inner[0](inputs)))

    model, other = twins(), twins()
    weights = export.load_packed(export.save_packed(model, tmp_path / "model.npz"), other)
    assert len(weights) == 4
    backends.assert_identical(backends.snapshot(other.weights), backends.snapshot(model.weights))


def test_numpy_alone_reads_the_file(packed):
    """As the module's docstring tells."""
    model, path = packed
    content = path.read_bytes()
    assert content[-64:].decode() == hashlib.sha256(content[:-64]).hexdigest()
    with np.load(path, allow_pickle=False) as archive:
        entries = json.loads(archive["header"].tobytes())["weights"]
        for i, (entry, variable) in enumerate(zip(entries, model.weights, strict=True)):
            value = archive[str(i)]
            if entry["packed"]:
                bits = np.unpackbits(value, count=np.prod(entry["shape"]))
                value = 2.0 * bits.reshape(entry["shape"]) - 1.0
            np.testing.assert_array_equal(value, backends.to_numpy(variable))


def test_loading_needs_numpy_alone(packed):
    model, path = packed
    code = f"""
import runpy
import sys
for name in ("keras", "larq_bop", "tensorflow", "jax", "torch"):
    sys.modules[name] = None
load_packed = runpy.run_path({export.__file__!r})["load_packed"]
print(sum(abs(value).sum() for value in load_packed({str(path)!r}).values()))
"""
    printed = backends.run_python("-c", code)
    expected = sum(np.abs(value).sum() for value in backends.snapshot(model.weights))
    assert float(printed) == pytest.approx(float(expected))


def test_saving_replaces_the_file_and_leaves_nothing_else(packed):
    model, path = packed
    model.weights[0].assign(-model.weights[0])
    export.save_packed(model, path)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    loaded = next(iter(export.load_packed(path).values()))
    np.testing.assert_array_equal(loaded, backends.to_numpy(model.weights[0]))


def test_a_marked_kernel_that_is_not_binary_is_refused(tmp_path):
    model = network()
    model.weights[0].assign(0.25 * backends.to_numpy(model.weights[0]))
    with pytest.raises(ValueError, match="/kernel' is marked as binary, and holds other values"):
        export.save_packed(model, tmp_path / "model.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_quantized_scope_changes_nothing(tmp_path):
    model = of_one("QuantDense", "ste_sign")
    with quantized_scope(True):
        scoped = export.save_packed(model, tmp_path / "scoped.npz")
    path = export.save_packed(model, tmp_path / "model.npz")
    assert scoped.read_bytes() == path.read_bytes()


@pytest.mark.filterwarnings("ignore:The layer .* binarizes its kernel without")
def test_a_model_with_lora_predicts_the_same(tmp_path):
    """What is binarized is a sum, which the file holds as it is."""

    def adapted():
        model = keras.Sequential(
            [keras.Input((6,)), QuantDense(4, kernel_quantizer="ste_sign", name="adapted")]
        )
        model.layers[0].enable_lora(2)
        rng = np.random.default_rng(0)
        for variable in model.weights:
            variable.assign(rng.standard_normal(variable.shape))
        return model

    model, other = adapted(), adapted()
    other.layers[0].lora_kernel_b.assign(np.zeros((2, 4)))
    export.load_packed(export.save_packed(model, tmp_path / "model.npz"), other)
    x = np.random.default_rng(1).standard_normal((3, 6)).astype("float32")
    np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))


def test_a_model_that_is_not_built_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has no weights yet"):
        export.save_packed(keras.Sequential([QuantDense(3)]), tmp_path / "model.npz")


def test_another_model_is_refused_and_left_as_it_was(packed):
    _, path = packed
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    before = backends.snapshot(other.weights)
    with pytest.raises(ValueError, match=r"weights, the saved one 10\. The first that differ"):
        export.load_packed(path, other)
    backends.assert_identical(backends.snapshot(other.weights), before)
