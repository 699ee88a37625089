"""quantized_scope."""

import threading

import pytest

from larq_bop.context import quantized_scope, should_quantize


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
