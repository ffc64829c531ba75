"""Holds what the audit's submissions came to against what they must come to."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autograder.audit.automatic.kills import Kills, Tally, Trial, add, count
from autograder.audit.automatic.mutants import AutomaticMutant
from autograder.audit.automatic.survivors import Record
from autograder.audit.cases import Case, Part
from autograder.course import Assignment, Kind
from autograder.results import Outcome, QuestionResult, SubmissionResult

CPU_BUDGET_S = 90.0  # of the whole reference submission, worker and tests together
EVIDENCE = ("seeds", "mean", "spread", "false_fail_rate")  # what stands beside a threshold
MIN_SEEDS = 5
MAX_FALSE_FAIL = 0.01  # one right answer in a hundred
ROOM = 0.5  # a reference may use this share of a question's CPU limit; students' code is slower


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, in words for the author."""

    part: str  # a Part, or "time", "thresholds"
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

    @property
    def kill_rate(self) -> float | None:
        """The share of the noticeable automatic mistakes that the tests notice; None where none was tried."""
        return self.tally.rate if self.num_automatic else None

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


Graded = Sequence[tuple[Case, SubmissionResult]]


def judged(graded: Graded) -> list[Problem]:
    """Say what is wrong about all submissions' results, what has one cause once.

    A question that the reference loses under several seeds is one problem; what mutants and alternatives lose
    in a question that the reference loses too says nothing about them.
    """
    unsound = _unsound(graded)
    found: dict[tuple[Part, str, str], list[Problem]] = {}
    for case, result in graded:
        for problem in problems_of(case, result, unsound):
            about = problem.question if case.part is Part.REFERENCE else problem.what
            found.setdefault((case.part, about, case.question), []).append(problem)
    num_seeds = sum(case.part is Part.REFERENCE for case, _ in graded)
    return [
        problem if len(same) == 1 else replace(
            problem, what=f"{problem.what}; likewise under {len(same) - 1} of the other {num_seeds - 1} seeds"
        )
        for problem, same in ((same[0], same) for same in found.values())
    ]  # fmt: skip


def _unsound(graded: Graded) -> frozenset[str]:
    """Return the questions that the reference itself loses under the grading seed."""
    references = [result for case, result in graded if case.part is Part.REFERENCE]
    return frozenset(
        q.id for result in references[:1] for q in result.questions
        if q.kind != Kind.WRITTEN and q.points < q.possible
    )  # fmt: skip


def problems_of(case: Case, result: SubmissionResult, unsound: Collection[str] = ()) -> list[Problem]:
    """Say what is wrong about one submission's result.

    Args:
        case: the submission.
        result: what it came to.
        unsound: questions that the reference itself loses; a mutant or an alternative may lose them too.
    """
    if result.error:
        return [Problem(case.part, case.question, f"{case.name}: cannot be read: {result.error}")]
    excused = () if case.part is Part.REFERENCE else unsound
    broken = [q for q in result.questions if q.outcome is Outcome.GRADER_ERROR and q.id not in excused]
    found = [
        Problem(case.part, q.id, f"{case.name}: {q.id} ended in GRADER_ERROR: {_why(q)}") for q in broken
    ]
    sound = [q for q in result.questions if q not in broken and q.kind != Kind.WRITTEN]
    if case.part is Part.AUTOMATIC:
        return found  # what it loses is counted, see `kills`
    if case.part is not Part.STARTER:
        sound = [q for q in sound if q.id not in excused]
    if case.part is Part.STARTER:
        earning = [q for q in sound if q.points > 0]
        return found + [Problem(case.part, q.id, f"starter: {q.id} {_earns(q)}") for q in earning]
    own = case.question if case.part is Part.MUTANTS else ""
    for question in sound:
        lost = question.points < question.possible
        if lost and question.id != own:
            found.append(Problem(case.part, question.id, f"{case.name}: {question.id} {_loses(question)}"))
        elif not lost and question.id == own:
            change = case.change
            where = f" ({change.path.name}:{change.line}: {change.why})" if change else ""
            found.append(Problem(case.part, own, f"{case.name}: loses nothing, no test notices it{where}"))
    return found


def kills(graded: Graded, records: Iterable[Record]) -> Kills:
    """Count the automatic mistakes that were noticed; one that could not be graded counts for nothing."""
    trials = []
    for case, result in graded:
        if isinstance(case.change, AutomaticMutant) and not problems_of(case, result):
            trials.append(Trial(case.change, result.questions[0]))
    tried = {trial.mutant.question for trial in trials}
    return count(trials, [record for record in records if record.question in tried])


def timing_problems(graded: Graded, assignment: Assignment, budget_s: float = CPU_BUDGET_S) -> list[Problem]:
    """Hold the reference's CPU time against each question's limit and against the budget of the whole."""
    references = [result for case, result in graded if case.part is Part.REFERENCE]
    found = []
    for question in assignment.questions:
        worst = max((_cpu(result, question.id) for result in references), default=0.0)
        if worst > ROOM * question.limits.cpu_s:
            found.append(
                Problem(
                    "time", question.id,
                    f"{question.id}: the reference takes {worst:.1f} s of CPU, over half of the limit of "
                    f"{question.limits.cpu_s:g} s; raise the limit or make the tests smaller",
                )
            )  # fmt: skip
    total = max((result.cpu_s for result in references), default=0.0)
    if total > budget_s:
        found.append(
            Problem(
                "time", "", f"the reference takes {total:.1f} s of CPU in all, the budget is {budget_s:g} s"
            )
        )
    return found


def threshold_problems(solution: Path) -> list[Problem]:
    """Check that tests which read thresholds have them, and that each bound stands beside its evidence."""
    path = solution / "thresholds.json"
    texts = {p.name: p.read_text(encoding="utf-8") for p in sorted((solution / "tests").glob("*.py"))}
    users = [name for name, text in texts.items() if "thresholds" in text]
    if not path.is_file():
        missing = f"{', '.join(users)} speaks of thresholds, and there is no {path.name} with measured ones"
        return [Problem("thresholds", "", missing)] if users else []
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        return [Problem("thresholds", "", f"{path.name} is not valid JSON: {error}")]
    if not isinstance(data, dict) or not data:
        return [Problem("thresholds", "", f"{path.name} is no object of thresholds by name")]
    return [
        Problem("thresholds", name.partition(" ")[0], f"{path.name}: {name} {words}")
        for name, entry in data.items() if (words := _unfounded(entry))
    ]  # fmt: skip


def _unfounded(entry: Any) -> str:
    """Say what one threshold lacks: its evidence is seeds, mean, spread and false-fail rate."""
    if not isinstance(entry, dict):
        return "is no object"
    if absent := [key for key in EVIDENCE if key not in entry]:
        return f"does not say its {', '.join(absent)}"
    if not {"bound", "full"} & set(entry):
        return "has no bound: give `bound`, or `zero` and `full` of a scale"
    seeds = entry["seeds"] if isinstance(entry["seeds"], int) else len(entry["seeds"])
    if seeds < MIN_SEEDS:
        return f"rests on {seeds} seeds, expected at least {MIN_SEEDS}"
    if not 0 <= entry["false_fail_rate"] <= MAX_FALSE_FAIL:
        rate = f"{entry['false_fail_rate']:g}"
        return f"fails a right answer at the rate {rate}, expected at most {MAX_FALSE_FAIL:g}"
    return ""


def rows_of(
    graded: Graded,
    assignment: Assignment,
    tests: Mapping[str, tuple[int, int]],
    tallies: Mapping[str, Tally],
) -> tuple[Row, ...]:
    """Count, for each question, what was noticed.

    Args:
        graded: the audit's submissions with their results.
        assignment: the manifest.
        tests: number of public and of hidden tests by question.
        tallies: what the automatic mistakes of each question came to.
    """
    rows, unsound = [], _unsound(graded)
    for question in assignment.questions:
        if question.kind is Kind.WRITTEN:
            continue
        mine = [(case, result) for case, result in graded if case.question == question.id]
        mutants = [(c, r) for c, r in mine if c.part is Part.MUTANTS]
        others = [(c, r) for c, r in mine if c.part is Part.ALTERNATIVES]
        references = [result for case, result in graded if case.part is Part.REFERENCE]
        public, hidden = tests.get(question.id, (0, 0))
        tally = tallies.get(question.id, Tally())
        rows.append(
            Row(
                question.id, question.title, public, hidden,
                num_mutants=len(mutants), num_caught=_num_sound(mutants, unsound),
                num_alternatives=len(others), num_accepted=_num_sound(others, unsound),
                num_automatic=tally.num_tried, num_killed=tally.num_killed,
                num_raised=tally.num_raised, num_explained=tally.num_explained,
                num_seeds=len(references), num_full=sum(_full(r, question.id) for r in references),
                cpu_s=max((_cpu(r, question.id) for r in references), default=0.0),
                limit_s=question.limits.cpu_s,
            )
        )  # fmt: skip
    return tuple(rows)


def _num_sound(graded: Iterable[tuple[Case, SubmissionResult]], unsound: Collection[str]) -> int:
    return sum(
        case.question not in unsound and not problems_of(case, result, unsound) for case, result in graded
    )


def _full(result: SubmissionResult, question: str) -> bool:
    return any(q.id == question and q.points >= q.possible for q in result.questions)


def _cpu(result: SubmissionResult, question: str) -> float:
    return max((q.cpu_s for q in result.questions if q.id == question), default=0.0)


def _earns(question: QuestionResult) -> str:
    return f"earns {question.points:g} of {question.possible:g} points ({_why(question, passed=True)})"


def _loses(question: QuestionResult) -> str:
    lost = question.possible - question.points
    return f"loses {lost:g} of {question.possible:g} points ({_why(question)})"


def _why(question: QuestionResult, passed: bool = False) -> str:
    """Name the first test that decided, and what it said."""
    broken = [test for test in question.tests if test.outcome is Outcome.GRADER_ERROR]
    for test in broken or question.tests:
        if (test.outcome is Outcome.PASSED) == passed or broken:
            words = _last_words(test.detail) if broken else "".join(test.message.splitlines()[:1])
            return f"{test.name}: {test.outcome.value} {words}".strip()
    return question.outcome.value


def _last_words(detail: str) -> str:
    """Return the last line of a traceback, and the place in the course's own files that it passed last."""
    lines = [line.strip() for line in detail.splitlines() if line.strip()]
    places = re.findall(r'File "([^"\n]*/(?:solutions|assignments)/[^"\n]+)", line (\d+)', detail)
    where = f" ({Path(places[-1][0]).name}:{places[-1][1]})" if places else ""
    return "".join(lines[-1:]) + where
