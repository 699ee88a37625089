"""weight_clip."""

import json

import keras
import numpy as np
import pytest

from larq_bop import constraints
from tests import backends

WEIGHTS = np.float32([-3.0, -1.0, -0.75, 0.0, 0.25, 1.0, 2.0])


@pytest.mark.parametrize(
    ("clip_value", "expected"),
    [
        (1.0, [-1.0, -1.0, -0.75, 0.0, 0.25, 1.0, 1.0]),
        (0.5, [-0.5, -0.5, -0.5, 0.0, 0.25, 0.5, 0.5]),
    ],
)
def test_weights_are_clipped(clip_value, expected):
    constraint = constraints.WeightClip(clip_value)
    assert backends.to_numpy(constraint(keras.ops.convert_to_tensor(WEIGHTS))).tolist() == expected


def test_it_holds_after_every_step_of_an_optimizer():
    variable = keras.Variable(WEIGHTS / 3)
    variable.constraint = constraints.weight_clip()
    backends.stepper(keras.optimizers.SGD(1.0), [variable])([np.float32([4, -4, 0, 0, 0, 0, 0])])
    np.testing.assert_allclose(
        backends.to_numpy(variable), np.clip([-5, 11 / 3, *WEIGHTS[2:] / 3], -1, 1), rtol=1e-6
    )


@pytest.mark.parametrize("identifier", ["weight_clip", "WeightClip", constraints.WeightClip(1.0)])
def test_get(identifier):
    constraint = constraints.get(identifier)
    assert isinstance(constraint, constraints.WeightClip)
    assert constraint.clip_value == 1.0


def test_get_knows_keras_constraints():
    assert isinstance(constraints.get("non_neg"), keras.constraints.NonNeg)
    assert constraints.get(None) is None


@pytest.mark.parametrize("identifier", ["weight_clap", 3])
def test_get_refuses_what_is_no_constraint(identifier):
    with pytest.raises(ValueError, match=str(identifier)):
        constraints.get(identifier)


def test_config_goes_through_json_and_back():
    constraint = constraints.WeightClip(0.5)
    config = json.loads(json.dumps(keras.constraints.serialize(constraint)))
    copy = keras.constraints.deserialize(config)
    assert type(copy) is constraints.WeightClip
    assert copy.clip_value == 0.5
