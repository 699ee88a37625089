"""Ratios, goals, and how they are shown."""

import io
import json

import pytest
from rich.console import Console

from benchmarks import machine, table
from benchmarks.results import AtMost, Faster, Row, Side

OURS = Side("ours float32", (2.0, 1.0, 6.0))
THEIRS = Side("theirs", (4.0,))

FACTS = {
    "date": "2000-01-01T00:00:00+00:00",
    "machine": {
        "processor": "Abacus",
        "cores": 2,
        "flags": {"avx512f": True, "amx_bf16": False, "avx512_bf16": None},
        "memory_bytes": 3 * 2**30,
        "system": "Sand",
        "load": 0.3,
    },
    "settings": {"rounds": 3, "steps": 10, "filters": 128, "is_rehearsal": False},
    "versions": {"theirs": {"python": "3.11", "abacus": "1.2"}},
    "notes": ["One precision was left out."],
    "failures": ["update: It died.\nTraceback"],
}


def row(goal, **options):
    return Row("update", "beads", "ms", OURS, THEIRS, goal, **options)


def test_a_side_stands_for_its_median_and_tells_its_spread():
    assert OURS.median == 2.0
    assert OURS.as_dict() == {
        "name": "ours float32",
        "median": 2.0,
        "min": 1.0,
        "max": 6.0,
        "values": [2.0, 1.0, 6.0],
    }


def test_the_ratio_is_a_speed_up_or_a_share():
    assert row(Faster(1.5)).ratio == 2.0
    assert row(Faster(1.5), more_is_better=True).ratio == 0.5
    assert row(AtMost(0.6)).ratio == 0.5


@pytest.mark.parametrize(
    ("goal", "text", "met", "missed"),
    [
        (Faster(1.6, aim=2.5), "≥ 1.6 (aim 2.5)", 1.6, 1.59),
        (Faster(2.5), "≥ 2.5", 2.6, 2.4),
        (AtMost(1.05), "≤ 1.05", 1.05, 1.06),
    ],
)
def test_a_goal_is_met_at_its_bound(goal, text, met, missed):
    assert str(goal) == text
    assert goal.is_met(met)
    assert not goal.is_met(missed)


def test_the_markdown_is_a_table_and_its_circumstances():
    lines = table.markdown([row(Faster(3))], FACTS).splitlines()
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|")
    assert lines[2] == (
        "| update<br>beads | ours float32<br>2.00 ms<br>(1.00 .. 6.00) | theirs<br>4.00 ms "
        "| 2.00 | ≥ 3 | no |"
    )
    assert lines[6:] == [
        "- Abacus, 2 cores (avx512f yes, amx_bf16 no, avx512_bf16 unknown), 3.0 GiB, Sand",
        "- 2000-01-01T00:00:00+00:00, load 0.3 before it, rounds: 3, steps a round: 10",
        "- theirs: python 3.11, abacus 1.2",
        "- One precision was left out.",
        "- NOT MEASURED: update: It died.",
    ]


def test_a_rehearsal_is_called_one():
    facts = {**FACTS, "settings": {**FACTS["settings"], "filters": 4, "is_rehearsal": True}}
    assert "A REHEARSAL with 4 filters" in table.markdown([], facts)
    assert "REHEARSAL" not in table.markdown([], FACTS)


def test_the_printed_table_has_the_same_numbers():
    text = io.StringIO()
    table.show([row(AtMost(1))], FACTS, Console(file=text, width=120))
    for words in ("beads", "2.00 ms", "(1.00 .. 6.00)", "0.50", "≤ 1", "yes", "Abacus, 2 cores"):
        assert words in text.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.50"), (4.2, "4.20"), (52.34, "52.3"), (523.4, "523"), (5234.5, "5,234")],
)
def test_numbers_have_three_digits(value, text):
    side = Side("a", (value,))
    assert f">{text} ms" in table.markdown([Row("", "", "ms", side, side, AtMost(1))], FACTS)


def test_the_file_has_all_numbers(tmp_path):
    table.write(tmp_path / "out.json", [row(Faster(3))], FACTS)
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["machine"] == FACTS["machine"]
    assert written["rows"] == [
        {
            "name": "update",
            "what": "beads",
            "unit": "ms",
            "ours": OURS.as_dict(),
            "theirs": THEIRS.as_dict(),
            "ratio": 2.0,
            "goal": "≥ 3",
            "is_met": False,
        }
    ]


def test_the_machine_is_described_by_its_first_core(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    core = "processor\t: {}\nmodel name\t: Abacus\nflags\t\t: fpu avx512f amx_bf16\n\n"
    cpuinfo.write_text(core.format(0) + core.format(1))
    described = machine.describe(cpuinfo)
    assert described["processor"] == "Abacus"
    assert described["flags"] == {"avx512f": True, "avx512_bf16": False, "amx_bf16": True}
    assert described["cores"] >= 1
    assert described["memory_bytes"] > 2**20


def test_what_is_not_known_of_the_machine_is_not_denied(tmp_path):
    described = machine.describe(tmp_path / "absent")
    assert described["processor"]
    assert set(described["flags"].values()) == {None}
