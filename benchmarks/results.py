"""The measured values, and the goals for their ratios."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: What was measured, and in which precision.
        values: One number for each round.
    """

    name: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the values."""
        return statistics.median(self.values)

    def as_dict(self) -> dict[str, Any]:
        """Returns it for JSON, with median, minimum and maximum."""
        return {
            "name": self.name,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": list(self.values),
        }


@dataclass(frozen=True)
class Faster:
    """The goal to be at least so many times as fast as the other side.

    Attributes:
        bound: The smallest ratio that meets the goal.
        aim: A higher ratio that is aimed at, or None.
    """

    bound: float
    aim: float | None = None

    def is_met(self, ratio: float) -> bool:
        """Returns whether a ratio meets the goal."""
        return ratio >= self.bound

    def __str__(self) -> str:
        return f"≥ {self.bound:g}" + (f" (aim {self.aim:g})" if self.aim else "")


@dataclass(frozen=True)
class AtMost:
    """The goal to take at most so many times as much time or memory as the other side.

    Attributes:
        bound: The largest ratio that meets the goal.
    """

    bound: float

    def is_met(self, ratio: float) -> bool:
        """Returns whether a ratio meets the goal."""
        return ratio <= self.bound

    def __str__(self) -> str:
        return f"≤ {self.bound:g}"


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        name: The name of the benchmark.
        what: What is measured, in a few words.
        unit: The unit of the values.
        ours: The values of larq_bop.
        theirs: The values that they are compared with.
        goal: The goal for the ratio.
        more_is_better: Whether the values are rates.
    """

    name: str
    what: str
    unit: str
    ours: Side
    theirs: Side
    goal: Faster | AtMost
    more_is_better: bool = False

    @property
    def ratio(self) -> float:
        """How many times as fast larq_bop is (`Faster`), or how many times as much it takes."""
        ours, theirs = self.ours.median, self.theirs.median
        inverse = isinstance(self.goal, Faster) and not self.more_is_better
        return theirs / ours if inverse else ours / theirs

    @property
    def is_met(self) -> bool:
        """Whether the goal is met."""
        return self.goal.is_met(self.ratio)

    def as_dict(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return {
            "name": self.name,
            "what": self.what,
            "unit": self.unit,
            "ours": self.ours.as_dict(),
            "theirs": self.theirs.as_dict(),
            "ratio": self.ratio,
            "goal": str(self.goal),
            "is_met": self.is_met,
        }
