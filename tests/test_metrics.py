"""FlipRatio against NumPy."""

import keras
import numpy as np
import pytest

from larq_bop.metrics import FlipRatio
from tests import backends, oracle


@pytest.mark.parametrize("shape", [(2,), (3, 5), (3, 3, 2, 4)], ids=str)
def test_a_sequence(shape):
    rng = np.random.default_rng(0)
    sequence = [oracle.sign(rng.standard_normal(shape)) for _ in range(6)]
    metric = FlipRatio()
    for i, values in enumerate(sequence):
        metric.update_state(values)
        expected = oracle.mean_flip_ratio(sequence[: i + 1]) if i else 0.0
        assert float(metric.result()) == pytest.approx(expected, rel=1e-6)


def test_by_hand():
    metric = FlipRatio()
    assert float(metric.result()) == 0.0
    results = []
    for values in ([1, 1], [2, 2], [1, 2]):
        metric.update_state(values)
        results.append(float(metric.result()))
    assert results == [0.0, 1.0, 0.75]


def test_a_reset_forgets_the_mean_but_not_the_values():
    metric = FlipRatio()
    metric.reset_state()
    for values in ([1, 1], [-1, 1], [-1, -1]):
        metric.update_state(values)
    metric.reset_state()
    assert float(metric.result()) == 0.0
    # Of the first update after a reset nobody knows when the change happened.
    metric.update_state([1, 1])
    assert float(metric.result()) == 0.0
    metric.update_state([1, -1])
    assert float(metric.result()) == 0.5


def test_another_shape_is_an_error():
    metric = FlipRatio(name="mine")
    metric.build((3,))
    with pytest.raises(ValueError, match=r"'mine' compares .* \(3,\). Received: .* \(1,\)"):
        metric.update_state([1])
    with pytest.raises(ValueError, match=r"needs to know .* Received: input_shape=\(None, 3\)"):
        FlipRatio().build((None, 3))


def test_values_are_compared_in_their_dtype():
    for dtype, expected in (("int8", 0.0), ("float32", 1.0)):
        metric = FlipRatio(values_dtype=dtype)
        metric.update_state([0.25, 0.5])
        metric.update_state([0.5, 0.25])
        assert float(metric.result()) == expected


def test_config_and_alias():
    metric = FlipRatio(values_dtype="int16", name="mine", dtype="float16")
    config = keras.saving.serialize_keras_object(metric)
    copy = keras.saving.deserialize_keras_object(config)
    assert (copy.name, copy.dtype, copy.values_dtype) == ("mine", "float16", "int16")
    alias = keras.metrics.get({"class_name": "flip_ratio", "config": {"name": "mine"}})
    assert isinstance(alias, FlipRatio)
    copy.update_state([1, 2])
    copy.update_state([1, 3])
    assert float(copy.result()) == 0.5
    assert backends.dtype_of(copy.result()) == "float16"
