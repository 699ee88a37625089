"""Every model of Larq Zoo: across and back, summarized, trained with Bop, and deployed."""

import keras
import larq.models
import numpy as np
import pytest

import larq_bop as lb
from larq_bop.larq import CannotConvertError, convert, from_larq, to_larq
from tests.larq import crossings, zoo

lce = pytest.importorskip("larq_compute_engine", reason="Larq Compute Engine is not installed")

QUICK = ("QuickNetSmall", "BiRealNet")
# Larger or smaller than another model, and otherwise like it; XNORNet takes larger images.
VARIANTS = {
    *("QuickNet", "QuickNetLarge", "BinaryDenseNet37", "BinaryDenseNet37Dilated"),
    *("BinaryDenseNet45", "StrongBaselineNetBAN", "RealToBinNetBAN", "RealToBinNetFP"),
    *("ResNet18FP", "BinaryResNetE18", "XNORNet"),
}


def _marks(name):
    if name in VARIANTS:
        return (pytest.mark.slow, pytest.mark.nightly)
    return () if name in QUICK else (pytest.mark.slow,)


NAMES = [pytest.param(name, marks=_marks(name)) for name in zoo.MODELS]


def totals(profile):
    """What a summary tells of a whole model."""
    return {
        "weights": [
            profile.weight_count(bits, trainable)
            for bits in (None, 1, 2, 32)
            for trainable in (None, True, False)
        ],
        "memory": profile.memory,
        "operations": [profile.op_count("mac", bits) or 0 for bits in (None, 1, 2, 32)],
    }


def theirs_again(name):
    """What a model needs to go back to Larq."""
    if name == "XNORNet":
        return {lb.zoo.xnor_weight_scale: zoo.larq_zoo.literature.xnornet.xnor_weight_scale}
    dorefa = zoo.larq_zoo.literature.dorefanet
    return {
        "LearnedRescale": zoo.real_to_bin_nets.StrongBaselineNetFactory.LearnedRescaleLayer,
        "scaled_sign": dorefa.magnitude_aware_sign_unclipped,
        "clipped": dorefa.clip_by_value_activation,
    }


def assert_a_step_of_bop_flips_signs(model, x):
    adam = keras.optimizers.Adam(1e-3)
    kernels = [v for v in model.trainable_variables if lb.Bop.is_binary_variable(v)]
    bop = [(lb.Bop.is_binary_variable, lb.Bop(threshold=0.0, gamma=1.0))] if kernels else []
    optimizer = lb.CaseOptimizer(*bop, default_optimizer=adam)
    # To compile hundreds of layers for one step takes several times as long as the step.
    model.compile(optimizer, "sparse_categorical_crossentropy", run_eagerly=True)
    before = [np.where(np.asarray(v) < 0, -1, 1) for v in kernels]
    assert np.isfinite(model.train_on_batch(x, np.arange(len(x))))
    after = [np.asarray(v) for v in kernels]
    assert all(np.all(np.abs(kernel) == 1) for kernel in after)
    flips = sum(np.sum(a != b) for a, b in zip(after, before, strict=True))
    assert bool(flips) == bool(kernels)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_model_crosses_trains_and_deploys(name, tmp_path):
    model = zoo.build(name)
    x = zoo.images(model)
    ours = from_larq(model, custom_objects=zoo.equals()["custom_objects"](model))
    crossings.assert_equal_predictions(model, ours, x)
    crossings.assert_equal_weights(model, ours)
    back = to_larq(ours, custom_objects=theirs_again(name))
    crossings.assert_equal_predictions(ours, back, x)
    expected = totals(larq.models.ModelProfile(model))
    assert totals(lb.models.ModelProfile(ours)) == expected
    assert totals(larq.models.ModelProfile(back)) == expected

    path = tmp_path / "model.tflite"
    if name == "DoReFaNet":
        with pytest.raises(CannotConvertError, match="Give it an input quantizer that makes signs"):
            convert(back, path)
    else:
        report = convert(back, path)
        assert report.binary_operators == sum(
            layer.kernel_quantizer is not None and layer.input_quantizer is not None
            for layer in model.layers
            if isinstance(layer, larq.layers.QuantConv2D)
        )
        found = lce.testing.Interpreter(path.read_bytes()).predict(x)
        np.testing.assert_allclose(found, np.asarray(model(x)), atol=1e-4)

    ours.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    crossings.assert_equal_predictions(ours, loaded, x, tolerance=0)
    assert_a_step_of_bop_flips_signs(ours, x)


def test_all_that_is_missing_is_named_at_once():
    model = zoo.build("MeliusNet22")
    with pytest.raises(ValueError, match="'stem_s1_groupconv_split' cannot cross") as error:
        from_larq(model)
    lambdas = [layer for layer in model.layers if type(layer).__name__ == "Lambda"]
    lines = str(error.value).splitlines()
    assert len(lines) == len(lambdas) > 30
    assert all("custom_objects" in line for line in lines)
