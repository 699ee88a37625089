"""The benchmarks, each of which returns rows of the table."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable

from benchmarks.bench import BACKEND, LARQ, OURS, TORCH, Bench, lane
from benchmarks.errors import BenchmarkError
from benchmarks.results import AtMost, Faster, Row, Side
from benchmarks.workers import ROOT, inherited_environment

_LATENT_CNN_BATCH = 64
_MEMORY_BATCH = 100
_MEMORY_STEPS = 5
# The steps of latent_cnn are shorter than those of binarynet: so many times as many are measured.
_LATENT_CNN_STEPS = 5


def training(bench: Bench) -> list[Row]:
    """Training binarynet with Bop on augmented CIFAR-10, compared with Larq and PyTorch."""
    seconds = bench.race(
        "training", (OURS, LARQ, TORCH), bench.settings.steps, **bench.training_options
    )
    batch_size = bench.settings.batch_size
    rates = {side: _rate(result, batch_size) for side, result in seconds.items()}
    goals = {LARQ: Faster(1.6, aim=2.5), TORCH: Faster(2.5)}
    what = f"binarynet, batch {batch_size}"
    return [
        Row("training", what, "images/s", rates[OURS], rates[side], goal, more_is_better=True)
        for side, goal in goals.items()
    ]


def latent_cnn(bench: Bench) -> list[Row]:
    """Training latent_cnn, a network with latent weights, with Adam, compared with Larq."""
    seconds = bench.race(
        "latent-cnn",
        (OURS, LARQ),
        _LATENT_CNN_STEPS * bench.settings.steps,
        data=bench.images,
        batch_size=_LATENT_CNN_BATCH,
    )
    ours, theirs = (_rate(seconds[side], _LATENT_CNN_BATCH) for side in (OURS, LARQ))
    what = f"latent_cnn, batch {_LATENT_CNN_BATCH}"
    goal = Faster(1.5, aim=2)
    return [Row("latent-cnn", what, "images/s", ours, theirs, goal, more_is_better=True)]


def update(bench: Bench) -> list[Row]:
    """Bop's update of binarynet's weights, compared with Larq's and a pass over the same memory."""
    options = {"filters": bench.settings.filters}
    with bench.worker(OURS) as worker, bench.worker(LARQ) as larq:
        lanes = {
            (OURS, "Bop"): lane(worker, "update", **options),
            (LARQ, "Bop"): lane(larq, "update", **options),
            ("NumPy", "pass"): lane(worker, "numpy-pass", **options),
        }
        seconds = bench.take_turns("update", lanes, bench.settings.steps)
    ours, larq_bop, numpy = (_in_milliseconds(" ".join(name), seconds[name]) for name in lanes)
    what = "Bop's update of binarynet"
    return [
        Row("update", what, "ms", ours, larq_bop, Faster(2.5)),
        Row("update", what, "ms", ours, numpy, AtMost(1.25)),
    ]


def flips(bench: Bench) -> list[Row]:
    """A training step of binarynet in which flips are counted, compared with one without."""
    precision = bench.faster_precision(OURS)
    options = {**bench.training_options, "precision": precision}
    on, off = (OURS, f"{precision} counting"), (OURS, f"{precision} not counting")
    with bench.worker(OURS) as worker:
        lanes = {
            off: lane(worker, "training", counting=False, **options),
            on: lane(worker, "training", **options),
        }
        seconds = bench.take_turns("flips", lanes, bench.settings.steps)
    ours, theirs = (_in_milliseconds(" ".join(name), seconds[name]) for name in (on, off))
    what = f"step of binarynet, batch {bench.settings.batch_size}"
    return [Row("flips", what, "ms", ours, theirs, AtMost(1.05))]


def state(bench: Bench) -> list[Row]:
    """The size of Bop's state, compared with Adam's for the same weights."""
    with bench.worker(OURS) as worker:
        ours, theirs = (
            worker.measure("state", 1, optimizer=optimizer, filters=bench.settings.filters)
            for optimizer in ("bop", "adam")
        )
    sides = Side("Bop", tuple(ours)), Side("Adam", tuple(theirs))
    return [Row("state", "optimizer state", "bytes/weight", *sides, AtMost(0.51))]


def memory(bench: Bench) -> list[Row]:
    """The peak memory of a process in a few training steps of binarynet, compared with Larq."""
    precisions = {side: bench.faster_precision(side) for side in (OURS, LARQ)}
    options = {**bench.training_options, "batch_size": _MEMORY_BATCH}
    peaks: dict[str, list[float]] = {side: [] for side in precisions}
    for i in range(bench.settings.rounds):
        for side, precision in precisions.items():
            with bench.worker(side) as worker:
                # The process computes one step more than it measures.
                worker.measure("training", _MEMORY_STEPS - 1, precision=precision, **options)
                peaks[side].append(worker.peak_bytes / 1e6)
            bench.tell(
                f"memory: round {i + 1} of {bench.settings.rounds}, {side} {precision}: "
                f"{peaks[side][-1]:,.0f} MB"
            )
    ours, theirs = (Side(f"{side} {precisions[side]}", tuple(peaks[side])) for side in precisions)
    what = f"peak of {_MEMORY_STEPS} steps of binarynet, batch {_MEMORY_BATCH}"
    return [Row("memory", what, "MB", ours, theirs, AtMost(1.0))]


def import_(bench: Bench) -> list[Row]:
    """The import of larq_bop in a new process, compared with that of Keras."""
    lanes = {("import", package): _import_of(bench, package) for package in ("larq_bop", "keras")}
    seconds = bench.take_turns("import", lanes, steps=1)
    ours, theirs = (_in_milliseconds(" ".join(name), seconds[name]) for name in lanes)
    return [Row("import", "import in a fresh process", "ms", ours, theirs, AtMost(1.05))]


def _import_of(bench: Bench, package: str) -> Callable[[int], list[float]]:
    code = (
        "import json, time; start = time.perf_counter()\n"
        f"import {package}\n"
        f"print(json.dumps([time.perf_counter() - start, {package}.__version__]))"
    )

    def measure(steps: int) -> list[float]:
        return [once() for _ in range(steps)]

    def once() -> float:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**inherited_environment(), **BACKEND},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchmarkError(f"{package} cannot be imported:\n{done.stderr[-2000:]}")
        seconds, version = json.loads(done.stdout.splitlines()[-1])
        bench.versions.setdefault(OURS, {})[package] = version
        return seconds

    return measure


def _rate(seconds: Side, batch_size: int) -> Side:
    return Side(seconds.name, tuple(batch_size / value for value in seconds.values))


def _in_milliseconds(name: str, seconds: Iterable[float]) -> Side:
    return Side(name, tuple(1000 * value for value in seconds))


ROWS: dict[str, Callable[[Bench], list[Row]]] = {
    "training": training,
    "latent-cnn": latent_cnn,
    "update": update,
    "flips": flips,
    "state": state,
    "memory": memory,
    "import": import_,
}
