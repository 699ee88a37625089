"""Several hosts that train one network together: what the first does for all, and all at once.

All hosts run the same program, each on its share of every batch. The first alone touches the run's
folder and the screen: what it reads there the others get from it, and where it fails they fail as
well. There is one host unless `experiments.engine.connection` has connected more.
"""

from __future__ import annotations

import contextlib
import functools
import pickle
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

import keras
import numpy as np

from experiments.errors import ExperimentError

_P = ParamSpec("_P")
_T = TypeVar("_T")


def number() -> int:
    """Returns the number of hosts."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else distribution.num_processes


def this() -> int:
    """Returns which of the hosts this one is, from 0."""
    if number() == 1:
        return 0
    import jax

    return jax.process_index()


def is_first() -> bool:
    """Whether this host is the one that reads, writes and prints."""
    return this() == 0


def by_first(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Makes a function one that the first host runs for all.

    Args:
        function: The function, whose result must be picklable. While it runs, the first host is on
            its own: variables that are made live on its device alone.

    Returns:
        The function, which all hosts must call: on all it returns what it returned on the first, or
        raises the ExperimentError that it raised there.
    """

    @functools.wraps(function)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        if number() == 1:
            return function(*args, **kwargs)
        value: Any = None
        failure: ExperimentError | None = None
        if is_first():
            try:
                with _on_its_own():
                    value = function(*args, **kwargs)
            except ExperimentError as error:
                failure = error
            _broadcast(pickle.dumps((value, failure)))
        else:
            value, failure = pickle.loads(_broadcast(b""))
        if failure is not None:
            raise failure
        return value

    return wrapper


def by_all(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Makes a function one that fails on all hosts if it fails on one.

    Args:
        function: The function.

    Returns:
        The function, which all hosts must call: it returns what it returns here, or raises the
        ExperimentError of the first host that had one.
    """

    @functools.wraps(function)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        if number() == 1:
            return function(*args, **kwargs)
        value: Any = None
        told = ""
        try:
            value = function(*args, **kwargs)
        except ExperimentError as error:
            told = f"On host {this()}: {error}"
        for each in _gathered(told):
            if each:
                raise ExperimentError(each)
        return value

    return wrapper


def require_same(*values: Any) -> None:
    """Refuses hosts that were told different things.

    Args:
        *values: What must be equal on all hosts, by its `repr`.

    Raises:
        ExperimentError: on all hosts, if it is not.
    """
    if number() > 1 and len(set(_gathered(repr(values)))) > 1:
        raise ExperimentError(
            "The hosts do not agree on what to train: the command, the data and their version must "
            "be the same on all of them."
        )


def require_even_shares(batch_size: int) -> None:
    """Refuses batches that the devices of all hosts cannot share evenly.

    Args:
        batch_size: Images a batch, on all hosts together.

    Raises:
        ExperimentError: if they cannot.
    """
    distribution = keras.distribution.distribution()
    devices = 1 if distribution is None else distribution.device_mesh.devices.size
    if batch_size % devices:
        raise ExperimentError(
            f"{devices} devices cannot share batches of {batch_size} images evenly: choose another "
            "`--batch-size`."
        )


@contextlib.contextmanager
def _on_its_own() -> Iterator[None]:
    """A scope without the other hosts: where Keras saves a model it makes variables."""
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


def _broadcast(message: bytes) -> bytes:
    """Returns the first host's message, on all hosts."""
    from jax.experimental import multihost_utils

    size = int(multihost_utils.broadcast_one_to_all(np.uint32(len(message))))
    sent = np.frombuffer(message.ljust(size, b"\0"), np.uint8)
    return multihost_utils.broadcast_one_to_all(sent).tobytes()


def _gathered(message: str) -> list[str]:
    """Returns the messages of all hosts, on all hosts."""
    from jax.experimental import multihost_utils

    sent = message.encode()
    size = 1 + int(multihost_utils.process_allgather(np.uint32(len(sent))).max())
    padded = np.frombuffer(sent.ljust(size, b"\0"), np.uint8)
    return [
        row.tobytes().rstrip(b"\0").decode() for row in multihost_utils.process_allgather(padded)
    ]
