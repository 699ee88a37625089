"""The record of how a run was made: the commit, the versions, the hardware."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import keras

from experiments.engine import accelerator

_PACKAGES = ("larq_bop", "keras", "numpy", "tensorflow-datasets")


def commit() -> str | None:
    """Returns the commit of the code, with "-dirty" if it was changed since; None if unknown.

    A copy of the code without its git history can name its commit in the environment variable
    `LARQ_BOP_COMMIT`, which takes precedence.
    """
    if given := os.environ.get("LARQ_BOP_COMMIT"):
        return given
    git = ("git", "describe", "--always", "--abbrev=40", "--dirty")
    here = Path(__file__).parent
    try:
        told = subprocess.run(git, cwd=here, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return told.stdout.strip()


def versions() -> dict[str, str]:
    """Returns the versions of Python, the backend and the packages that affect a result."""
    backend = keras.backend.backend()
    versions = {
        "python": platform.python_version(),
        "backend": backend,
        # The backend's package may have another name, such as tensorflow-cpu.
        backend: importlib.import_module(backend).__version__,
    }
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def hardware() -> dict[str, Any]:
    """Returns this machine's architecture, processor and cores, and the devices of all hosts."""
    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "devices": _devices(),
        "hosts": _hosts(),
    }


def _hosts() -> int:
    if keras.backend.backend() != "jax":
        return 1
    import jax

    return jax.process_count()


def _devices() -> list[str]:
    if keras.backend.backend() == "torch":  # Keras lists devices for TensorFlow and JAX.
        return [str(keras.ops.zeros(()).device)]
    if accelerator.is_at_hand():
        return accelerator.kinds()
    return keras.distribution.list_devices()


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
