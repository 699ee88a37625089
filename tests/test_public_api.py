"""What users import, and what the library imports."""

import ast
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path

import pytest

import larq_bop
from tests import backends

PACKAGE = Path(larq_bop.__file__).parent
MODULES = {
    ".".join(["larq_bop", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(
        ".__init__"
    ): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if "larq" not in path.relative_to(PACKAGE).parts  # It stands on Keras 2.
}
HERE = [
    name
    for name in MODULES
    if not name.startswith("larq_bop.backend.")  # One of these imports another backend.
]


@pytest.mark.parametrize("name", HERE)
def test_all_names_that_a_module_exports_exist(name):
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    assert len(exported) == len(set(exported))
    for each in exported:
        assert hasattr(module, each), each


def test_the_table_of_contents():
    assert {"Bop", "CaseOptimizer", "layers", "optimizers", "quantizers"} <= set(larq_bop.__all__)
    assert larq_bop.__version__.count(".") == 2


def public_objects():
    """Classes and functions that `__all__` lists anywhere, and their public methods."""
    for name in HERE:
        module = importlib.import_module(name)
        for each in getattr(module, "__all__", []):
            thing = getattr(module, each)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                yield f"{name}.{each}", thing


@pytest.mark.parametrize(
    ("name", "thing"), public_objects(), ids=lambda x: x if isinstance(x, str) else ""
)
def test_everything_public_has_a_docstring_of_its_own(name, thing):
    assert (thing.__doc__ or "").strip(), name
    inherited = [base.__doc__ for base in getattr(thing, "__mro__", [thing])[1:]]
    assert thing.__doc__ not in inherited, name


@pytest.mark.parametrize("name", HERE)
def test_every_module_has_a_docstring(name):
    assert (importlib.import_module(name).__doc__ or "").strip()


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_it_can_be_imported_without_tensorflow(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed in this environment")
    # None in `sys.modules` makes an import fail as if TensorFlow were not installed.
    code = "import sys; sys.modules['tensorflow'] = None; import larq_bop; print(larq_bop.Bop)"
    printed = backends.run_python("-c", code, KERAS_BACKEND=backend)
    assert "larq_bop.optimizers.bop.Bop" in printed


def imports(path):
    """The dotted names of all modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


@pytest.mark.parametrize("name", MODULES)
def test_modules_import_keras_numpy_and_larq_bop_only(name):
    allowed = {"keras", "numpy", "larq_bop", *sys.stdlib_module_names}
    if name == "larq_bop.models.summary":
        allowed.add("rich")  # Which Keras itself prints its summary with.
    if name == "larq_bop.zoo.weights":
        allowed.add("h5py")  # Which Keras itself needs, for such files.
    if name.startswith("larq_bop.backend.tensorflow"):
        allowed.add("tensorflow")
    assert {module.split(".")[0] for module in imports(MODULES[name])} <= allowed


@pytest.mark.parametrize("name", MODULES)
def test_nothing_imports_what_stands_on_keras_2_or_keras_internals(name):
    for module in imports(MODULES[name]):
        assert not module.startswith(("larq_bop.larq", "keras.src", "experiments")), module


# Each module or package may import those of the lines above its own.
LEVELS = [
    ["context", "constraints", "files", "utils", "rematerialization"],
    ["backend"],
    ["elementwise"],
    ["math", "metrics"],
    ["quantizers", "initializers"],
    ["activations"],
    ["optimizers", "layers", "export"],
    ["models", "callbacks", "zoo"],
]


@pytest.mark.parametrize("name", MODULES)
def test_dependencies_point_downwards(name):
    level = {part: i for i, parts in enumerate(LEVELS) for part in parts}
    own = name.split(".")[1] if "." in name else None
    if own not in level:
        return
    for module in imports(MODULES[name]):
        other = module.split(".")[1] if module.startswith("larq_bop.") else own
        assert other == own or level.get(other, -1) < level[own], f"{name} imports {module}"


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_short(name):
    assert len(MODULES[name].read_text().splitlines()) <= 250
