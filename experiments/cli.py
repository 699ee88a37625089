"""The command line: `python -m experiments NAME`."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Callable
from typing import Annotated, Literal

import typer

from experiments import options
from experiments.engine.settings import BinarynetSettings, Settings
from experiments.imagenet.settings import ImagenetSettings, Model
from experiments.terminal import load_keras, mistakes_told, wake_devices

# Before Keras is imported: otherwise TensorFlow's log is printed between the lines of progress.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "3")
# TensorFlow leaves its faster convolutions off on processors without AVX-512.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

app = typer.Typer(
    help="Experiments with binary networks trained by Bop.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


OF_EVERY_RUN = ("epochs", "batch_size", "dtype_policy", "limit")


def experiment(settings: type[Settings], *names: str, many_hosts: bool = False) -> Callable:
    """Returns a decorator that makes a function a command of the command line.

    The command has the name and the docstring of the function. Its options are the arguments of
    the function and fields of the settings.

    Args:
        settings: The class whose fields are options. Those that are given on the command line are
            passed to the function as `**changes`, the others as None.
        *names: The names of these fields; without any, all fields that have an option.
        many_hosts: Whether the command can train on several devices and hosts.
    """

    def decorator(function: Callable) -> Callable:
        def command(**given):
            with mistakes_told():
                load_keras()
                with _connected() if many_hosts else contextlib.nullcontext():
                    wake_devices()
                    function(**given)

        own = inspect.signature(function, eval_str=True).parameters.values()
        parameters = [each for each in own if each.kind is not inspect.Parameter.VAR_KEYWORD]
        parameters += options.of_settings(settings, names)
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__name__, command.__doc__ = function.__name__, function.__doc__
        return app.command()(command)

    return decorator


def _connected() -> contextlib.AbstractContextManager[None]:
    from experiments.engine.connection import connected

    return connected()


@experiment(BinarynetSettings)
def quickstart(
    preset: options.Preset = "quick",
    dataset: Annotated[
        Literal["digits", "mnist", "cifar10"], typer.Option(help="The data set.")
    ] = "digits",
    data_dir: options.DataDir = None,
    out: options.RunOut = None,
    overwrite: options.Overwrite = False,
    tensorboard: options.Tensorboard = False,
    **changes,
):
    """Train a small binary network with Bop; on digits within a minute, and offline."""
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
    """Test binary networks with their latent weights: the report's section 3.1.1, Table 1."""
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
    """Scale latent weights and learning rate: the report's section 3.1.2, Figure 1."""
    from experiments.engine.run import run_series
    from experiments.learning_rate import runs

    run_series(runs.runs(preset, dataset, **changes), only, data_dir, out, overwrite)


@experiment(BinarynetSettings, *OF_EVERY_RUN, "filters", "seed")
def hyperparameters(
    preset: options.SweepPreset = "quick",
    only: options.Only = None,
    data_dir: options.DataDir = None,
    out: options.SeriesOut = None,
    overwrite: options.Overwrite = False,
    **changes,
):
    """Vary Bop's gamma and threshold on CIFAR-10: the report's section 3.2, Figure 2."""
    from experiments.engine.run import run_series
    from experiments.hyperparameters import runs

    run_series(runs.runs(preset, **changes), only, data_dir, out, overwrite)


@experiment(BinarynetSettings)
def cifar10(
    preset: options.Cifar10Preset = "quick",
    data_dir: options.DataDir = None,
    out: options.RunOut = None,
    overwrite: options.Overwrite = False,
    tensorboard: options.Tensorboard = False,
    **changes,
):
    """Train binarynet on CIFAR-10 with Bop: the report's sections 3.3 and 4.3, Figure 3."""
    from experiments.cifar10 import runs
    from experiments.engine.single import run_single

    run_single(runs.run(preset, tensorboard, **changes), data_dir, out, overwrite)


@experiment(BinarynetSettings, *OF_EVERY_RUN)
def ablation(
    preset: options.AblationPreset = "quick",
    seeds: options.Seeds = None,
    only: options.Only = None,
    data_dir: options.DataDir = None,
    out: options.SeriesOut = None,
    overwrite: options.Overwrite = False,
    **changes,
):
    """Train with the recipe of `cifar10 --preset fast`, and with one change to it at a time."""
    from experiments.engine.run import run_series
    from experiments.fast_recipe import runs

    run_series(runs.runs(preset, seeds, **changes), only, data_dir, out, overwrite)


@experiment(ImagenetSettings, many_hosts=True)
def imagenet(
    model: Annotated[Model, typer.Option(help="The network.")] = "quicknet",
    dataset: Annotated[
        str,
        typer.Option(
            help="A prepared data set of images and labels: its name in TensorFlow Datasets, such "
            "as imagenette/320px-v2, or its folder."
        ),
    ] = "imagenet2012",
    preset: Annotated[
        Literal["quick", "paper"],
        typer.Option(help="The settings to start from: a rehearsal of two epochs, the paper's."),
    ] = "quick",
    data_dir: options.DataDir = None,
    out: options.RunOut = None,
    overwrite: options.Overwrite = False,
    tensorboard: options.Tensorboard = False,
    **changes,
):
    """Train a network for ImageNet with Bop: section 5.3 of Helwegen et al. 2019."""
    from experiments.data.stream import stored
    from experiments.engine.single import run_single
    from experiments.imagenet import runs

    run = runs.run(model, dataset, preset, tensorboard, **changes)
    run_single(run, data_dir, out, overwrite, stored)
