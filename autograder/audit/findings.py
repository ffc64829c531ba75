"""What an audit found: plain data for the table and the JSON."""

from __future__ import annotations

from dataclasses import dataclass, field

from autograder.audit.automatic.kills import Tally, add
from autograder.audit.thresholds import Founded

CPU_BUDGET_S = 90.0  # of the whole reference submission, worker and tests together


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, in words for the author."""

    part: str  # a Part
    question: str
    what: str


@dataclass(frozen=True)
class Row:
    """One question of the audit's table."""

    id: str
    title: str
    num_public: int
    num_hidden: int
    num_mutants: int = 0
    num_caught: int = 0
    num_alternatives: int = 0
    num_accepted: int = 0
    num_automatic: int = 0  # small changes of the reference that were tried
    num_killed: int = 0  # of those: the tests noticed
    num_raised: int = 0  # of those killed: by an error, which any call would have shown
    num_explained: int = 0  # survivors that stand in survivors.toml with a reason
    num_seeds: int = 0
    num_full: int = 0  # seeds under which the reference earned all points
    cpu_s: float = 0.0  # the reference's largest
    limit_s: float = 0.0
    num_lines: int = 0  # statements of the reference's hole
    num_run: int = 0  # of those: run in some test of the question

    @property
    def kill_rate(self) -> float | None:
        """The share of the noticeable automatic mistakes that the tests notice; None where none was tried."""
        return self.tally.rate if self.num_automatic else None

    @property
    def cpu_share(self) -> float | None:
        """The share of the CPU limit that the reference uses; None where it was not graded."""
        return self.cpu_s / self.limit_s if self.num_seeds else None

    @property
    def tally(self) -> Tally:
        """What the automatic mistakes came to."""
        return Tally(self.num_automatic, self.num_killed, self.num_raised, self.num_explained)


@dataclass(frozen=True)
class Audit:
    """What an audit of one assignment found."""

    slug: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    cpu_s: float  # of one reference submission, the largest over the seeds
    wall_s: float
    parts: tuple[str, ...]
    num_cases: int = 0
    tier: str = ""
    budget_s: float = CPU_BUDGET_S
    notes: tuple[str, ...] = field(default=())
    survivors: tuple[str, ...] = field(default=())  # unexplained automatic mistakes that no test notices
    thresholds: tuple[Founded, ...] = ()

    @property
    def tally(self) -> Tally:
        """What the automatic mistakes of all questions came to."""
        return add(row.tally for row in self.rows)

    @property
    def kill_rate(self) -> float | None:
        """The share of the noticeable automatic mistakes that the tests notice; None where none was tried."""
        return self.tally.rate if self.tally.num_tried else None

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems
