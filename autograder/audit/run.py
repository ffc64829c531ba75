"""Runs an audit: grades every case over this machine's cores and judges the results."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from weakref import WeakKeyDictionary

from autograder.audit import cases, judge, reach
from autograder.audit.automatic.survivors import read_records
from autograder.audit.automatic.trial import cpu_limits, impatient
from autograder.audit.cases import PARTS, Case, Part
from autograder.audit.judge import Audit, Problem
from autograder.audit.workshop import Workshop
from autograder.course import Course
from autograder.errors import AutograderError
from autograder.grading.api import grade_notebook
from autograder.grading.batch import Recipe, lend, process_grader
from autograder.grading.grader import Grader
from autograder.grading.pool import Done, Failure, Pool
from autograder.results import SubmissionResult
from autograder.source.document import Source, read_source

Hear = Callable[[int, int, str], None]


def audit(
    course: Course,
    slug: str,
    *,
    parts: Collection[Part] = PARTS,
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
            return audit(course, slug, parts=parts, seeds=seeds, jobs=jobs, grader=own, hear=hear, tick=tick)
    notes: list[str] = []
    records = read_records(source)
    with lend(grader) as recipe, _lent(source):
        todo, problems = _cases(course, source, grader, parts, seeds, notes, recipe)
        graded, failures = _grade(todo, recipe, jobs, hear, tick)
    problems += [*failures, *judge.judged(graded)]
    kills = judge.kills(graded, records)
    problems += [Problem(Part.AUTOMATIC, question, what) for question, what in kills.problems]
    problems += judge.timing_problems(graded, grader.assignment)
    problems += judge.threshold_problems(grader.solution)
    tests = {
        q: (sum(not t.hidden for t in grader.suite.tests(q)), sum(t.hidden for t in grader.suite.tests(q)))
        for q in grader.suite.question_ids
    }
    references = [result.cpu_s for case, result in graded if case.part is Part.REFERENCE]
    return Audit(
        slug, judge.rows_of(graded, grader.assignment, tests, kills.questions), tuple(problems),
        max(references, default=0.0),
        time.perf_counter() - start, tuple(part.value for part in PARTS if part in parts), len(todo),
        next((result.tier for _, result in graded), ""), notes=tuple(notes),
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


def _cases(
    course: Course,
    source: Source,
    grader: Grader,
    parts: Collection[Part],
    seeds: int,
    notes: list[str],
    recipe: Recipe,
) -> tuple[list[Case], list[Problem]]:
    found: list[Case] = []
    problems: list[Problem] = []
    if {Part.MUTANTS, Part.ALTERNATIVES, Part.AUTOMATIC} & set(parts):
        traced = _traced(source, grader, recipe)
        known = reach.reached(traced, source.assignment)
        if Part.MUTANTS in parts:
            found += cases.mutant_cases(course, source, grader.seed, known)
        if Part.ALTERNATIVES in parts:
            found += cases.alternative_cases(course, source, grader.seed, known)
        if found:
            each = sum(len(case.questions) for case in found) / len(found)
            notes.append(
                f"{len(found)} mutants and alternatives, each graded in the questions in which its code "
                f"runs: {each:.1f} on average"
            )
        if Part.AUTOMATIC in parts:
            limits = cpu_limits(traced)
            found += cases.automatic_cases(source, grader.seed, limits)
            if Part.REFERENCE not in parts:  # which says so itself
                problems += [_loses(q) for q in cases.scored(source) if q not in limits]
    if Part.STARTER in parts:
        found.append(cases.starter_case(source, grader.seed))
    if Part.REFERENCE in parts:
        found += cases.reference_cases(source, cases.seeds(grader.seed, seeds))
    # the long ones first: no core waits at the end
    return sorted(found, key=lambda case: -len(case.questions)), problems


def _loses(question: str) -> Problem:
    what = f"{question}: the reference itself loses points, so that its automatic mistakes say nothing"
    return Problem(Part.AUTOMATIC, question, what)


def _traced(source: Source, grader: Grader, recipe: Recipe) -> SubmissionResult:
    """Grade the traced submission; in a process of its own, because processes are forked from this one."""
    case = cases.traced_case(source, grader.seed)
    [(_, outcome)] = Pool(1).run(partial(grade_case, recipe), [case])
    if isinstance(outcome, Failure):
        raise AutograderError(
            f"{source.assignment.slug}: the traced reference cannot be graded: {outcome.why}"
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
