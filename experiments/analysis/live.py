"""Running an experiment from a notebook, in a separate process."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from experiments.analysis.results import RESULTS
from experiments.errors import ExperimentError

_ROOT = RESULTS.parents[1]
_RUNS = Path("runs") / "notebooks"


def rerun(experiment: str, *options: str, run: str = "") -> Path:
    """Runs an experiment again and shows what it prints.

    Args:
        experiment: The experiment's name.
        *options: Options of its command.
        run: The name of the run, for an experiment that consists of a single run.

    Returns:
        A folder for results, to be read in place of the results on record. The runs are in its
        subfolder `<experiment>`.

    Raises:
        ExperimentError: if the command fails.
    """
    out = _RUNS / experiment / run
    shutil.rmtree(_ROOT / out, ignore_errors=True)
    arguments = [experiment, *options, "--out", str(out)]
    print("$", shlex.join(["python", "-m", "experiments", *arguments]), flush=True)
    command = subprocess.Popen(
        [sys.executable, "-m", "experiments", *arguments],
        cwd=_ROOT,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with command:
        for line in command.stdout or ():
            print(line.rstrip(), flush=True)
    if command.returncode:
        raise ExperimentError(f"The command failed with exit code {command.returncode}.")
    return _ROOT / _RUNS


def _environment() -> dict[str, str]:
    """Returns the environment without the variables with which Jupyter asks for colours.

    With them, every update of the progress bar would be printed.
    """
    return {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "CLICOLOR_FORCE")}
