"""quantized_scope and metrics_scope."""

import threading

import keras
import numpy as np
import pytest

from larq_bop.context import (
    get_training_metrics,
    metrics_scope,
    quantized_scope,
    should_quantize,
)
from larq_bop.layers import QuantDense
from larq_bop.quantizers import NoOp
from tests import backends


def test_scopes_nest():
    assert not should_quantize()
    with quantized_scope(True) as quantize:
        assert quantize is True
        assert should_quantize()
        with quantized_scope(False):
            assert not should_quantize()
        assert should_quantize()
    assert not should_quantize()


def test_an_error_leaves_the_scope():
    with pytest.raises(KeyError), quantized_scope(True):
        raise KeyError
    assert not should_quantize()


def test_threads_do_not_see_each_others_scope():
    seen = []
    with quantized_scope(True):
        thread = threading.Thread(target=lambda: seen.append(should_quantize()))
        thread.start()
        thread.join()
    assert seen == [False]


@pytest.mark.parametrize("kernel_quantizer", ["ste_sign", NoOp(precision=1)])
def test_training_in_a_scope_is_training_without_one(kernel_quantizer):
    trained = []
    for quantize in (False, True):
        keras.utils.set_random_seed(0)
        layer = QuantDense(
            2, kernel_quantizer=kernel_quantizer, kernel_constraint="weight_clip", use_bias=False
        )
        model = keras.Sequential([keras.Input((5,)), layer, keras.layers.BatchNormalization()])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        rng = np.random.default_rng(0)
        with quantized_scope(quantize):
            model.fit(rng.standard_normal((8, 5)), rng.standard_normal((8, 2)), verbose=0)
        trained.append(model.get_weights())
    backends.assert_identical(*trained)


# metrics_scope.


def test_metrics_scopes_nest():
    assert get_training_metrics() == set()
    with metrics_scope(["flip_ratio"]) as metrics:
        assert metrics == get_training_metrics() == {"flip_ratio"}
        with metrics_scope():
            assert get_training_metrics() == {"flip_ratio"}
        assert get_training_metrics() == {"flip_ratio"}
    assert get_training_metrics() == set()


def test_the_metrics_may_be_changed_in_place():
    with metrics_scope(["flip_ratio"]):
        get_training_metrics().clear()
        assert get_training_metrics() == set()
    get_training_metrics().add("flip_ratio")
    with metrics_scope() as metrics:
        assert metrics == {"flip_ratio"}
    get_training_metrics().clear()


def test_an_error_leaves_the_metrics_scope():
    with pytest.raises(KeyError), metrics_scope(["flip_ratio"]):
        raise KeyError
    assert get_training_metrics() == set()


def test_an_unknown_metric_is_an_error():
    match = r"Unknown training metric 'accuracy'. Available metrics: flip_ratio"
    with pytest.raises(ValueError, match=match), metrics_scope(["flip_ratio", "accuracy"]):
        pass
    assert get_training_metrics() == set()
