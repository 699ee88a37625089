"""Connecting hosts with Keras' environment variables, and using all their devices, on JAX."""

from __future__ import annotations

import collections
import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import keras
import typer

from experiments.engine import hosts
from experiments.engine.progress import console
from experiments.errors import ExperimentError
from experiments.files import cause
from experiments.terminal import wake_devices

HEARTBEAT_SECONDS = 30
"""A host without a sign of life for longer counts as lost."""

_ADDRESSES, _NUMBER, _HOST = (
    f"KERAS_DISTRIBUTION_{name}" for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID")
)


class Place(NamedTuple):
    """A host's place among all hosts.

    Attributes:
        number: The number of hosts.
        host: The number of this host, from 0.
        first: The address and port of the first host.
    """

    number: int = 1
    host: int = 0
    first: str = ""


@contextlib.contextmanager
def connected() -> Iterator[None]:
    """A scope in which the devices of all hosts train together.

    The environment variables KERAS_DISTRIBUTION_* name the hosts; without them there is only this
    one. Several devices are used only on JAX. Enter the scope before any device is initialized.

    Raises:
        ExperimentError: if the variables are invalid, the backend cannot train on several hosts,
            the hosts cannot be connected, or they have different numbers of devices; at the end, if
            a host was lost.
    """
    place = named(os.environ)
    backend = keras.backend.backend()
    if backend != "jax":
        if place.number > 1:
            raise ExperimentError(
                f"{_NUMBER} is {place.number}, but Keras 3 trains on several hosts with JAX only: "
                f"set KERAS_BACKEND=jax, not {backend}."
            )
        yield
        return

    import jax

    if place.number > 1:
        _connect(place)
    wake_devices()
    try:
        with _all_devices():
            console.quiet = not hosts.is_first()
            yield
    except jax.errors.JaxRuntimeError as error:
        if place.number == 1:
            raise
        raise ExperimentError(
            f"The hosts cannot go on together ({cause(error)}). If one of them died, the same "
            "command on all of them resumes from the last checkpoint."
        ) from error


def _all_devices() -> contextlib.AbstractContextManager[None]:
    """Returns a scope in which all devices share the batches, if there are several devices."""
    import jax

    counts = collections.Counter(device.process_index for device in jax.devices())
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} on host {host}" for host, count in sorted(counts.items()))
        raise ExperimentError(f"The hosts must have equally many devices; there are {told}.")
    if counts.total() == 1:
        return contextlib.nullcontext()
    # Each host provides its own share of every batch.
    return keras.distribution.DataParallel(auto_shard_dataset=False).scope()


def named(environment: Mapping[str, str]) -> Place:
    """Returns this host's place, which the variables KERAS_DISTRIBUTION_* define.

    Args:
        environment: The environment variables.

    Raises:
        ExperimentError: if some of them are missing or invalid.
    """
    names = (_ADDRESSES, _NUMBER, _HOST)
    missing = [name for name in names if name not in environment]
    if len(missing) == len(names):
        return Place()
    if missing:
        raise ExperimentError(
            f"{' and '.join(missing)} must be set as well where others of {', '.join(names)} are."
        )
    addresses, number, host = (environment[name] for name in names)
    if not (number.isdecimal() and host.isdecimal() and int(host) < int(number)):
        raise ExperimentError(
            f"{_HOST} must be a number from 0 to {_NUMBER} - 1; they are {host!r} and {number!r}."
        )
    first, *others = addresses.split(",")
    if others and len(others) + 1 != int(number):
        raise ExperimentError(
            f"{_ADDRESSES} must name all hosts, {number} by {_NUMBER}, or the first alone; it "
            f"names {len(others) + 1}."
        )
    address, _, port = first.rpartition(":")
    if not (address and port.isdecimal()):
        raise ExperimentError(
            f"{_ADDRESSES} must begin with the first host's address and port, such as "
            f"10.0.0.1:12345; it is {addresses!r}."
        )
    return Place(int(number), int(host), first)


def _connect(place: Place) -> None:
    import jax

    typer.echo(f"Host {place.host} of {place.number} waits for the others ...", err=True)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")  # GPUs do not need it.
    try:
        jax.distributed.initialize(
            place.first,
            place.number,
            place.host,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            # At the end the hosts wait for each other, but no longer than this for a failed one.
            shutdown_timeout_seconds=HEARTBEAT_SECONDS,
        )
    except RuntimeError as error:
        raise ExperimentError(
            f"The hosts cannot be connected at {place.first}: {cause(error)}."
        ) from error
