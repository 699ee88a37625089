"""The exception that the command line reports as one sentence, without a traceback."""


class ExperimentError(Exception):
    """An error that the user can fix.

    The command line prints its message and exits with status 2.
    """
