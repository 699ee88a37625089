"""The environments of the other frameworks, made of nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import environments
from benchmarks.errors import BenchmarkError


class Commands(list):
    """Commands that were run; those with a word of `failing` in them fail."""

    def __init__(self):
        super().__init__()
        self.failing = set()


@pytest.fixture
def commands(monkeypatch):
    """Replaces the running of commands."""

    commands = Commands()

    def run(command, **options):
        commands.append(command[1:])
        failed = bool(commands.failing.intersection(command))
        if "venv" in command and not failed:
            python = Path(command[-1], "bin", "python")
            python.parent.mkdir(parents=True)
            python.write_text("")
        return subprocess.CompletedProcess(command, int(failed), stdout="", stderr="no such thing")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def make(folder):
    return environments.interpreter("torch", tell=lambda line: None, folder=folder)


def test_an_environment_is_made_once(tmp_path, commands):
    python = make(tmp_path)
    assert python == tmp_path / "torch" / "bin" / "python"
    assert commands == [
        ["-m", "venv", str(tmp_path / "torch")],
        ["-m", "pip", "install", "torch==2.13.0", "numpy"],
    ]
    assert make(tmp_path) == python
    assert len(commands) == 2


def test_a_half_made_environment_is_made_anew(tmp_path, commands):
    commands.failing = {"pip"}
    with pytest.raises(BenchmarkError, match=r"--torch-python instead.\nno such thing"):
        make(tmp_path)
    leftover = tmp_path / "torch" / "bin" / "leftover"
    leftover.write_text("")
    commands.failing = set()
    make(tmp_path)
    assert len(commands) == 4
    assert not leftover.exists()


def test_other_requirements_make_another_environment(tmp_path, commands, monkeypatch):
    make(tmp_path)
    monkeypatch.setitem(environments.REQUIREMENTS, "torch", ("torch==3",))
    make(tmp_path)
    assert commands[-1] == ["-m", "pip", "install", "torch==3"]


def test_the_interpreter_is_that_of_the_environment(tmp_path, commands):
    assert str(make(tmp_path)) != sys.executable
