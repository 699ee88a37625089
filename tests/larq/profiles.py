"""The profiles of one model on both sides: ours on Keras 3, and Larq's on Keras 2."""

import keras
import tf_keras
from larq.models import ModelProfile as LarqsProfile

import larq_bop
from larq_bop.models import ModelProfile
from tests.larq.parity import larq

SIDES = ((keras, larq_bop, ModelProfile), (tf_keras, larq, LarqsProfile))
PRECISIONS = (None, 1, 2, 4, 8, 32)


def weights_of(profile):
    """All that a layer or model tells of its weights."""
    return {
        "memory": profile.memory,
        "8 bit": profile.int8_fp_weights_memory,
        "float32": profile.fp_equivalent_memory,
        "bit widths": profile.unique_param_bidtwidths,
        "counts": [
            profile.weight_count(bitwidth, trainable)
            for bitwidth in PRECISIONS
            for trainable in (None, True, False)
        ],
    }


def operations_of(profile):
    # Larq does not know that a layer without weights has none.
    return [profile.op_count("mac", precision) or 0 for precision in PRECISIONS]


def assert_parity(ours, theirs):
    """Asserts that two profiles have the same layers, with equal numbers, and equal totals."""
    assert [p.name for p in ours.layer_profiles] == [p.name for p in theirs.layer_profiles]
    for our, their in zip(ours.layer_profiles, theirs.layer_profiles, strict=True):
        assert our.input_precision == their.input_precision, our.name
        assert our.output_shape == their.output_shape, our.name
        assert our.unique_op_precisions == their.unique_op_precisions, our.name
        assert weights_of(our) == weights_of(their), our.name
        assert operations_of(our) == operations_of(their), our.name
    assert weights_of(ours) == weights_of(theirs)
    assert operations_of(ours) == operations_of(theirs)
    assert ours.unique_op_precisions == theirs.unique_op_precisions
    assert ours.output_shape == theirs.output_shape


def profiles(build):
    """Builds a model with Keras 3 and larq_bop, and with Keras 2 and Larq."""
    return [profile(build(k, lq)) for k, lq, profile in SIDES]


def of_layers(shape, make):
    """The same, of a Sequential model, from functions of the modules with layers."""
    return profiles(lambda k, lq: k.Sequential([k.Input(shape), *make(k.layers, lq.layers)]))


def latent(*roles):
    return {
        **{f"{role}_quantizer": "ste_sign" for role in roles},
        **{f"{role}_constraint": "weight_clip" for role in roles},
    }
