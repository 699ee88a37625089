"""A contestant that measures nothing, for the tests of the protocol."""

import os
import sys

from benchmarks.contestants import protocol


def count(start=0):
    """Counts from the start, on and on."""
    numbers = iter(range(start, 1_000))
    return lambda steps: [next(numbers) for _ in range(steps)]


def chatter():
    """Prints where libraries print, and answers."""

    def measure(steps):
        print("{}" * steps, flush=True)
        return [1.0]

    return measure


def garbage(words):
    """Writes something else where answers belong."""
    return lambda steps: os.write(int(sys.argv[1]), words.encode())


def die():
    """Fails as a program with a mistake does."""
    raise ZeroDivisionError("the last straw")


def leave():
    """Ends the process in the midst of a request."""
    return lambda steps: os._exit(steps)


if __name__ == "__main__":
    protocol.serve(
        {"count": count, "chatter": chatter, "garbage": garbage, "die": die, "leave": leave},
        {"fake": "1.0"},
    )
