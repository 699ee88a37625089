"""The command line: `python -m experiments NAME`."""

from __future__ import annotations

import contextlib
import importlib
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


Preset = Annotated[
    Literal["quick", "report", "paper"],
    typer.Option(
        help="The settings to start from: minutes on two cores, the report's, the paper's."
    ),
]

ReportOrQuick = Annotated[
    Literal["quick", "report"],
    typer.Option(help="The settings to start from: minutes on two cores, the report's."),
]


_MODULES = {
    "quickstart": "experiments.quickstart",
    "approximation_viewpoint": "experiments.approximation_viewpoint.runs",
    "learning_rate": "experiments.learning_rate.runs",
    "hyperparameters": "experiments.hyperparameters.runs",
    "cifar10": "experiments.cifar10.runs",
    "ablation": "experiments.fast_recipe.runs",
}


def experiment(launch: Callable, *groups: Callable) -> Callable:
    """Makes a decorator that makes a command of an experiment.

    Args:
        launch: What the command does with the module and the values of its options.
        *groups: Functions from `experiments.options`, whose options the command has besides those
            of every run.

    Returns:
        A decorator for a function whose name, docstring and own options are the command's.
    """

    def decorator(declaration: Callable) -> Callable:
        def command(**given):
            with mistakes_told():
                load_keras()
                launch(importlib.import_module(_MODULES[declaration.__name__]), **given)

        parameters = [
            parameter
            for function in (declaration, *groups, options.of_every_run)
            for parameter in inspect.signature(function, eval_str=True).parameters.values()
        ]
        command.__signature__ = inspect.Signature(parameters)
        command.__name__, command.__doc__ = declaration.__name__, declaration.__doc__
        return app.command()(command)

    return decorator


def launch_single(
    module, preset, data_dir, out, overwrite, tensorboard, dataset=None, **changes
) -> None:
    """Carries out an experiment of one run, with the options of its command."""
    from experiments.engine.single import run_single

    chosen = {"preset": preset} if dataset is None else {"preset": preset, "dataset": dataset}
    settings = module.settings(**chosen).with_options(**changes)
    protocol = module.protocol(**chosen)
    run_single(settings, protocol, module.network, data_dir, out, overwrite, tensorboard)


def launch_series(module, only, data_dir, out, overwrite, **chosen) -> None:
    """Carries out an experiment of many runs, with the options of its command."""
    from experiments.engine.run import run_series

    run_series(module.runs(**chosen), only or (), data_dir, out, overwrite)


@experiment(launch_single, options.of_bop, options.of_a_single_run)
def quickstart(
    preset: Preset = "quick",
    dataset: Annotated[
        Literal["digits", "mnist", "cifar10"], typer.Option(help="What to learn.")
    ] = "digits",
):
    """Train a small binary network with Bop; on digits within a minute, without network."""


@experiment(launch_series, options.of_a_series)
def approximation_viewpoint(
    preset: ReportOrQuick = "quick", dataset: options.Dataset = None, seeds: options.Seeds = None
):
    """Test binary networks with their latent weights: the report's section 3.1.1, its Table 1."""


@experiment(launch_series, options.of_a_series)
def learning_rate(
    preset: ReportOrQuick = "quick", dataset: options.Dataset = None, seed: options.Seed = None
):
    """Scale latent weights and learning rate: the report's section 3.1.2, its Figure 1."""


@experiment(launch_series, options.of_a_series)
def hyperparameters(
    preset: Annotated[
        Literal["quick", "short", "report"],
        typer.Option(
            help="The settings to start from: minutes on two cores; ten epochs of a network of a "
            "quarter of the filters; the report's."
        ),
    ] = "quick",
    filters: options.Filters = None,
    seed: options.Seed = None,
):
    """Vary Bop's gamma and threshold on CIFAR-10: the report's section 3.2, its Figure 2."""


@experiment(launch_single, options.of_bop, options.of_a_single_run)
def cifar10(
    preset: Annotated[
        Literal["quick", "fast", "report", "paper"],
        typer.Option(
            help="The settings to start from: minutes on two cores; the fast recipe, 60 epochs; "
            "the report's; the paper's."
        ),
    ] = "quick",
):
    """Train binarynet on CIFAR-10 with Bop: the report's section 3.3, its Figure 3."""


@experiment(launch_series, options.of_a_series)
def ablation(
    preset: Annotated[
        Literal["quick", "short", "full"],
        typer.Option(
            help="The settings to start from: minutes on two cores; twenty epochs of a network of "
            "a quarter of the filters; the recipe's."
        ),
    ] = "quick",
    seeds: options.Seeds = None,
):
    """Take one ingredient after the other from the recipe of `cifar10 --preset fast`."""


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
