"""Folders of results as runs leave them, with invented numbers."""

import json

import numpy as np
import pandas as pd

HARDWARE = {"machine": "x86_64", "processor": "a processor", "cores": 2, "devices": ["cpu:0"]}


def put(folder, result, history=None, steps=None, shortened=None, command="test", **settings):
    """Writes a finished run.

    Args:
        folder: Its folder.
        result: `result.json`.
        history: The columns of `history.csv`.
        steps: The name of a file of steps and its columns.
        shortened: How the run falls short of its protocol.
        command: The arguments of its command.
        settings: Settings beyond those that all runs have.
    """
    folder.mkdir(parents=True)
    settings = {"preset": "report", "epochs": 6, "dtype_policy": "float32", "seed": 0, **settings}
    config = {
        "settings": settings,
        "shortened": shortened,
        "command": f"python -m experiments {command}",
        "date": "2026-11-24",
        "hardware": HARDWARE,
        "wall_time_seconds": 90.0,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "result.json").write_text(json.dumps(result))
    if history is not None:
        pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
    if steps is not None:
        name, columns = steps
        pd.DataFrame(columns).to_csv(folder / name, index=False)


def curve(epochs, start=0.1, end=0.5):
    """Returns the epochs and an accuracy that rises evenly."""
    return {
        "epoch": np.arange(1, epochs + 1),
        "loss": np.linspace(2, 1, epochs),
        "accuracy": np.linspace(start, end, epochs),
    }
