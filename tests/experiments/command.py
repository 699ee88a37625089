"""The command line as a user types it, in a process of its own."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np

import larq_bop  # noqa: F401  (registers the layers that a saved model is made of)

ROOT = Path(__file__).parents[2]


def start(*arguments, module="experiments", limit_file_size=None, **environment):
    """Starts `python -m experiments`, or another module, and returns the process."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    if limit_file_size is not None:
        # What a full disk does to a program: beyond so many kilobytes a write fails.
        command = ["bash", "-c", f'ulimit -f {limit_file_size}; exec "$@"', "bash", *command]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test suite in the background of a shell has SIGINT ignored, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def run(*arguments, **options):
    """Runs `python -m experiments` and returns its exit code, output and errors."""
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=500)
    return process.returncode, out, err


def interrupt_when(process, condition, how=signal.SIGKILL):
    """Sends a signal as soon as a condition holds; returns exit code, output and errors."""
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, "the run ended before the signal:\n" + "".join(
            stream.read() for stream in (process.stdout, process.stderr)
        )
        assert time.monotonic() < deadline, "the moment for the signal never came"
        # The run needs the processor; a checkpoint takes longer to write.
        time.sleep(1e-3)
    process.send_signal(how)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def outcome(folder):
    """Returns all that must be equal when a run is repeated: history, result and weights."""
    model = keras.models.load_model(folder / "model.keras")
    history = (folder / "history.csv").read_text()
    return history, (folder / "result.json").read_text(), [w.numpy() for w in model.weights]


def assert_same_outcome(folder, reference):
    history, result, weights = outcome(folder)
    assert history == reference[0]
    assert result == reference[1]
    for weight, expected in zip(weights, reference[2], strict=True):
        np.testing.assert_array_equal(weight, expected)


def rows(folder):
    with open(folder / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def read(folder, name):
    return json.loads((folder / name).read_text())
