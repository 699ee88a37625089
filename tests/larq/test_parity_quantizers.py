"""Quantizers, constraints, activations and math beside Larq's own."""

import inspect

import numpy as np
import pytest

import larq_bop
from tests.larq.parity import assert_equal, larq, normal, output_and_gradients, tf

BEYOND_ONE = np.nextafter(np.float32(1), np.float32(2))
EDGES = np.float32([0.0, -0.0, 0.05, -0.05, 0.5, -0.5, 1, -1, 1.5, -3, 1e-20, -1e-20])
EDGES = np.append(EDGES, np.float32([BEYOND_ONE, -BEYOND_ONE]))
INPUTS = {
    "edges": EDGES,
    "vector": normal((17,)),
    "dense kernel": normal((5, 3), seed=1),
    "kernel": normal((3, 3, 5, 7), seed=2, scale=0.5),
    "large": normal((33, 17), seed=3, scale=4.0),
}
QUANTIZERS = [
    ("SteSign", {}),
    ("SteSign", {"clip_value": 0.3}),
    ("SteSign", {"clip_value": None}),
    ("ApproxSign", {}),
    ("SwishSign", {}),
    ("SwishSign", {"beta": 2.5}),
    ("MagnitudeAwareSign", {}),
    ("MagnitudeAwareSign", {"clip_value": None}),
    ("SteTern", {}),
    ("SteTern", {"threshold_value": 0.5, "clip_value": 0.7}),
    ("SteTern", {"ternary_weight_networks": True, "clip_value": None}),
    ("SteHeaviside", {}),
    ("SteHeaviside", {"clip_value": 0.5}),
    ("DoReFa", {}),
    ("DoReFa", {"k_bit": 1}),
    ("DoReFa", {"k_bit": 5}),
    ("DoReFa", {"mode": "weights"}),
    ("DoReFa", {"k_bit": 1, "mode": "weights"}),
    ("DoReFa", {"k_bit": 4, "mode": "weights"}),
    ("NoOp", {"precision": 1}),
]


@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize(("name", "arguments"), QUANTIZERS)
def test_values_and_gradients_are_larqs(name, arguments, inputs):
    ours, theirs = (
        output_and_gradients(getattr(library.quantizers, name)(**arguments), INPUTS[inputs])
        for library in (larq_bop, larq)
    )
    for value, expected in zip(ours[:2], theirs[:2], strict=True):
        assert_equal(value, expected)


def test_all_names_are_here():
    missing = set(larq.quantizers.__all__) - set(larq_bop.quantizers.__all__)
    assert not missing


@pytest.mark.parametrize("name", sorted({name for name, _ in QUANTIZERS}))
def test_arguments_defaults_precision_and_config_are_larqs(name):
    arguments = {"precision": 4} if name == "NoOp" else {}
    ours, theirs = (getattr(library.quantizers, name) for library in (larq_bop, larq))
    assert own_arguments(ours) == own_arguments(theirs)
    ours, theirs = ours(**arguments), theirs(**arguments)
    assert ours.precision == theirs.precision
    config = ours.get_config()
    for key, value in theirs.get_config().items():
        assert key in ("dtype", "name") or config[key] == value


def own_arguments(kind):
    """The names and defaults of a class's arguments, without those of every layer."""
    return [
        (p.name, p.default)
        for p in inspect.signature(kind).parameters.values()
        if p.kind == p.POSITIONAL_OR_KEYWORD
    ]


@pytest.mark.parametrize(
    "name",
    [
        "ste_sign",
        "approx_sign",
        "swish_sign",
        "magnitude_aware_sign",
        "ste_tern",
        "ste_heaviside",
        "dorefa_quantizer",
        "SteSign",
        "DoReFa",
        "SteHeaviside",
    ],
)
def test_strings_stand_for_larqs_classes(name):
    ours, theirs = larq_bop.quantizers.get(name), larq.quantizers.get(name)
    assert type(ours).__name__ == type(theirs).__name__


@pytest.mark.parametrize("identifier", ["ste_sing", 42])
def test_errors_have_larqs_type(identifier):
    for library in (larq_bop, larq):
        with pytest.raises(ValueError, match=str(identifier)):
            library.quantizers.get(identifier)


def test_an_unknown_mode_has_larqs_error():
    for library in (larq_bop, larq):
        with pytest.raises(ValueError, match="Invalid DoReFa quantizer mode wrong"):
            library.quantizers.DoReFa(mode="wrong")


def test_larqs_configs_are_read():
    config = larq.quantizers.serialize(larq.quantizers.DoReFa(3, mode="weights"))
    config = {"class_name": config["class_name"], "config": config["config"]}
    quantizer = larq_bop.quantizers.get(config)
    assert (quantizer.precision, quantizer.mode) == (3, "weights")


@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("activations", "hard_tanh"),
        ("activations", "leaky_tanh"),
        ("math", "sign"),
        ("math", "heaviside"),
    ],
)
def test_functions_are_larqs(module, name, inputs):
    ours, theirs = (
        output_and_gradients(getattr(getattr(library, module), name), INPUTS[inputs])
        for library in (larq_bop, larq)
    )
    for value, expected in zip(ours[:2], theirs[:2], strict=True):
        assert_equal(value, expected)


@pytest.mark.parametrize("clip_value", [1, 0.3])
def test_weight_clip_is_larqs(clip_value):
    x = tf.constant(INPUTS["large"])
    ours, theirs = (
        library.constraints.WeightClip(clip_value)(x).numpy() for library in (larq_bop, larq)
    )
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("bits", [0, 7, 8 * 1000, 8 * 1024, 3 * 10**7, 10**10, 10**14])
def test_memory_is_written_as_by_larq(bits):
    ours, theirs = (library.utils.memory_as_readable_str(bits) for library in (larq_bop, larq))
    assert ours == theirs
