"""The contestant's side of the communication with the command that measures it.

Requests are lines of JSON on the standard input:

    {"task": "training", "options": {"precision": "float32", ...}, "steps": 10}

Answers are lines of JSON to the pipe whose file descriptor is the program's only argument; a
framework may print to the standard output. The first line, without a request, has the versions.
"""

import json
import os
import platform
import resource
import sys
import time

import numpy as np


def serve(tasks, versions):
    """Answers requests until the standard input ends.

    A task is prepared at its first request. Later requests with the same options continue it.

    Args:
        tasks: For each name a function that takes the options and returns a function of a number
            of steps, which returns a list of measured numbers.
        versions: The versions of the program's packages, by name.
    """
    measures = {}
    with os.fdopen(int(sys.argv[1]), "w") as channel:

        def answer(**content):
            channel.write(json.dumps(content) + "\n")
            channel.flush()

        versions = {"python": platform.python_version(), "numpy": np.__version__, **versions}
        answer(versions=versions)
        for line in sys.stdin:
            request = json.loads(line)
            key = json.dumps([request["task"], request["options"]], sort_keys=True)
            if key not in measures:
                measures[key] = tasks[request["task"]](**request["options"])
            values = measures[key](request["steps"])
            answer(values=values, peak_bytes=_peak_bytes())


def seconds_of(step, steps):
    """Returns the seconds of each call of a function, after one call that is not measured.

    Args:
        step: The function.
        steps: The number of calls to measure.
    """
    step()
    ends = [time.perf_counter()]
    for _ in range(steps):
        step()
        ends.append(time.perf_counter())
    return np.diff(ends).tolist()


def read_images(path):
    """Returns the images, as bytes, and the labels in a file that the command wrote."""
    with np.load(path) as archive:
        return archive["images"], archive["labels"]


def _peak_bytes():
    """Returns the peak of this process' resident memory, in bytes."""
    try:
        with open("/proc/self/status") as status:
            return next(1024 * int(line.split()[1]) for line in status if "VmHWM" in line)
    # Not on Linux, where this would start with the peak of the parent process.
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
