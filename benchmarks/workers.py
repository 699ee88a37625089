"""The command's side of the conversation with a contestant; see `contestants.protocol`."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.errors import BenchmarkError

ROOT = Path(__file__).parents[1]

_LAST_WORDS = 2000
_PATIENCE_SECONDS = 10


class Worker:
    """A contestant in a process of its own, which works only while it is asked to.

    A context manager, so that the process ends in any case.

    Args:
        name: How messages call it.
        python: The interpreter.
        module: The contestant's module, importable from the repository's root.
        environment: Environment variables to set.

    Attributes:
        versions: What it runs on, by package.
        peak_bytes: The most memory that it ever had resident, as of its last answer.

    Raises:
        BenchmarkError: if it cannot be started, as from all methods if it dies.
    """

    def __init__(
        self,
        name: str,
        python: Path,
        module: str,
        environment: Mapping[str, str] | None = None,
    ):
        self.name = name
        self.peak_bytes = 0
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`)
        answers, channel = os.pipe()
        self._answers = os.fdopen(answers)
        try:
            self._process = subprocess.Popen(
                [python, "-m", module, str(channel)],
                cwd=ROOT,
                env={**inherited_environment(), **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=self._stderr,
                stderr=self._stderr,
                pass_fds=[channel],
                text=True,
            )
        except OSError as error:
            self._answers.close()
            self._stderr.close()
            raise BenchmarkError(f"{python} cannot be started for {name}: {error}.") from error
        finally:
            # Only the process itself may hold it, so that its end is seen here.
            os.close(channel)
        try:
            self.versions = self._next_answer("versions")["versions"]
        except BaseException:
            self.close()
            raise

    def measure(self, task: str, steps: int, **options) -> list[float]:
        """Lets it work on a task.

        Args:
            task: The name of the task.
            steps: How many steps to take; the first that is ever asked for also prepares the task.
            **options: The task's options.

        Returns:
            What was measured.
        """
        request = {"task": task, "options": options, "steps": steps}
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        # A ValueError if its death was noticed before.
        except (OSError, ValueError) as error:
            raise self._died() from error
        answer = self._next_answer("values", "peak_bytes")
        self.peak_bytes = answer["peak_bytes"]
        return answer["values"]

    def _next_answer(self, *fields: str) -> dict:
        line = self._answers.readline()
        if not line:
            raise self._died()
        try:
            answer = json.loads(line)
            if not isinstance(answer, dict) or not answer.keys() >= set(fields):
                raise ValueError(f"there is no {' and '.join(fields)}")
        except ValueError as error:
            raise BenchmarkError(
                f"{self.name} gave an answer that makes no sense ({error}): {line[:200]!r}"
            ) from error
        return answer

    def _died(self) -> BenchmarkError:
        self._stop()
        self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - _LAST_WORDS))
        words = self._stderr.read().decode(errors="replace").strip()
        code = self._process.returncode
        last = words.splitlines()[-1] if words else "nothing"
        return BenchmarkError(f"{self.name} died (exit code {code}), saying {last!r}.\n{words}")

    def _stop(self) -> None:
        try:
            # It ends when there are no more requests.
            self._process.communicate(timeout=_PATIENCE_SECONDS)
        except (subprocess.TimeoutExpired, OSError, ValueError):
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """Ends the process."""
        self._stop()
        self._answers.close()
        self._stderr.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception) -> None:
        self.close()


def inherited_environment() -> dict[str, str]:
    """Returns this process' environment without what would distort a measurement."""
    # What PYTHONPATH names belongs to this interpreter, not to those of the other frameworks; and
    # users have their modules compiled once, not at each import.
    foreign = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if name not in foreign}
    # The goals are about CPUs.
    return {**inherited, "CUDA_VISIBLE_DEVICES": "-1"}
