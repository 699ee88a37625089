"""What the benchmarks share: starting the contestants, and measuring them in turns."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import environments
from benchmarks.results import Side
from benchmarks.workers import Worker
from experiments import data

OURS, LARQ, TORCH = "larq_bop", "Larq", "PyTorch"
PRECISIONS = ("float32", "mixed_bfloat16")

# A precision that takes more than so many times as long as the other one is left out after a trial:
# where bfloat16 is emulated, measuring it would take hours.
TOO_SLOW = 1.5

# The goals are set for this backend, whatever Keras' configuration file says.
BACKEND = {"KERAS_BACKEND": "tensorflow"}

_MODULES = {OURS: "ours", LARQ: "on_larq", TORCH: "on_torch"}
_ENVIRONMENTS = {LARQ: "larq", TORCH: "torch"}
_IMAGES = 5_000
_TRIAL_STEPS = 2

Measure = Callable[[int], list[float]]


@dataclass(frozen=True)
class Settings:
    """The options of the command.

    Attributes:
        rounds: The number of turns of each contestant.
        steps: The number of steps per turn.
        batch_size: The number of images per step in the training of binarynet.
        filters: Output channels of binarynet's first convolution.
    """

    rounds: int = 5
    steps: int = 10
    batch_size: int = 50
    filters: int = 128

    @property
    def is_rehearsal(self) -> bool:
        """Whether the network is not the one for which the goals are set."""
        return self.filters != Settings.filters

    def as_dict(self) -> dict[str, Any]:
        """Returns the settings for JSON."""
        return {**asdict(self), "is_rehearsal": self.is_rehearsal}


class Bench:
    """The contestants in one execution of the command.

    It is a context manager, which deletes the file of images at the end.

    Args:
        settings: The options of the command.
        pythons: The interpreters with Larq and PyTorch; None for one that is to be made.
        data_dir: The folder of TensorFlow Datasets; None for the default.
        tell: A function that is called with each line about the progress.

    Attributes:
        versions: The versions of packages, for each contestant that was started.
        notes: Remarks about the measurements, to be printed below the table.
    """

    def __init__(
        self,
        settings: Settings,
        pythons: dict[str, Path | None],
        data_dir: Path | None,
        tell: Callable[[str], None],
    ):
        self.settings = settings
        self.tell = tell
        self.versions: dict[str, dict[str, str]] = {}
        self.notes: list[str] = []
        self._pythons = {side: python for side, python in pythons.items() if python is not None}
        self._pythons[OURS] = Path(sys.executable)
        self._data_dir = data_dir
        self._folder = tempfile.TemporaryDirectory(prefix="benchmarks.")
        self._faster: dict[str, str] = {}

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *exception) -> None:
        self._folder.cleanup()

    @cached_property
    def images(self) -> str:
        """The path of a file with the images of CIFAR-10 that all contestants train on."""
        self.tell("Reading CIFAR-10 ...")
        cifar10 = data.load("cifar10", self._data_dir)
        path = Path(self._folder.name, "images.npz")
        np.savez(path, images=cifar10.train_images[:_IMAGES], labels=cifar10.train_labels[:_IMAGES])
        return str(path)

    def worker(self, side: str) -> Worker:
        """Starts a contestant.

        Args:
            side: Its name: `OURS`, `LARQ` or `TORCH`.

        Raises:
            BenchmarkError: if it cannot be started, or its environment cannot be made.
        """
        if side not in self._pythons:
            self._pythons[side] = environments.interpreter(_ENVIRONMENTS[side], self.tell)
        environment = BACKEND if side == OURS else {}
        module = f"benchmarks.contestants.{_MODULES[side]}"
        worker = Worker(side, self._pythons[side], module, environment)
        self.versions[side] = worker.versions
        return worker

    def race(self, task: str, sides: tuple[str, ...], steps: int, **options) -> dict[str, Side]:
        """Measures a task of several contestants in turns, each in both precisions.

        Args:
            task: The name of the task.
            sides: The names of the contestants.
            steps: The number of steps per turn.
            **options: The options of the task.

        Returns:
            For each contestant the mean seconds per step in its faster precision, one number for
            each turn.
        """
        lanes = {}
        with ExitStack() as stack:
            for side in sides:
                trials = self._trials(stack, task, side, options)
                lanes |= {(side, precision): measure for precision, (measure, _) in trials.items()}
            seconds = self.take_turns(task, lanes, steps)
        results = {}
        for side in sides:
            of_side = {p: values for (s, p), values in seconds.items() if s == side}
            precision = min(of_side, key=lambda p: statistics.median(of_side[p]))
            if task == "training":
                self._faster[side] = precision
            results[side] = Side(f"{side} {precision}", tuple(of_side[precision]))
        return results

    def faster_precision(self, side: str) -> str:
        """Returns the precision in which a contestant trains binarynet faster."""
        if side not in self._faster:
            with ExitStack() as stack:
                trials = self._trials(stack, "training", side, self.training_options)
            self._faster[side] = min(trials, key=lambda precision: trials[precision][1])
        return self._faster[side]

    @property
    def training_options(self) -> dict[str, Any]:
        """The options of the task "training", except the precision."""
        return {
            "data": self.images,
            "batch_size": self.settings.batch_size,
            "filters": self.settings.filters,
        }

    def _trials(self, stack: ExitStack, task: str, side: str, options: dict[str, Any]):
        """Returns `(measure, seconds per step)` for each precision that is not too slow."""
        trials, workers = {}, {}
        for precision in PRECISIONS:
            workers[precision] = stack.enter_context(self.worker(side))
            measure = lane(workers[precision], task, precision=precision, **options)
            trials[precision] = measure, min(measure(_TRIAL_STEPS))
            self.tell(f"{task}: {side} {precision}, a trial: {trials[precision][1]:.4g} s a step")
        for precision, times in too_slow(
            {p: seconds for p, (_, seconds) in trials.items()}
        ).items():
            self.notes.append(
                f"{task}: {side} {precision} took {times:.1f} times as long as the other "
                "precision in its first steps, and was left out."
            )
            workers[precision].close()
            del trials[precision]
        return trials

    def take_turns(
        self, task: str, lanes: dict[tuple[str, str], Measure], steps: int
    ) -> dict[tuple[str, str], list[float]]:
        """Measures several lanes in turns, so that the noise of the machine affects all of them.

        Args:
            task: The name of the task, for the progress.
            lanes: For each name a function that takes a number of steps and returns the seconds of
                each step.
            steps: The number of steps per turn.

        Returns:
            For each lane the mean seconds per step, one number for each turn.
        """
        seconds: dict[tuple[str, str], list[float]] = {name: [] for name in lanes}
        for measure in lanes.values():
            measure(1)
        for i in range(self.settings.rounds):
            for name, measure in lanes.items():
                seconds[name].append(statistics.mean(measure(steps)))
                self.tell(
                    f"{task}: round {i + 1} of {self.settings.rounds}, {' '.join(name)}: "
                    f"{seconds[name][-1]:.4g} s a step"
                )
        return seconds


def lane(worker: Worker, task: str, **options) -> Measure:
    """Returns a function that measures a number of steps of a contestant's task.

    Args:
        worker: The contestant.
        task: The name of the task.
        **options: The options of the task.
    """
    return lambda steps: worker.measure(task, steps, **options)


def too_slow(seconds: dict[str, float]) -> dict[str, float]:
    """Returns the ratios to the fastest that are larger than `TOO_SLOW`.

    Args:
        seconds: Seconds per step, by name.
    """
    fastest = min(seconds.values())
    ratios = {name: value / fastest for name, value in seconds.items()}
    return {name: ratio for name, ratio in ratios.items() if ratio > TOO_SLOW}
