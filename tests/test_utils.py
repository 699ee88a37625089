"""Larq's helpers."""

import numpy as np
import pytest

from larq_bop import constraints, quantizers, utils


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (0, "0.00 B"),
        (8 * 1023, "1,023.00 B"),
        (8 * 1024, "1.00 KiB"),
        (8 * 1024**2 * 5 // 2, "2.50 MiB"),
        (8 * 1024**4, "1,024.00 GiB"),
    ],
)
def test_memory_as_readable_str(bits, text):
    assert utils.memory_as_readable_str(bits) == text


def test_registered_names_are_quantizers_and_constraints():
    @utils.register_alias("my_half_sign")
    @utils.register_keras_custom_object
    class MyHalfSign(quantizers.SteSign):
        pass

    assert isinstance(quantizers.get("my_half_sign"), MyHalfSign)
    assert isinstance(quantizers.get("MyHalfSign"), MyHalfSign)

    @utils.register_alias("my_clip")
    class MyClip(constraints.WeightClip):
        pass

    assert isinstance(constraints.get("my_clip"), MyClip)


def test_set_precision():
    @utils.set_precision(1)
    def quantize(x):
        return np.sign(x)

    assert quantize.precision == 1
    assert utils.set_precision()(lambda x: x).precision == 32


def test_patch_object_restores_the_attribute_after_an_error():
    class Thing:
        value = 1

    thing = Thing()
    with utils.patch_object(thing, "value", 2):
        assert thing.value == 2
    assert thing.value == 1
    with pytest.raises(KeyError), utils.patch_object(thing, "value", 2):
        raise KeyError
    assert thing.value == 1
