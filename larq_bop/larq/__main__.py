"""`python -m larq_bop.larq convert MODEL OUT.tflite`."""

from __future__ import annotations

import argparse
import sys

from larq_bop.larq.deploy import convert


def main(arguments: list[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m larq_bop.larq", description=__doc__)
    command = parser.add_subparsers(required=True, metavar="convert").add_parser(
        "convert", help="convert a saved model to a .tflite file for Larq Compute Engine"
    )
    command.add_argument("model", help="a .keras file of Keras 3 or 2, or a SavedModel")
    command.add_argument("out", help="the .tflite file to write")
    chosen = parser.parse_args(arguments)
    try:
        print(convert(chosen.model, chosen.out))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
