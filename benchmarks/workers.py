"""The command's side of the communication with a contestant; see `contestants.protocol`."""

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
    """A contestant in a separate process, which works only on request.

    It is a context manager, so that the process always ends.

    Args:
        name: Its name in messages.
        python: The interpreter.
        module: The contestant's module, importable from the repository's root.
        environment: Environment variables to set.

    Attributes:
        versions: The versions of its packages, by name.
        peak_bytes: The peak of its resident memory up to its last answer, in bytes.

    Raises:
        BenchmarkError: if the process cannot be started or ends before its first answer.
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
            # Only the process may keep it open: then reading ends when the process ends.
            os.close(channel)
        try:
            self.versions = self._next_answer("versions")["versions"]
        except BaseException:
            self.close()
            raise

    def measure(self, task: str, steps: int, **options) -> list[float]:
        """Measures a task.

        Args:
            task: The name of the task.
            steps: The number of steps. The first request for a task also prepares it.
            **options: The options of the task.

        Returns:
            The measured values.

        Raises:
            BenchmarkError: if the process ends, or its answer is invalid.
        """
        request = {"task": task, "options": options, "steps": steps}
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        # A ValueError if the process is already known to have ended.
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
            # The process ends when its input is closed.
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
    """Returns the environment variables of this process, without those that affect measurements."""
    # PYTHONPATH is for this interpreter, not for those of the other frameworks; and for users,
    # modules are compiled once, not at each import.
    foreign = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if name not in foreign}
    # The goals are set for CPUs.
    return {**inherited, "CUDA_VISIBLE_DEVICES": "-1"}
