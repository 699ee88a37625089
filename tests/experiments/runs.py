"""Runs in this process: whole, interrupted and resumed."""

import contextlib

import pytest

from experiments.engine.run import run_one


@contextlib.contextmanager
def interrupted(owner, method, times):
    """A scope in which a method raises KeyboardInterrupt when it is called so many times.

    Args:
        owner: The method's class.
        method: Its name.
        times: The call that fails, from 1.
    """
    original, calls = getattr(owner, method), []

    def failing(self, *args):
        calls.append(args)
        if len(calls) == times:
            raise KeyboardInterrupt
        original(self, *args)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, method, failing)
        yield


def files(folder):
    """Returns the files of a run that must be equal when it is repeated."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and path.name != "config.json"
    }


def assert_resumes_to_the_same(what, images, folder, *interruptions):
    """Asserts that a run that is interrupted, each time once more, ends as an uninterrupted one.

    Args:
        what: The run.
        images: Its data.
        folder: An empty folder.
        *interruptions: For each session but the last the arguments of `interrupted`.
    """
    run_one(what, images, folder / "whole")
    for interruption in interruptions:
        with interrupted(*interruption), pytest.raises(KeyboardInterrupt):
            run_one(what, images, folder / "parts")
        assert not (folder / "parts" / "result.json").exists()
    run_one(what, images, folder / "parts")
    assert files(folder / "parts") == files(folder / "whole")
