"""Every public name of Larq, walked: larq_bop has it, with the same arguments and members."""

import functools
import inspect

import pytest

import larq_bop
from tests.larq.parity import larq

# What differs, and why. A name that is listed here and does not differ fails as well.
NOT_ON_KERAS_3 = {
    "layers.QuantLocallyConnected1D": "Keras 3 has no LocallyConnected1D",
    "layers.QuantLocallyConnected2D": "Keras 3 has no LocallyConnected2D",
    "metrics.FlipRatio.reset_states": "Keras before 2.5 called reset_state so",
    "optimizers.CaseOptimizer.weights": "Keras 3 calls an optimizer's state `variables`",
}
OTHER_ARGUMENTS = {
    "optimizers.Bop": "Keras 3 writes the names of optimizers in small letters",
    "quantizers.deserialize": "use_legacy_format: Keras 3 has one format",
    "quantizers.serialize": "use_legacy_format: Keras 3 has one format",
}


def is_public_in(module, name):
    value = getattr(module, name)
    is_own = getattr(value, "__module__", None) == module.__name__
    return not name.startswith("_") and is_own and (inspect.isclass(value) or callable(value))


def public_names(part):
    """What a module of Larq exports, or, where it does not say so, what it defines."""
    module = getattr(larq, part)
    defined = {name for name in vars(module) if is_public_in(module, name)}
    if part == "models":  # Its classes are the inside of `summary`.
        defined = set()
    return sorted({*getattr(module, "__all__", ()), *defined})


def find(library, dotted):
    return functools.reduce(getattr, dotted.split("."), library)


def has(library, dotted):
    try:
        find(library, dotted)
    except AttributeError:
        return False
    return True


NAMES = [f"{part}.{name}" for part in larq.__all__ for name in public_names(part)]
NAMES += ["quantizers.approx_sign"]  # Decorated, so that it seems to come from TensorFlow.
MEMBERS = [
    f"{name}.{member}"
    for name in NAMES
    if inspect.isclass(find(larq, name))
    for member in vars(find(larq, name))
    if not member.startswith("_")
]


def arguments(thing):
    """The names and defaults of the arguments, in order; then of those that go by name only."""
    parameters = inspect.signature(thing).parameters.values()
    by_place = [(p.name, p.default) for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD]
    by_name = {p.name: p.default for p in parameters if p.kind == p.KEYWORD_ONLY}
    return by_place, by_name


def test_all_public_names_of_larq_are_found():
    assert len(NAMES) > 45
    parts = {name.split(".")[0] for name in NAMES}
    assert parts == set(larq.__all__)
    assert {"models.summary", "layers.QuantDense", "quantizers.get", "utils.set_precision"} <= set(
        NAMES
    )


@pytest.mark.parametrize("part", larq.__all__)
def test_modules_are_at_the_top(part):
    assert part in larq_bop.__all__
    assert inspect.ismodule(getattr(larq_bop, part))


@pytest.mark.parametrize("name", [*NAMES, *MEMBERS])
def test_names_exist(name):
    assert has(larq_bop, name) == (name not in NOT_ON_KERAS_3)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NOT_ON_KERAS_3])
def test_arguments_are_larqs(name):
    theirs, their_names = arguments(find(larq, name))
    ours, our_names = arguments(find(larq_bop, name))
    if name == "layers.QuantDense":
        # Keras 3 has more arguments, after Larq's.
        ours = ours[: len(theirs)]
    same = ours == theirs and their_names.items() <= our_names.items()
    assert same == (name not in OTHER_ARGUMENTS)
