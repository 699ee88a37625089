"""The exception that the command line reports without a traceback."""

from experiments.errors import ExperimentError


class BenchmarkError(ExperimentError):
    """A benchmark cannot be measured."""
