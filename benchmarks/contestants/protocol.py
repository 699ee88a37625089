"""The contestant's side of the conversation with the command that measures it.

Requests come as lines of JSON on the standard input:

    {"task": "training", "options": {"precision": "float32", ...}, "steps": 10}

Answers go as lines of JSON into the pipe whose number is the program's only argument. The standard
output stays free for whatever a framework has to say. The first line, unasked, tells the versions.
"""

import json
import os
import platform
import resource
import sys
import time

import numpy as np


def serve(tasks, versions):
    """Answers requests until there are no more.

    A task is prepared at its first request and kept: later ones with the same options go on with
    it.

    Args:
        tasks: For each name a function that takes the options and returns a function of a number
            of steps, which returns a list of measured numbers.
        versions: What the program runs on, by package.
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
    """Returns the seconds that each of some calls of a function takes, after one uncounted."""
    step()
    ends = [time.perf_counter()]
    for _ in range(steps):
        step()
        ends.append(time.perf_counter())
    return np.diff(ends).tolist()


def read_images(path):
    """Returns the images, bytes, and the labels in a file that the command has written."""
    with np.load(path) as archive:
        return archive["images"], archive["labels"]


def _peak_bytes():
    """Returns the most memory that was ever resident at once in this process."""
    try:
        with open("/proc/self/status") as status:
            return next(1024 * int(line.split()[1]) for line in status if "VmHWM" in line)
    # Not Linux. There, this would begin with the peak of the process that started this one.
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
