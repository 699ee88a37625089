"""One bit a binary weight, and back."""

import contextlib
import json

import keras
import numpy as np
import pytest

from larq_bop import export
from larq_bop.initializers import BinaryGlorotNormal
from larq_bop.layers import QuantConv2D, QuantDense
from larq_bop.models import binarynet
from larq_bop.quantizers import NoOp
from tests import backends


def network(kernel_quantizer=None, **kernel):
    """13 inputs: a number of bits that does not fill its bytes."""
    kernel = {
        "kernel_quantizer": kernel_quantizer or NoOp(precision=1),
        "kernel_initializer": BinaryGlorotNormal(),
        **kernel,
    }
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
    model = binarynet(filters=16, dense_units=256)
    path = export.save_packed(model, tmp_path / "model.npz")
    binary = sum(np.prod(v.shape) for v in model.weights if getattr(v, "precision", 32) == 1)
    others = model.count_params() - binary
    assert path.stat().st_size < binary / 8 + 4 * others + 20_000


def test_latent_weights_are_saved_as_their_signs(tmp_path):
    latent = {"kernel_initializer": "glorot_normal", "kernel_constraint": "weight_clip"}
    model = network("ste_sign", **latent)
    path = export.save_packed(model, tmp_path / "model.npz")
    other = network("ste_sign", **latent)
    weights = export.load_packed(path, other)
    x = np.random.default_rng(0).standard_normal((4, 5, 5, 1)).astype("float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), other.predict(x, verbose=0))
    np.testing.assert_array_equal(np.abs(next(iter(weights.values()))), 1.0)


def test_half_precision_weights_are_kept_in_float32(tmp_path):
    keras.config.set_dtype_policy("bfloat16")
    model, other = network(), network()
    weights = export.load_packed(export.save_packed(model, tmp_path / "model.npz"), other)
    assert {value.dtype.name for value in weights.values()} == {"float32"}
    backends.assert_identical(backends.snapshot(other.weights), backends.snapshot(model.weights))


def test_saving_replaces_the_file_and_leaves_nothing_else(packed):
    model, path = packed
    model.weights[0].assign(-model.weights[0])
    export.save_packed(model, path)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    loaded = next(iter(export.load_packed(path).values()))
    np.testing.assert_array_equal(loaded, backends.to_numpy(model.weights[0]))


def test_a_marked_kernel_that_is_not_binary_is_refused(tmp_path):
    model = network(kernel_initializer="glorot_normal")
    with pytest.raises(ValueError, match="/kernel' is marked as binary, and holds other values"):
        export.save_packed(model, tmp_path / "model.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_not_built_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has no weights yet"):
        export.save_packed(keras.Sequential([QuantDense(3)]), tmp_path / "model.npz")


def test_every_damaged_byte_is_noticed(packed):
    _, path = packed
    whole = path.read_bytes()
    saved = export.load_packed(path)
    for position in np.random.default_rng(0).integers(0, len(whole), 100):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        # Some bytes of a zip archive mean nothing, such as the time of writing.
        with contextlib.suppress(ValueError):
            loaded = export.load_packed(path)
            backends.assert_identical(list(loaded.values()), list(saved.values()))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_file_cut_short_is_refused(packed, share):
    _, path = packed
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"not a file that|damaged"):
        export.load_packed(path)


def rewritten(path, **changes):
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    header = {**json.loads(arrays["header"].tobytes()), **changes}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype="uint8")
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "is of version 2, and this larq_bop knows version 1"),
        ({"format": "other"}, "is not a file that larq_bop.export.save_packed wrote"),
        ({"sha256": "0" * 64}, "do not match their checksum"),
        ({"weights": []}, "do not match their checksum"),
    ],
)
def test_other_headers_are_refused(packed, changes, message):
    _, path = packed
    rewritten(path, **changes)
    with pytest.raises(ValueError, match=message):
        export.load_packed(path)


@pytest.mark.parametrize(
    "arrays",
    [
        {"weights": np.zeros(3)},
        {"header": np.asarray([{"a": 1}], dtype=object)},
        {"header": np.frombuffer(b"[1]", dtype="uint8")},
        {"header": np.frombuffer(b"{", dtype="uint8")},
    ],
)
def test_foreign_files_are_refused_and_never_unpickled(tmp_path, arrays):
    path = tmp_path / "other.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=r"other\.npz is"):
        export.load_packed(path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        export.load_packed(tmp_path / "nothing.npz")


def test_another_model_is_refused_and_left_as_it_was(packed):
    _, path = packed
    other = binarynet(filters=2, dense_units=4)
    before = backends.snapshot(other.weights)
    with pytest.raises(ValueError, match=r"weights, the saved one 10\. The first that differ"):
        export.load_packed(path, other)
    backends.assert_identical(backends.snapshot(other.weights), before)
