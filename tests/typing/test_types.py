"""Type checkers accept what users write, and refuse what is wrong."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.typing import user_code

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
IGNORE = re.compile(r"  # type: ignore\[([a-z-]+)\]")

needs_mypy = pytest.mark.skipif(
    importlib.util.find_spec("mypy") is None, reason="mypy is in the environment lint"
)
# That of a user who takes Keras as it comes, without types; and that of `tox -e lint`.
CONFIGURATIONS = {
    "plain": ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent"],
    "lint": [f"--config-file={ROOT / 'pyproject.toml'}", "--follow-imports=silent"],
}


def check(configuration, file, cache):
    options = [*CONFIGURATIONS[configuration], f"--cache-dir={cache}"]
    return subprocess.run(
        [sys.executable, "-m", "mypy", *options, file],
        env={**os.environ, "MYPYPATH": str(ROOT)},
        cwd=file.parent,
        capture_output=True,
        text=True,
    )


@needs_mypy
@pytest.mark.slow
@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_what_users_write_is_accepted_and_what_is_wrong_refused(configuration, tmp_path):
    accepted = check(configuration, HERE / "user_code.py", tmp_path)
    assert accepted.returncode == 0, accepted.stdout
    text = (HERE / "wrong_code.py").read_text()
    wrong = tmp_path / "wrong.py"
    wrong.write_text(IGNORE.sub("", text))
    refused = check(configuration, wrong, tmp_path)
    assert refused.returncode == 1, refused.stderr
    found = re.findall(r"^wrong\.py:(\d+): error: .*\[([a-z-]+)\]$", refused.stdout, re.MULTILINE)
    expected = [
        (str(number), code)
        for number, line in enumerate(text.splitlines(), start=1)
        for code in IGNORE.findall(line)
    ]
    assert found == expected
    assert len(expected) > 15


@pytest.mark.filterwarnings("ignore:.*binarizes its")
def test_what_users_write_runs(tmp_path):
    x = np.random.default_rng(0).standard_normal((8, 4)).astype("float32")
    user_code.layers()
    user_code.quantizers(x)
    user_code.optimizers()
    user_code.scopes_and_callbacks(x)
    user_code.models(tmp_path)
    user_code.utilities()
    assert user_code.Wide(2).units == 8


@pytest.mark.slow
def test_the_example_trains():
    images = np.random.default_rng(0).uniform(-1, 1, (8, 32, 32, 3)).astype("float32")
    user_code.train(images, np.arange(8) % 10)
