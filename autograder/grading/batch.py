"""Grades a class: jobs over processes, each result stored the moment it is there."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from autograder.course import Course, Kind
from autograder.errors import UsageError
from autograder.files import sweep
from autograder.grading.attempt import grade, undecided
from autograder.grading.grader import Grader
from autograder.grading.pool import Done, Failure, Pool, at_exit
from autograder.grading.progress import Progress, Silent
from autograder.grading.store import Attempt, Store, without_times
from autograder.grading.written import Marks, with_marks
from autograder.intake import SubmissionSource
from autograder.results import Outcome, QuestionResult, SubmissionResult
from autograder.sandbox import Tier


@dataclass(frozen=True)
class Recipe:
    """What a process needs to build a grader of its own where it did not inherit one."""

    root: Path
    slug: str
    tier: Tier | None
    seed: int

    @classmethod
    def of(cls, grader: Grader) -> Recipe:
        """Return the recipe of a grader."""
        return cls(grader.course.root, grader.assignment.slug, grader.asked_tier, grader.seed)


@dataclass(frozen=True)
class Job:
    """One submission to grade, and what of it may be kept: the keys of the questions graded last time."""

    source: SubmissionSource
    known: Mapping[str, str]


@dataclass(frozen=True)
class Graded:
    """What a job came to: the questions graded now, and the keys of all."""

    result: SubmissionResult
    keys: Mapping[str, str]
    notebook: bytes | None = None  # the student's, for people to look at


_graders: dict[Recipe, Grader] = {}  # of this process; a forked process finds its parent's here


def grade_class(
    sources: Sequence[SubmissionSource],
    grader: Grader,
    store: Store,
    *,
    jobs: int | None = None,
    executor: Executor | None = None,
    fresh: bool = False,
    questions: Collection[str] = (),
    marks: Marks | None = None,
    progress: Progress | None = None,
    keep: Callable[[str, bytes | None], None] = lambda digest, notebook: None,
) -> list[SubmissionResult]:
    """Grade submissions and store each result as it comes.

    What was graded before and rests on the same code, tests, environments, grader and seed is kept; a killed
    run goes on where it was.

    Args:
        sources: what to grade.
        grader: the assignment's grader; processes inherit its collected tests.
        store: where results are appended.
        jobs: processes at a time; by default one a core.
        executor: runs the jobs instead of processes of this machine.
        fresh: grade everything again. A TA's marks stay with the answers they were given for.
        questions: ids to grade again whether or not anything changed.
        marks: a TA's marks for written answers.
        progress: hears of every result.
        keep: called with the digest and the notebook of each submission that could be read.

    Returns:
        One result a source, in the order of the sources.
    """
    unknown = [q for q in questions if q not in {known.id for known in grader.assignment.questions}]
    if unknown:
        grader.assignment.question(unknown[0])  # raises UsageError and names the known ones
    progress = progress or Silent()
    sweep()
    results: dict[int, SubmissionResult] = {}
    pool = Pool(jobs or os.cpu_count() or 1, executor)
    with (
        store.alone(grader.assignment.slug, progress.waits),
        lend(grader) as recipe,
        progress.of(len(sources)),
    ):
        todo = _jobs(sources, grader, store, fresh, questions)
        for number, outcome in pool.run(partial(grade_job, recipe), todo, tick=progress.tick):
            result, kept = _land(outcome, sources[number], grader, store, marks or {})
            results[number] = result
            if isinstance(outcome, Done):
                keep(result.submission_digest, outcome.value.notebook)
            progress.ended(result, kept)
    return [results[number] for number in range(len(sources))]


@contextmanager
def lend(grader: Grader) -> Iterator[Recipe]:
    """Let processes that are forked meanwhile inherit a grader; give the recipe that names it."""
    grader.settle()
    recipe = Recipe.of(grader)
    _graders[recipe] = grader
    try:
        yield recipe
    finally:
        del _graders[recipe]


def process_grader(recipe: Recipe) -> Grader:
    """Return this process's grader: inherited, made before, or made now; it closes with the process."""
    if recipe not in _graders:
        _graders[recipe] = Grader(Course(recipe.root), recipe.slug, tier=recipe.tier, seed=recipe.seed)
    grader = _graders[recipe]
    if grader.owner != os.getpid():
        grader.owner = os.getpid()
        at_exit(grader.close)
    return grader


def grade_job(recipe: Recipe, job: Job) -> Graded:
    """Read and grade one submission in this process; questions whose keys are known are left out."""
    grader = process_grader(recipe)
    submission = grader.read(job.source)
    keys = grader.keys(submission)
    wanted = [question for question, key in keys.items() if job.known.get(question) != key]
    return Graded(grade(submission, grader, wanted), keys, submission.notebook)


def select(sources: Sequence[SubmissionSource], names: Iterable[str]) -> list[SubmissionSource]:
    """Return the sources of the named people, by id, name, e-mail address or file name.

    Raises:
        UsageError: nobody goes by one of the names; it says who is near.
    """
    chosen: set[int] = set()
    for name in names:
        found = [i for i, source in enumerate(sources) if name.casefold() in _called(source)]
        if not found:
            raise UsageError(f"--only {name}: {_nobody(name, sources)}")
        chosen.update(found)
    return [source for i, source in enumerate(sources) if i in chosen]


def _jobs(
    sources: Sequence[SubmissionSource], grader: Grader, store: Store, fresh: bool, again: Collection[str]
) -> list[Job]:
    known = store.latest_keys(grader.assignment.slug)
    written = {q.id for q in grader.assignment.questions if q.kind is Kind.WRITTEN}

    def kept(person: str) -> dict[str, str]:
        keys = known.get(person, {})
        return {q: key for q, key in keys.items() if q in written or not (fresh or q in again)}

    return [Job(source, kept(source.person.id)) for source in sources]


def _land(
    outcome: Done[Graded] | Failure, source: SubmissionSource, grader: Grader, store: Store, marks: Marks
) -> tuple[SubmissionResult, bool]:
    """Store what a job came to; return the whole result, and whether nothing about it was new."""
    previous = store.latest_of(grader.assignment.slug, source.person.id)
    if isinstance(outcome, Failure):
        result = _after(previous, undecided(source, grader, outcome.why, outcome.detail))
        store.append(result, {})
        return result, False
    graded = outcome.value
    result = _after(previous, with_marks(_completed(graded, previous, grader), marks))
    if previous is not None and not graded.result.questions and _same(result, previous.result):
        return previous.result, True
    decided = {q.id for q in result.questions if q.outcome is not Outcome.GRADER_ERROR}
    store.append(result, {q: key for q, key in graded.keys.items() if q in decided})
    return result, False


def _completed(graded: Graded, previous: Attempt | None, grader: Grader) -> SubmissionResult:
    """Put the questions that were kept beside those graded now, in the manifest's order.

    Where the grader failed now, what it found before from the very same code and tests still holds.
    """
    now = {question.id: question for question in graded.result.questions}
    kept: dict[str, QuestionResult] = previous.kept(graded.keys) if previous else {}
    failed = {q for q, result in now.items() if q in kept and result.outcome is Outcome.GRADER_ERROR}
    now = {question: result for question, result in now.items() if question not in failed}
    kept = {question: result for question, result in kept.items() if question not in now}
    order = [question.id for question in grader.assignment.questions]
    findings = graded.result.findings
    if previous and kept:  # what loading found was found when the kept questions ran
        findings += tuple(f for f in previous.result.findings if f not in findings)
    return replace(
        graded.result,
        tier=graded.result.tier or (previous.result.tier if previous and kept else ""),
        questions=tuple(now[q] if q in now else kept[q] for q in order),
        findings=findings,
        wall_s=graded.result.wall_s + sum(q.wall_s for q in kept.values()),
        cpu_s=graded.result.cpu_s + sum(q.cpu_s for q in kept.values()),
    )


def _after(previous: Attempt | None, result: SubmissionResult) -> SubmissionResult:
    """Return the result with a time that is not before the previous attempt's, whatever the clock did."""
    if previous is None or previous.result.graded_at <= result.graded_at:
        return result
    return replace(result, graded_at=previous.result.graded_at)


def _same(one: SubmissionResult, other: SubmissionResult) -> bool:
    return without_times(one) == without_times(other)


def _called(source: SubmissionSource) -> set[str]:
    person = source.person
    names = (person.id, person.name, person.email, source.path.name, source.path.stem)
    return {name.casefold() for name in names if name}


def _nobody(name: str, sources: Sequence[SubmissionSource]) -> str:
    import difflib

    near = difflib.get_close_matches(name, [source.person.id for source in sources], 1, 0.5)
    hint = f"Did you mean {near[0]}?" if near else "Next: give an id, a name or a file name."
    return f"nobody among {len(sources)} submissions goes by this name.\n  {hint}"
