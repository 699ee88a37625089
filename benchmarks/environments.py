"""Virtual environments for the other frameworks, which are made once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.workers import ROOT
from experiments.files import atomic_write, make_folder

FOLDER = ROOT / ".benchmarks"
REQUIREMENTS = {
    # Larq does not run on numpy 2.
    "larq": ("tensorflow", "tf-keras", "larq", "numpy<2"),
    # Any other version makes pip fetch gigabytes of CUDA.
    "torch": ("torch==2.13.0", "numpy"),
}


def interpreter(framework: str, tell: Callable[[str], None], folder: Path = FOLDER) -> Path:
    """Returns the interpreter of a framework's environment, which is made if it does not exist.

    Args:
        framework: One of `REQUIREMENTS`.
        tell: A function that is called with a line when an environment is made, which takes
            minutes.
        folder: The folder of the environments.

    Raises:
        BenchmarkError: if it cannot be made.
    """
    environment = folder / framework
    python = environment / "bin" / "python"
    requirements = REQUIREMENTS[framework]
    # It is written last. If it is missing or has another content, the environment is made again.
    marker = environment / "installed.txt"
    content = "\n".join(requirements) + "\n"
    if marker.is_file() and marker.read_text() == content and python.exists():
        return python
    tell(f"Making an environment for {framework} in {environment} ...")
    shutil.rmtree(environment, ignore_errors=True)
    make_folder(folder)
    _run(framework, sys.executable, "-m", "venv", environment)
    _run(framework, python, "-m", "pip", "install", *requirements)
    with atomic_write(marker, "w") as file:
        file.write(content)
    return python


def _run(framework: str, *command) -> None:
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(
            f"The environment for {framework} cannot be made: {' '.join(command)} failed. Name an "
            f"interpreter that has {framework} with --{framework}-python instead.\n"
            f"{(done.stdout + done.stderr)[-2000:].strip()}"
        )
