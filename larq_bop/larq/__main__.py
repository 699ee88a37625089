"""`larq-bop convert MODEL OUT.tflite [options]`, or `python -m larq_bop.larq convert ...`."""

from __future__ import annotations

import argparse
import contextlib
import fractions
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import BinaryIO


def run() -> int:
    """Runs the command with Keras 2 as `tf.keras`, and returns its exit status.

    TensorFlow is already imported and has chosen its Keras, so Python is restarted in this process.
    """
    if "TF_USE_LEGACY_KERAS" not in os.environ:
        os.execve(sys.executable, sys.orig_argv, {**os.environ, "TF_USE_LEGACY_KERAS": "1"})
    return main()


def main(arguments: list[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    parser = argparse.ArgumentParser(prog="larq-bop", description=__doc__)
    command = parser.add_subparsers(required=True, metavar="convert").add_parser(
        "convert", help="convert a saved model to a .tflite file for Larq Compute Engine"
    )
    command.add_argument("model", help="a .keras or .h5 file of Keras 3 or 2, or a SavedModel")
    command.add_argument("out", help="the .tflite file to write")
    command.add_argument(
        "--input-unit",
        type=_number,
        metavar="UNIT",
        help="all inputs are whole multiples of it: 1/255 for bytes scaled to [-1, 1] or [0, 1]",
    )
    command.add_argument("--target", choices=["arm", "xcore"], default="arm")
    for end in ("input", "output"):
        command.add_argument(
            f"--inference-{end}-type", choices=["float32", "int8"], default="float32"
        )
    command.add_argument(
        "--experimental-default-int8-range", nargs=2, type=float, metavar=("MIN", "MAX")
    )
    chosen = vars(parser.parse_args(arguments))
    try:
        with _held_back_unless_it_fails():
            from larq_bop.larq import convert  # Wrong options are reported before this slow import.

            report = convert(chosen.pop("model"), chosen.pop("out"), **chosen)
    except (ImportError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(report)
    return 0


def _number(text: str) -> float:
    """Reads a number or a fraction such as 1/255."""
    try:
        return float(fractions.Fraction(text))
    except ArithmeticError as error:
        raise ValueError(f"{text} is no number") from error


@contextlib.contextmanager
def _held_back_unless_it_fails() -> Iterator[None]:
    """Hides what TensorFlow and the engine print to the file descriptor of standard error.

    If the engine fails, it is shown, since nothing else says why.
    """
    screen = os.dup(2)
    with tempfile.TemporaryFile() as noise:
        try:
            os.dup2(noise.fileno(), 2)
            yield
        except (ImportError, OSError):
            raise
        except Exception as error:
            from larq_bop.larq import CannotConvertError

            of_the_engine = isinstance(error, CannotConvertError) and error.__cause__
            if of_the_engine or not isinstance(error, ValueError):
                _copy(noise, screen)
            raise
        finally:
            sys.stderr.flush()
            os.dup2(screen, 2)
            os.close(screen)


def _copy(noise: BinaryIO, screen: int) -> None:
    noise.seek(0)
    os.write(screen, noise.read())


if __name__ == "__main__":
    sys.exit(run())
