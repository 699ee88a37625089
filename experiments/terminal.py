"""Between a command and the terminal: what is told of mistakes, and what is kept quiet."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

import typer

from experiments.errors import ExperimentError
from experiments.files import cause

INTERRUPTED = 130


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
        if sys.__stdout__ is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
        if not isinstance(error, BrokenPipeError):
            about = f"{error.filename}: " if error.filename else ""
            typer.echo(f"Error: {about}{cause(error)}.", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        typer.echo("\nInterrupted. The same command goes on from the last checkpoint.", err=True)
        raise typer.Exit(INTERRUPTED) from error


def load_keras() -> None:
    """Imports Keras, without what TensorFlow prints about itself.

    Raises:
        ExperimentError: if it cannot be imported.
    """
    typer.echo("Loading Keras ...", err=True)
    with _quiet():
        try:
            import keras  # noqa: F401
        except (ImportError, ValueError) as error:
            raise ExperimentError(
                f"Keras cannot be loaded ({cause(error)}). `KERAS_BACKEND` must be tensorflow, "
                "jax or torch, and that package must be installed."
            ) from error
    # In a series every network is traced anew, which TensorFlow finds worth a warning.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def wake_devices() -> None:
    """Computes something on Keras' device, without what the backend prints about it."""
    with _quiet():
        import keras

        keras.ops.zeros(())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """A scope in which nothing reaches the standard error, unless it fails unexpectedly.

    TensorFlow prints to the file descriptor, past `sys.stderr` and its own log level.
    """
    screen = os.dup(2)
    with tempfile.TemporaryFile() as noise:
        try:
            os.dup2(noise.fileno(), 2)
            yield
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
