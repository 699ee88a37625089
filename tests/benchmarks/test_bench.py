"""How contestants take turns, and what the rows make of it."""

import json

import pytest
from typer.testing import CliRunner

from benchmarks import rows
from benchmarks.bench import LARQ, OURS, TORCH, Bench, Settings, too_slow
from benchmarks.cli import app
from benchmarks.errors import BenchmarkError
from benchmarks.results import AtMost, Row, Side

SECONDS = {
    (OURS, "float32"): 0.5,
    (OURS, "mixed_bfloat16"): 0.25,
    (LARQ, "float32"): 1.0,
    (LARQ, "mixed_bfloat16"): 1.4,
    (TORCH, "float32"): 2.0,
    (TORCH, "mixed_bfloat16"): 20.0,
}


class FakeWorker:
    """Takes as long as `SECONDS` says, and writes down what it was asked to do."""

    def __init__(self, side, diary):
        self.side, self.diary = side, diary
        self.versions = {}
        self.peak_bytes = 3_000_000 if side == LARQ else 2_000_000

    def measure(self, task, steps, precision, **options):
        self.diary.append((self.side, precision, steps))
        return [SECONDS[self.side, precision]] * steps

    def close(self):
        self.diary.append((self.side, "closed", None))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass


@pytest.fixture
def bench(monkeypatch):
    settings = Settings(rounds=2, steps=3, batch_size=10)
    with Bench(settings, {}, None, tell=lambda line: None) as bench:
        bench.diary = []
        bench.__dict__["images"] = "images.npz"
        monkeypatch.setattr(bench, "worker", lambda side: FakeWorker(side, bench.diary))
        yield bench


def test_only_what_is_much_slower_is_too_slow():
    assert too_slow({"a": 1.0, "b": 1.5}) == {}
    assert too_slow({"a": 4.0, "b": 1.0}) == {"a": 4.0}
    assert too_slow({"a": 1.0}) == {}


def test_contestants_alternate_and_the_slow_precision_stays_out(bench):
    results = bench.race("task", (OURS, LARQ), steps=3)
    assert bench.diary[:5] == [
        (OURS, "float32", 2),
        (OURS, "mixed_bfloat16", 2),
        (OURS, "closed", None),
        (LARQ, "float32", 2),
        (LARQ, "mixed_bfloat16", 2),
    ]
    turns = [(OURS, "mixed_bfloat16"), (LARQ, "float32"), (LARQ, "mixed_bfloat16")]
    measured = [entry for entry in bench.diary if entry[2] == 3]
    assert measured == [(*turn, 3) for turn in 2 * turns]
    assert results == {
        OURS: Side("larq_bop mixed_bfloat16", (0.25, 0.25)),
        LARQ: Side("Larq float32", (1.0, 1.0)),
    }
    assert bench.notes == [
        "task: larq_bop float32 took 2.0 times as long as the other precision in its first "
        "steps, and was left out."
    ]


def test_training_is_compared_in_images_a_second(bench):
    beside_larq, beside_torch = rows.training(bench)
    assert beside_larq.ours.median == 40.0
    assert beside_larq.theirs == Side("Larq float32", (10.0, 10.0))
    assert (beside_larq.ratio, beside_larq.is_met) == (4.0, True)
    assert beside_torch.theirs.median == 5.0
    assert (beside_torch.ratio, beside_torch.is_met) == (8.0, True)


def test_memory_is_that_of_fresh_processes_in_the_faster_precision(bench):
    (row,) = rows.memory(bench)
    assert row.ours == Side("larq_bop mixed_bfloat16", (2.0, 2.0))
    assert row.theirs == Side("Larq float32", (3.0, 3.0))
    assert row.is_met
    # Five steps, the first of which is not measured.
    assert bench.diary[-4:] == 2 * [(OURS, "mixed_bfloat16", 4), (LARQ, "float32", 4)]


def test_what_training_has_shown_is_not_tried_again(bench):
    rows.training(bench)
    bench.diary.clear()
    assert bench.faster_precision(OURS) == "mixed_bfloat16"
    assert bench.diary == []


@pytest.fixture
def command(monkeypatch):
    """Runs the command with two benchmarks that measure nothing, one of which fails."""

    def good(bench):
        bench.notes.append("Nothing was measured.")
        return [Row("state", "nothing", "ms", Side("a", (1.0,)), Side("b", (2.0,)), AtMost(1))]

    def bad(bench):
        raise BenchmarkError("It died.\nTraceback")

    for name in list(rows.ROWS):
        monkeypatch.delitem(rows.ROWS, name)
    monkeypatch.setitem(rows.ROWS, "update", bad)
    monkeypatch.setitem(rows.ROWS, "state", good)
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


def test_a_benchmark_is_chosen_by_name(command):
    done = command("state", "--markdown")
    assert done.exit_code == 0, done.output
    assert "| state<br>nothing | a<br>1.00 ms | b<br>2.00 ms | 0.50 | ≤ 1 | yes |" in done.stdout
    assert "- Nothing was measured." in done.stdout


def test_one_failure_does_not_spoil_the_others(command, tmp_path):
    out = tmp_path / "out.json"
    done = command("--out", out, "--filters", 4)
    assert done.exit_code == 2
    assert "NOT MEASURED: update: It died." in done.stdout
    assert "nothing" in done.stdout
    written = json.loads(out.read_text())
    assert [row["name"] for row in written["rows"]] == ["state"]
    assert written["failures"] == ["update: It died.\nTraceback"]
    assert written["settings"]["is_rehearsal"]


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["--rounds", "0"], ["--larq-python", "/does/not/exist"]]
)
def test_what_makes_no_sense_is_refused(command, arguments):
    assert command(*arguments).exit_code == 2
