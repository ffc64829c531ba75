"""What the automatic mistakes came to: how many the tests noticed, and what survived."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from autograder.audit.automatic.mutants import AutomaticMutant
from autograder.audit.automatic.survivors import SURVIVORS, Record, sort_out
from autograder.results import Outcome, QuestionResult

LEAST_RATE = 0.95  # of the changes that can be noticed, in each question and in all


@dataclass(frozen=True)
class Trial:
    """One automatic mistake and its question's result."""

    mutant: AutomaticMutant
    result: QuestionResult

    @property
    def killed(self) -> bool:
        """Whether a test took a point for it."""
        return self.result.outcome is not Outcome.GRADER_ERROR and self.result.points < self.result.possible

    @property
    def killer(self) -> str:
        """The test that took the point."""
        lost = (test.name for test in self.result.tests if test.points < test.possible)
        return next(lost, "") if self.killed else ""

    @property
    def raised(self) -> bool:
        """Whether it was noticed because it raised an error, or ended its process."""
        lost = [test for test in self.result.tests if test.points < test.possible]
        return self.killed and any(t.student_error or t.outcome is not Outcome.FAILED for t in lost)


@dataclass(frozen=True)
class Tally:
    """What the automatic mistakes of one question, or of all, came to."""

    num_tried: int = 0
    num_killed: int = 0
    num_raised: int = 0  # of those killed: by an error, which any call would have shown
    num_explained: int = 0

    @property
    def num_noticeable(self) -> int:
        """How many a test may be expected to notice."""
        return self.num_tried - self.num_explained

    @property
    def rate(self) -> float:
        """The share of the noticeable mistakes that was noticed."""
        return self.num_killed / self.num_noticeable if self.num_noticeable else 1.0


@dataclass(frozen=True)
class Kills:
    """All automatic mistakes of an assignment."""

    questions: dict[str, Tally] = field(default_factory=dict)
    survivors: tuple[AutomaticMutant, ...] = ()  # without a reason
    problems: tuple[tuple[str, str], ...] = ()  # question, what is wrong

    @property
    def total(self) -> Tally:
        """The whole assignment's tally."""
        return add(self.questions.values())


def add(tallies: Iterable[Tally]) -> Tally:
    """Add tallies up."""
    columns = [(t.num_tried, t.num_killed, t.num_raised, t.num_explained) for t in tallies] or [(0, 0, 0, 0)]
    return Tally(*map(sum, zip(*columns, strict=True)))


def count(trials: Sequence[Trial], records: Sequence[Record]) -> Kills:
    """Count what was noticed, hold the survivors against the records, and say what is wrong.

    Args:
        trials: the changes that were graded to an end, by question.
        records: the explained survivors of the questions that were tried.
    """
    found = sort_out((t.mutant for t in trials if not t.killed), records)
    questions = {}
    for question in dict.fromkeys(t.mutant.question for t in trials):
        mine = [t for t in trials if t.mutant.question == question]
        explained = sum(m.question == question for m in found.explained)
        questions[question] = Tally(
            len(mine), sum(t.killed for t in mine), sum(t.raised for t in mine), explained
        )
    kills = Kills(questions, found.unexplained)
    problems = [(record.question, _stale(record, trials)) for record in found.stale]
    return Kills(questions, found.unexplained, (*problems, *_weak(kills)))


def _weak(kills: Kills) -> list[tuple[str, str]]:
    found = [
        (question, f"{question}: {_short_of(tally)}")
        for question, tally in kills.questions.items() if tally.rate < LEAST_RATE
    ]  # fmt: skip
    if kills.total.rate < LEAST_RATE:
        found.append(("", f"in all, {_short_of(kills.total)}"))
    return found


def _short_of(tally: Tally) -> str:
    return (
        f"the tests notice {tally.num_killed} of {tally.num_noticeable} automatic mistakes "
        f"({tally.rate:.1%}), expected at least {LEAST_RATE:.0%}; add a test that notices a survivor, or say "
        f"in {SURVIVORS} why none can"
    )


def _stale(record: Record, trials: Collection[Trial]) -> str:
    place = f"{record.path.name}:{record.line}: {record.operator} of {record.question} to {record.new!r}"
    same = next((t for t in trials if record.explains(t.mutant)), None)
    if same is None:
        return f"{place}: the reference has no such line now; correct the record, or delete it"
    if not same.killed:
        return f"{place}: explained more often than it survives; delete this record"
    return f"{place}: {same.killer} notices it now; delete the record"
