"""Several hosts that train one network together: what the first one does for all of them.

All hosts run the same program, each on its share of every batch. Only the first one uses the run's
folder and the terminal. It sends what it reads to the others, and if it fails, they fail as well.
There is one host unless `experiments.engine.connection` has connected more.
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
    """Returns the number of this host, from 0."""
    if number() == 1:
        return 0
    import jax

    return jax.process_index()


def is_first() -> bool:
    """Returns whether this is the first host, which reads, writes and prints."""
    return this() == 0


def by_first(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Makes a function run only on the first host; a decorator.

    Args:
        function: The function, whose result must be picklable. Variables that it creates are only
            on the first host's device.

    Returns:
        A function that all hosts must call. On all of them it returns the result of the first host,
        or raises the ExperimentError that was raised there.
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
    """Makes a function fail on all hosts if it fails on one; a decorator.

    Args:
        function: The function.

    Returns:
        A function that all hosts must call. It returns its own result on each host, or raises the
        ExperimentError of the first host on which there was one.
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
    """Refuses hosts on which values differ.

    Args:
        *values: Values whose `repr` must be equal on all hosts.

    Raises:
        ExperimentError: on all hosts, if they differ.
    """
    if number() > 1 and len(set(_gathered(repr(values)))) > 1:
        raise ExperimentError(
            "The hosts do not agree on what to train: the command, the data and their version must "
            "be the same on all of them."
        )


def require_even_shares(batch_size: int) -> None:
    """Refuses batches that the devices of all hosts cannot share evenly.

    Args:
        batch_size: The number of images in a batch, on all hosts together.

    Raises:
        ExperimentError: if it is not a multiple of the number of devices.
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
    """A scope without the other hosts, since Keras creates variables when it saves a model."""
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
