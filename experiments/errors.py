"""The one exception that the command line answers with a sentence instead of a traceback."""


class ExperimentError(Exception):
    """A mistake or a circumstance that the user can mend.

    The command line prints its one sentence and exits with 2.
    """
