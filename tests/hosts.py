"""Several processes on this machine, each of which takes itself for a host of its own."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from typing import NamedTuple

from tests.backends import ROOT


class Ended(NamedTuple):
    """What became of a process."""

    code: int
    output: str
    at: float  # On time.monotonic's clock.


@contextlib.contextmanager
def addresses(number):
    """Yields free addresses of the loopback interface, which nobody else gets in the meantime."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in held:
            # TensorFlow's and JAX's servers share the port with this socket, which never listens.
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            each.bind(("127.0.0.1", 0))
        yield [f"127.0.0.1:{each.getsockname()[1]}" for each in held]


def train(example, folder, hosts=2, kill_after=None, options=(), seconds=240):
    """Trains as an example does, on many hosts.

    Args:
        example: The example's name in docs/examples.
        folder: Holds the `backup`, and what the hosts save as `model-0.keras` and so on.
        hosts: How many there are; one alone is not told of any others.
        kill_after: The number of batches after which the last host is killed, if any.
        options: The example's further options.
        seconds: How long this may take.

    Returns:
        For each host what became of it.

    Raises:
        AssertionError: if a process is still running then. None outlives this call.
    """
    path = str(ROOT / "docs" / "examples" / example)
    commands = []
    for host in range(hosts):
        dies = kill_after is not None and host == hosts - 1
        start = ["-m", "tests.victim", path, kill_after] if dies else [path]
        save = ["--backup", folder / "backup", "--save", folder / f"model-{host}.keras"]
        commands.append([*start, *save, *options])
    return run(commands, folder, seconds=seconds)


def run(commands, folder, environments=None, seconds=240):
    """Runs Python on many hosts.

    Args:
        commands: For each host Python's arguments; one alone is not told of any others.
        folder: Holds what they print.
        environments: For each host further variables of its environment.
        seconds: How long this may take.

    Returns:
        For each host what became of it.

    Raises:
        AssertionError: if a process is still running then. None outlives this call.
    """
    environments = environments or [{}] * len(commands)
    processes, logs = [], [folder / f"log-{host}.txt" for host in range(len(commands))]
    try:
        with addresses(len(commands)) as where:
            for host, (command, log) in enumerate(zip(commands, logs, strict=True)):
                with open(log, "w") as output:
                    processes.append(
                        subprocess.Popen(
                            [sys.executable, *map(str, command)],
                            env={**_environment(where, host), **environments[host]},
                            cwd=ROOT,
                            stdout=output,
                            stderr=subprocess.STDOUT,
                        )
                    )
            ends = _wait(processes, logs, time.monotonic() + seconds)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [
        Ended(process.returncode, log.read_text(), end)
        for process, log, end in zip(processes, logs, ends, strict=True)
    ]


def _wait(processes, logs, deadline):
    """Returns when each of the processes ended."""
    ends = [None] * len(processes)
    while None in ends:
        now = time.monotonic()
        for host, process in enumerate(processes):
            if ends[host] is None and process.poll() is not None:
                ends[host] = now
            assert ends[host] or now < deadline, f"still running: {logs[host].read_text()[-4000:]}"
        time.sleep(0.02)
    return ends


def _environment(where, host):
    """The variables that tell a process its place among the others, to TensorFlow and to JAX."""
    # A proxy does not reach the loopback interface.
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.getenv("PYTHONPATH")]))
    if len(where) == 1:
        return environment
    cluster = {"cluster": {"worker": where}, "task": {"type": "worker", "index": host}}
    return {
        **environment,
        "TF_CONFIG": json.dumps(cluster),
        "TF_GRPC_REUSE_PORT": "true",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": ",".join(where),
        "KERAS_DISTRIBUTION_NUM_PROCESSES": str(len(where)),
        "KERAS_DISTRIBUTION_PROCESS_ID": str(host),
        "JAX_COORDINATOR_BIND_ADDRESS": where[0],
    }
