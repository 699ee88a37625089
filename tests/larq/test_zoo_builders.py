"""`larq_bop.zoo` beside Larq Zoo: the same parameters, operations and outputs."""

import larq.models
import numpy as np
import pytest

import larq_bop as lb
from tests.larq import crossings, zoo
from tests.larq.test_zoo_models import totals

BUILDERS = {
    "BinaryAlexNet": lb.zoo.binary_alexnet,
    "BiRealNet": lb.zoo.bireal_net,
    "QuickNet": lb.zoo.quicknet,
    "QuickNetLarge": lb.zoo.quicknet_large,
    "QuickNetSmall": lb.zoo.quicknet_small,
    "XNORNet": lb.zoo.xnor_net,
}


def sizes(name):
    return zoo.LARGER if name == "XNORNet" else zoo.SMALL


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_with_larq_zoos_file_it_is_larq_zoos_network(name, tmp_path):
    theirs = zoo.build(name)
    theirs.save_weights(tmp_path / "weights.h5")
    ours = BUILDERS[name](**sizes(name), latent_weights=True, weights=tmp_path / "weights.h5")
    crossings.assert_equal_weights(theirs, ours)
    crossings.assert_equal_predictions(theirs, ours, zoo.images(theirs))
    assert totals(lb.models.ModelProfile(ours)) == totals(larq.models.ModelProfile(theirs))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_file_of_a_whole_model_of_keras_2(tmp_path):
    theirs = zoo.build("QuickNetSmall")
    theirs.save(tmp_path / "model.h5")
    ours = lb.zoo.quicknet_small(**zoo.SMALL, latent_weights=True, weights=tmp_path / "model.h5")
    crossings.assert_equal_weights(theirs, ours)


@pytest.mark.parametrize("name", ["BinaryAlexNet", "QuickNetSmall"])
def test_the_signs_of_its_kernels_are_the_same_network_for_bop(name, tmp_path):
    theirs = zoo.build(name)
    theirs.save_weights(tmp_path / "weights.h5")
    ours = BUILDERS[name](**sizes(name), weights=tmp_path / "weights.h5")
    crossings.assert_equal_predictions(theirs, ours, zoo.images(theirs))
    kernels = [v for v in ours.trainable_variables if lb.Bop.is_binary_variable(v)]
    assert kernels
    assert all(np.all(np.abs(np.asarray(kernel)) == 1) for kernel in kernels)
    profiles = lb.models.ModelProfile(ours), larq.models.ModelProfile(theirs)
    assert totals(profiles[0]) == totals(profiles[1])
