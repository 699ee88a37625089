"""What commands show on the terminal: errors as sentences, and no messages of TensorFlow."""

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
    """A scope in which errors that the user can fix, and Ctrl-C, are shown without a traceback.

    Warnings are shown in one line each.

    Raises:
        typer.Exit: with status 2 for an `ExperimentError` or an `OSError`, with 130 for Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # A path may have bytes that are no text.
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _one_line
            yield
    except ExperimentError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from error
    except OSError as error:
        # Files of the run raise an ExperimentError: this is anything else, usually the terminal.
        if sys.__stdout__ is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
        if not isinstance(error, BrokenPipeError):
            about = f"{error.filename}: " if error.filename else ""
            typer.echo(f"Error: {about}{cause(error)}.", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        typer.echo("\nInterrupted. The same command resumes from the last checkpoint.", err=True)
        raise typer.Exit(INTERRUPTED) from error


def load_keras() -> None:
    """Imports Keras without showing TensorFlow's messages.

    Raises:
        ExperimentError: if Keras or its backend cannot be imported.
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
    # In a series each network is traced, and TensorFlow warns about repeated tracing.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def wake_devices() -> None:
    """Initializes Keras' devices, without showing the backend's messages."""
    with _quiet():
        import keras

        keras.ops.zeros(())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """A scope in which standard error is hidden; it is shown if an unexpected error occurs.

    TensorFlow writes to the file descriptor, whatever `sys.stderr` and its log level are.
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
