"""Holds what the audit's submissions came to against what they must come to."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from autograder.audit.automatic.kills import Kills, Tally, Trial, count
from autograder.audit.automatic.mutants import AutomaticMutant
from autograder.audit.automatic.survivors import Record
from autograder.audit.cases import Case, Part
from autograder.audit.findings import CPU_BUDGET_S, Problem, Row
from autograder.audit.reach import Coverage
from autograder.course import Assignment, Kind
from autograder.results import Outcome, QuestionResult, SubmissionResult

# A reference may use this share of a question's CPU limit: students' machines are up to three times slower.
ROOM = 1 / 3

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
                    Part.TIME, question.id,
                    f"{question.id}: the reference takes {worst:.1f} s of CPU, over a third of the limit of "
                    f"{question.limits.cpu_s:g} s; raise the limit or make the tests smaller",
                )
            )  # fmt: skip
    total = max((result.cpu_s for result in references), default=0.0)
    if total > budget_s:
        found.append(
            Problem(
                Part.TIME, "",
                f"the reference takes {total:.1f} s of CPU in all, the budget is {budget_s:g} s; make the "
                "slowest tests smaller",
            )
        )  # fmt: skip
    return found


def rows_of(
    graded: Graded,
    assignment: Assignment,
    tests: Mapping[str, tuple[int, int]],
    tallies: Mapping[str, Tally],
    coverage: Coverage,
    questions: Collection[str],
) -> tuple[Row, ...]:
    """Count, for each question, what was noticed.

    Args:
        graded: the audit's submissions with their results.
        assignment: the manifest.
        tests: number of public and of hidden tests by question.
        tallies: what the automatic mistakes of each question came to.
        coverage: which lines of the holes ran.
        questions: ids of the questions to tell of.
    """
    rows, unsound = [], _unsound(graded)
    for question in assignment.questions:
        if question.id not in questions:
            continue
        mine = [(case, result) for case, result in graded if case.question == question.id]
        mutants = [(c, r) for c, r in mine if c.part is Part.MUTANTS]
        others = [(c, r) for c, r in mine if c.part is Part.ALTERNATIVES]
        references = [result for case, result in graded if case.part is Part.REFERENCE]
        public, hidden = tests.get(question.id, (0, 0))
        tally = tallies.get(question.id, Tally())
        ran, lines = coverage.counts.get(question.id, (0, 0))
        rows.append(
            Row(
                question.id, question.title, public, hidden,
                num_mutants=len(mutants), num_caught=_num_sound(mutants, unsound),
                num_alternatives=len(others), num_accepted=_num_sound(others, unsound),
                num_automatic=tally.num_tried, num_killed=tally.num_killed,
                num_raised=tally.num_raised, num_explained=tally.num_explained,
                num_seeds=len(references), num_full=sum(_full(r, question.id) for r in references),
                cpu_s=max((_cpu(r, question.id) for r in references), default=0.0),
                limit_s=question.limits.cpu_s, num_lines=lines, num_run=ran,
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
