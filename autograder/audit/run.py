"""Runs an audit: grades every case over this machine's cores and judges the results."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from weakref import WeakKeyDictionary

from autograder.audit import cases, judge, reach
from autograder.audit.automatic.survivors import read_records
from autograder.audit.automatic.trial import cpu_limits, impatient
from autograder.audit.cases import PARTS, Case, Part
from autograder.audit.findings import Audit, Problem
from autograder.audit.thresholds import Thresholds, read_thresholds
from autograder.audit.workshop import Workshop
from autograder.course import Course
from autograder.errors import AuthoringError, AutograderError
from autograder.grading.api import grade_notebook
from autograder.grading.batch import Recipe, lend, process_grader
from autograder.grading.grader import Grader
from autograder.grading.pool import Done, Failure, Pool
from autograder.release.build import leaks_of
from autograder.release.gate import listed
from autograder.results import SubmissionResult
from autograder.source.document import Source, read_source

Hear = Callable[[int, int, str], None]


def audit(
    course: Course,
    slug: str,
    *,
    parts: Collection[Part] = PARTS,
    questions: Collection[str] = (),
    seeds: int = 20,
    jobs: int | None = None,
    grader: Grader | None = None,
    hear: Hear = lambda done, total, name: None,
    tick: Callable[[], None] = lambda: None,
) -> Audit:
    """Audit one assignment.

    Args:
        course: the course's folders.
        slug: the assignment.
        parts: what to look at.
        questions: ids of the questions to look at; by default all that tests score.
        seeds: grading seeds under which the reference is graded.
        jobs: submissions graded at a time; by default one a core.
        grader: a grader to use; by default one is made.
        hear: called with (done, total, name) after each case.
        tick: called several times a second.

    Raises:
        AuthoringError: the source, the tests, a mutant or an alternative is wrong.
    """
    start = time.perf_counter()
    source = read_source(course, slug)
    if grader is None:
        with Grader(course, slug) as own:
            return audit(
                course, slug, parts=parts, questions=questions, seeds=seeds, jobs=jobs, grader=own,
                hear=hear, tick=tick,
            )  # fmt: skip
    asked = tuple(q for q in cases.scored(source) if not questions or q in questions)
    order = _Order(course, source, grader, frozenset(parts), asked, seeds)
    records = read_records(source)
    with lend(grader) as recipe, _lent(source):
        plan = _plan(order, recipe)
        graded, failures = _grade(plan.todo, recipe, jobs, hear, tick)
    kills = judge.kills(graded, records)
    coverage = reach.Coverage()
    if plan.traced is not None and Part.COVERAGE in parts:
        coverage = reach.covered(plan.traced, source, asked)
    thresholds = _thresholds(order)
    problems = [
        *plan.problems, *failures, *judge.judged(graded),
        *(Problem(Part.AUTOMATIC, question, what) for question, what in kills.problems),
        *(judge.timing_problems(graded, grader.assignment) if Part.TIME in parts else ()),
        *(Problem(Part.COVERAGE, question, what) for question, what in coverage.problems),
        *(Problem(Part.THRESHOLDS, question, what) for question, what in thresholds.problems),
        *(_leaks(course, source) if Part.LEAKS in parts else ()),
    ]  # fmt: skip
    references = [result.cpu_s for case, result in graded if case.part is Part.REFERENCE]
    rows = judge.rows_of(graded, grader.assignment, _tests(grader), kills.questions, coverage, asked)
    return Audit(
        slug, rows, tuple(problems), max(references, default=0.0), time.perf_counter() - start,
        tuple(part.value for part in PARTS if part in parts), len(plan.todo) + (plan.traced is not None),
        next((result.tier for _, result in graded), plan.traced.tier if plan.traced else ""),
        notes=plan.notes, thresholds=thresholds.founded,
        survivors=tuple(f"{m.path.name}:{m.line}: {m.name}: {m.why}" for m in kills.survivors),
    )  # fmt: skip


def grade_case(recipe: Recipe, case: Case) -> SubmissionResult:
    """Build and grade one case in this process."""
    grader = _grader(recipe, case)
    slug = grader.assignment.slug
    if slug not in _workshops:
        _workshops[slug] = Workshop(read_source(grader.course, slug))
    variant = _workshops[slug].build(case)
    return grade_notebook(
        grader.course, slug, variant.notebook, files=variant.files, questions=case.questions,
        grader=grader,
    )  # fmt: skip


_workshops: dict[str, Workshop] = {}  # of this process; a forked process finds its parent's here
_graders: WeakKeyDictionary[Grader, dict[tuple[int, float], Grader]] = WeakKeyDictionary()


def _grader(recipe: Recipe, case: Case) -> Grader:
    """Return this process's grader under a case's seed and limit; made once, because its digests are dear."""
    own = process_grader(recipe)
    known, key = _graders.setdefault(own, {}), (case.seed, case.cpu_s)
    if key not in known:
        seeded = own.with_seed(case.seed)
        known[key] = impatient(seeded, case.cpu_s) if case.part is Part.AUTOMATIC else seeded
    return known[key]


@contextmanager
def _lent(source: Source) -> Iterator[None]:
    _workshops[source.assignment.slug] = Workshop(source)
    try:
        yield
    finally:
        del _workshops[source.assignment.slug]


@dataclass(frozen=True)
class _Order:
    """What to audit."""

    course: Course
    source: Source
    grader: Grader
    parts: frozenset[Part]
    questions: tuple[str, ...]
    seeds: int


@dataclass(frozen=True)
class _Plan:
    """What to grade."""

    todo: list[Case]
    traced: SubmissionResult | None  # graded already, because the rest depends on it
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def _plan(order: _Order, recipe: Recipe) -> _Plan:
    parts, seed = order.parts, order.grader.seed
    traced = None
    changed: list[Case] = []
    automatic: list[Case] = []
    problems: tuple[Problem, ...] = ()
    if parts & {Part.MUTANTS, Part.ALTERNATIVES, Part.AUTOMATIC, Part.COVERAGE}:
        traced = _traced(order, recipe)
        changed = _changed(order, traced)
    if traced is not None and Part.AUTOMATIC in parts:
        limits = {q: s for q, s in cpu_limits(traced).items() if q in order.questions}
        automatic = cases.automatic_cases(order.source, seed, limits)
        if not parts & {Part.REFERENCE, Part.TIME}:  # which say so themselves
            problems = tuple(_loses(q) for q in order.questions if q not in limits)
    found = [*changed, *automatic]
    if Part.STARTER in parts:
        found.append(cases.starter_case(order.questions, seed))
    if parts & {Part.REFERENCE, Part.TIME}:
        number = order.seeds if Part.REFERENCE in parts else 1
        found += cases.reference_cases(order.questions, cases.seeds(seed, number))
    # the long ones first: no core waits at the end
    todo = sorted(found, key=lambda case: -len(case.questions))
    return _Plan(todo, traced, problems, _notes(changed))


def _changed(order: _Order, traced: SubmissionResult) -> list[Case]:
    """Return the planted mistakes and the other right answers of the questions that were asked for."""
    found: list[Case] = []
    known = reach.reached(traced, order.source.assignment)
    if Part.MUTANTS in order.parts:
        found += cases.mutant_cases(order.course, order.source, order.grader.seed, known)
    if Part.ALTERNATIVES in order.parts:
        found += cases.alternative_cases(order.course, order.source, order.grader.seed, known)
    return [case for case in found if case.question in order.questions]


def _notes(changed: Sequence[Case]) -> tuple[str, ...]:
    if not changed:
        return ()
    each = sum(len(case.questions) for case in changed) / len(changed)
    return (
        f"{len(changed)} mutants and alternatives, each graded in the questions in which its code runs: "
        f"{each:.1f} on average",
    )


def _tests(grader: Grader) -> dict[str, tuple[int, int]]:
    """Count public and hidden tests by question."""
    found = {q: [t.hidden for t in grader.suite.tests(q)] for q in grader.suite.question_ids}
    return {q: (hidden.count(False), hidden.count(True)) for q, hidden in found.items()}


def _thresholds(order: _Order) -> Thresholds:
    """Judge the thresholds of the questions that were asked for."""
    if Part.THRESHOLDS not in order.parts:
        return Thresholds()
    found = read_thresholds(order.grader.solution, order.grader.assignment)
    others = {q.id for q in order.grader.assignment.questions} - set(order.questions)
    return Thresholds(
        tuple(t for t in found.founded if t.question not in others),
        tuple(p for p in found.problems if p[0] not in others),
    )


def _leaks(course: Course, source: Source) -> list[Problem]:
    """Search what would be released to students, as a release does."""
    try:
        return [Problem(Part.LEAKS, "", str(leak)) for leak in leaks_of(course, source)]
    except AuthoringError as error:  # a secret file that cannot be searched
        return [Problem(Part.LEAKS, "", what) for what in listed(error)]


def _loses(question: str) -> Problem:
    what = f"{question}: the reference itself loses points, so that its automatic mistakes say nothing"
    return Problem(Part.AUTOMATIC, question, what)


def _traced(order: _Order, recipe: Recipe) -> SubmissionResult:
    """Grade the traced submission; in a process of its own, because processes are forked from this one."""
    elsewhere = order.parts & {Part.MUTANTS, Part.ALTERNATIVES}  # where a hole runs besides
    questions = cases.scored(order.source) if elsewhere else order.questions
    case = cases.traced_case(questions, order.grader.seed)
    [(_, outcome)] = Pool(1).run(partial(grade_case, recipe), [case])
    if isinstance(outcome, Failure):
        raise AutograderError(
            f"{order.source.assignment.slug}: the traced reference cannot be graded: {outcome.why}"
        )
    return outcome.value


def _grade(
    todo: Sequence[Case], recipe: Recipe, jobs: int | None, hear: Hear, tick: Callable[[], None]
) -> tuple[list[tuple[Case, SubmissionResult]], list[Problem]]:
    graded: dict[int, SubmissionResult] = {}
    failures: list[Problem] = []
    pool = Pool(jobs or os.cpu_count() or 1)
    for number, outcome in pool.run(partial(grade_case, recipe), todo, tick=tick):
        case = todo[number]
        if isinstance(outcome, Done):
            graded[number] = outcome.value
        else:
            last = outcome.detail.strip().splitlines()[-1:] or [""]
            failures.append(
                Problem(case.part, case.question, f"{case.name}: {outcome.why} {last[0]}".strip())
            )
        hear(len(graded) + len(failures), len(todo), case.name)
    return [(todo[number], graded[number]) for number in sorted(graded)], failures
