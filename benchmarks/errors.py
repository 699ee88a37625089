"""The exception that the command line answers with a sentence instead of a traceback."""

from experiments.errors import ExperimentError


class BenchmarkError(ExperimentError):
    """A row of the table could not be measured."""
