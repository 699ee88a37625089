"""The command line: `python -m experiments NAME`."""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import Annotated, Literal

import typer

from experiments import options
from experiments.engine.settings import BopSettings, Settings
from experiments.errors import ExperimentError
from experiments.files import cause

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


OF_EVERY_RUN = ("epochs", "batch_size", "dtype_policy", "limit")


def experiment(settings: type[Settings], *names: str) -> Callable:
    """Makes a decorator that makes a command of an experiment.

    Args:
        settings: Their fields are options, which the function is given as `**changes`.
        *names: Those that are wanted; none for all.

    Returns:
        A decorator for a function whose name, docstring and own options are the command's.
    """

    def decorator(function: Callable) -> Callable:
        def command(**given):
            with mistakes_told():
                load_keras()
                function(**given)

        own = inspect.signature(function, eval_str=True).parameters.values()
        parameters = [each for each in own if each.kind is not inspect.Parameter.VAR_KEYWORD]
        parameters += options.of_settings(settings, names)
        command.__signature__ = inspect.Signature(parameters)
        command.__name__, command.__doc__ = function.__name__, function.__doc__
        return app.command()(command)

    return decorator


@experiment(BopSettings)
def quickstart(
    preset: options.Preset = "quick",
    dataset: Annotated[
        Literal["digits", "mnist", "cifar10"], typer.Option(help="What to learn.")
    ] = "digits",
    data_dir: options.DataDir = None,
    out: options.RunOut = None,
    overwrite: options.Overwrite = False,
    tensorboard: options.Tensorboard = False,
    **changes,
):
    """Train a small binary network with Bop; on digits within a minute, without network."""
    from experiments import quickstart
    from experiments.engine.single import run_single

    run_single(quickstart.run(dataset, preset, tensorboard, **changes), data_dir, out, overwrite)


@experiment(Settings, *OF_EVERY_RUN)
def approximation_viewpoint(
    preset: options.ReportOrQuick = "quick",
    dataset: options.Dataset = None,
    seeds: options.Seeds = None,
    only: options.Only = None,
    data_dir: options.DataDir = None,
    out: options.SeriesOut = None,
    overwrite: options.Overwrite = False,
    **changes,
):
    """Test binary networks with their latent weights: the report's section 3.1.1, its Table 1."""
    from experiments.approximation_viewpoint import runs
    from experiments.engine.run import run_series

    run_series(runs.runs(preset, dataset, seeds, **changes), only, data_dir, out, overwrite)


@experiment(Settings, *OF_EVERY_RUN, "seed")
def learning_rate(
    preset: options.ReportOrQuick = "quick",
    dataset: options.Dataset = None,
    only: options.Only = None,
    data_dir: options.DataDir = None,
    out: options.SeriesOut = None,
    overwrite: options.Overwrite = False,
    **changes,
):
    """Scale latent weights and learning rate: the report's section 3.1.2, its Figure 1."""
    from experiments.engine.run import run_series
    from experiments.learning_rate import runs

    run_series(runs.runs(preset, dataset, **changes), only, data_dir, out, overwrite)


@experiment(BopSettings, *OF_EVERY_RUN, "filters", "seed")
def hyperparameters(
    preset: options.SweepPreset = "quick",
    only: options.Only = None,
    data_dir: options.DataDir = None,
    out: options.SeriesOut = None,
    overwrite: options.Overwrite = False,
    **changes,
):
    """Vary Bop's gamma and threshold on CIFAR-10: the report's section 3.2, its Figure 2."""
    from experiments.engine.run import run_series
    from experiments.hyperparameters import runs

    run_series(runs.runs(preset, **changes), only, data_dir, out, overwrite)


@experiment(BopSettings)
def cifar10(
    preset: options.Cifar10Preset = "quick",
    data_dir: options.DataDir = None,
    out: options.RunOut = None,
    overwrite: options.Overwrite = False,
    tensorboard: options.Tensorboard = False,
    **changes,
):
    """Train binarynet on CIFAR-10 with Bop: the report's section 3.3, its Figure 3."""
    from experiments.cifar10 import runs
    from experiments.engine.single import run_single

    run_single(runs.run(preset, tensorboard, **changes), data_dir, out, overwrite)


@experiment(BopSettings, *OF_EVERY_RUN)
def ablation(
    preset: options.AblationPreset = "quick",
    seeds: options.Seeds = None,
    only: options.Only = None,
    data_dir: options.DataDir = None,
    out: options.SeriesOut = None,
    overwrite: options.Overwrite = False,
    **changes,
):
    """Take one ingredient after the other from the recipe of `cifar10 --preset fast`."""
    from experiments.engine.run import run_series
    from experiments.fast_recipe import runs

    run_series(runs.runs(preset, seeds, **changes), only, data_dir, out, overwrite)


@contextlib.contextmanager
def mistakes_told() -> Iterator[None]:
    """Tells what the user can mend in one sentence, and an interrupt without a traceback.

    Raises:
        typer.Exit: with 2 for an `ExperimentError`, with 130 for Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # A path may be no text.
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _one_line
            yield
    except ExperimentError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from error
    except OSError as error:
        # Whatever is read or written besides files of the run: the screen, above all.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
        if not isinstance(error, BrokenPipeError):
            about = f"{error.filename}: " if error.filename else ""
            typer.echo(f"Error: {about}{cause(error)}.", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        typer.echo("\nInterrupted. The same command goes on from the last checkpoint.", err=True)
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
            try:
                import keras
            except (ImportError, ValueError) as error:
                raise ExperimentError(
                    f"Keras cannot be loaded ({cause(error)}). `KERAS_BACKEND` must be tensorflow, "
                    "jax or torch, and that package must be installed."
                ) from error
            keras.ops.zeros(())
            # In a series every network is traced anew, which TensorFlow finds worth a warning.
            logging.getLogger("tensorflow").setLevel(logging.ERROR)
        except ExperimentError:
            raise
        except BaseException:
            noise.seek(0)
            os.write(screen, noise.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)


def _one_line(message, category, filename, lineno, file=None, line=None):
    print(f"{category.__name__}: {message}", file=file or sys.stderr)
