"""The command line: `python -m experiments NAME`."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import math
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

# Before Keras is imported: TensorFlow's log would stand between the lines of the progress.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "3")

INTERRUPTED = 130

app = typer.Typer(
    help="Experiments with binary networks trained by Bop.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _finite(value: float | None) -> float | None:
    # Bounds alone let "nan" through, and "inf" where there is no upper one.
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number.")
    return value


Preset = Annotated[
    Literal["quick", "report", "paper"],
    typer.Option(
        help="The settings to start from: minutes on two cores, the report's, the paper's."
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(help="Where TensorFlow Datasets keeps its data; TFDS_DATA_DIR if not given."),
]
Out = Annotated[
    Path | None,
    typer.Option(help="The run's folder. An unfinished run in it is resumed."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Delete the run that is in the folder.")
]
Tensorboard = Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard event files.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the training images.")]
BatchSize = Annotated[int | None, typer.Option(min=1, help="Images a step.")]
Gamma = Annotated[
    float | None, typer.Option(min=0, max=1, callback=_finite, help="Bop's gamma at the start.")
]
Threshold = Annotated[float | None, typer.Option(min=0, callback=_finite, help="Bop's threshold.")]
Filters = Annotated[int | None, typer.Option(min=1, help="Channels of the first convolution.")]
Limit = Annotated[
    int | None, typer.Option(min=20, help="Use so many training images only, for a rehearsal.")
]
DtypePolicy = Annotated[
    Literal["float32", "mixed_bfloat16"] | None, typer.Option(help="Keras' dtype policy.")
]
Seed = Annotated[
    int | None, typer.Option(min=0, help="Seed of all that is random; 0 if not given.")
]


def _every_experiment(
    preset: Preset = "quick",
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    gamma: Gamma = None,
    threshold: Threshold = None,
    filters: Filters = None,
    dtype_policy: DtypePolicy = None,
    limit: Limit = None,
    seed: Seed = None,
    data_dir: DataDir = None,
    out: Out = None,
    overwrite: Overwrite = False,
    tensorboard: Tensorboard = False,
):
    """The options of every experiment: typer reads them off this signature."""


def experiment(declaration: Callable) -> Callable:
    """Makes a command of the experiment in the module of the same name.

    Args:
        declaration: A function whose name, docstring and arguments are the command's; the options
            of every experiment are added to its own.

    Returns:
        The command's function.
    """

    def command(**options):
        with mistakes_told():
            load_keras()
            module = importlib.import_module(f"experiments.{declaration.__name__}")
            launch(module, **options)

    parameters = [
        parameter
        for function in (declaration, _every_experiment)
        for parameter in inspect.signature(function, eval_str=True).parameters.values()
    ]
    command.__signature__ = inspect.Signature(parameters)
    command.__name__, command.__doc__ = declaration.__name__, declaration.__doc__
    return app.command()(command)


@experiment
def quickstart(
    dataset: Annotated[
        Literal["digits", "mnist", "cifar10"], typer.Option(help="What to learn.")
    ] = "digits",
):
    """Train a small binary network with Bop; on digits within a minute, without network."""


@experiment
def cifar10():
    """Train binarynet on CIFAR-10 with Bop: the report's section 3.3, its Figure 3."""


def launch(module, preset, data_dir, out, overwrite, tensorboard, dataset=None, **options) -> None:
    """Runs an experiment with the options of its command."""
    from experiments.run import run

    chosen = {"preset": preset} if dataset is None else {"preset": preset, "dataset": dataset}
    settings = module.settings(**chosen).with_options(**options)
    run(settings, module.network, data_dir, out, overwrite, tensorboard)


@contextlib.contextmanager
def mistakes_told() -> Iterator[None]:
    """Tells what the user can mend in one sentence, and an interrupt without a traceback.

    Raises:
        typer.Exit: with 2 for an `ExperimentError`, with 130 for Ctrl-C.
    """
    from experiments.errors import ExperimentError

    try:
        with warnings.catch_warnings():
            warnings.showwarning = _one_line
            yield
    except ExperimentError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        typer.echo(
            "\nInterrupted. The same command goes on after the last finished epoch.", err=True
        )
        raise typer.Exit(INTERRUPTED) from error


def load_keras() -> None:
    """Imports Keras and wakes its devices, without what TensorFlow prints about itself.

    It prints to the file descriptor, past `sys.stderr` and its own log level; only if the import
    fails is it shown.
    """
    typer.echo("Loading Keras ...", err=True)
    screen = os.dup(2)
    with tempfile.TemporaryFile() as noise:
        try:
            os.dup2(noise.fileno(), 2)
            import keras

            keras.ops.zeros(())
        except BaseException:
            noise.seek(0)
            os.write(screen, noise.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)


def _one_line(message, category, filename, lineno, file=None, line=None):
    print(f"{category.__name__}: {message}", file=file or sys.stderr)
