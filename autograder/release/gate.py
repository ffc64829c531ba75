"""The reasons not to release: each is found, all are told."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from autograder.audit.thresholds import read_thresholds
from autograder.course import Assignment, Course, Kind
from autograder.errors import AuthoringError, AutograderError, ReleaseError
from autograder.results import Outcome, SubmissionResult
from autograder.source.document import Source, read_source
from autograder.source.starter import differences
from autograder.source.variants import alternatives, mutants, solved, starter

_TOLERANCE = 1e-6


class GradeNotebook(Protocol):
    """What grades one submission: ``autograder.grading.api.grade_notebook``."""

    def __call__(
        self, course: Course, slug: str, notebook: bytes, *, files: Mapping[str, bytes] | None = None
    ) -> SubmissionResult:
        """Grade a notebook with the files beside it."""


@dataclass(frozen=True)
class Inspection:
    """What a look at an assignment found: its source, if it can be packed, and the reasons against it."""

    source: Source | None
    reasons: tuple[str, ...]


def inspect(course: Course, slug: str, grade: GradeNotebook | None = None) -> Inspection:
    """Find every reason not to release, apart from leaks.

    Args:
        course: the course.
        slug: the assignment.
        grade: what grades a notebook; by default the real grader.
    """
    try:
        source = read_source(course, slug)
        reasons = _stale(course, slug, source)
    except AuthoringError as error:
        return Inspection(None, tuple(listed(error)))
    tests = _wrong_tests(course, source.assignment)
    reasons += [*tests, *_unread(course, source.assignment), *_variants(course, slug, source)]
    reasons += [what for _, what in read_thresholds(course.solution(slug), source.assignment).problems]
    if tests:
        reasons.append("the reference and the starter were not graded: the tests are not right yet")
    else:
        reasons += _graded(course, slug, source, grade or _real_grader())
    return Inspection(source, tuple(reasons))


def refuse_release(slug: str, reasons: tuple[str, ...]) -> None:
    """Raise a ReleaseError that lists every reason, if there is one."""
    if reasons:
        listed = "\n".join(f"  - {reason}" for reason in reasons)
        count = "1 reason" if len(reasons) == 1 else f"{len(reasons)} reasons"
        raise ReleaseError(f"{slug} is not released, for {count}:\n{listed}")


def _real_grader() -> GradeNotebook:
    try:
        from autograder.grading.api import grade_notebook
    except ImportError as error:
        raise ReleaseError(
            f"grading is not installed ({error}).\n  Next: pip install -e '.[dev]'."
        ) from error
    return grade_notebook


def listed(error: AuthoringError) -> list[str]:
    """Return the problems that an AuthoringError lists, each with the lines that continue it."""
    return re.split(r"\n(?!\s)", str(error))


def _stale(course: Course, slug: str, source: Source) -> list[str]:
    """Return where the student's folder is not as generated; AuthoringError where it cannot be generated."""
    return [
        f"starter_code/{slug}/{d.name} is {d.what}, expected as generated; run `autograder starter {slug}`"
        for d in differences(course, slug, source)
    ]


def _wrong_tests(course: Course, assignment: Assignment) -> list[str]:
    """Return what is wrong with the tests: a question without one, points that do not sum up."""
    from autograder.testing.suite import Suite

    try:
        Suite.collect(assignment, assignment.tests, course.solution(assignment.slug) / "tests")
    except AuthoringError as error:
        return listed(error)
    return []


def _unread(course: Course, assignment: Assignment) -> Iterator[str]:
    """Yield the written questions without a rubric."""
    written = [q for q in assignment.questions if q.kind is Kind.WRITTEN]
    path = course.solution(assignment.slug) / "rubric.toml"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("rubric", []) if path.is_file() else []
    except tomllib.TOMLDecodeError as error:
        yield f"{path}: not valid TOML: {error}"
        return
    have = {str(t.get("question")): t for t in tables if isinstance(t, dict)}
    for question in written:
        criteria = have.get(question.id, {}).get("criteria")
        if not criteria:
            yield f'{question.label} has no rubric; add [[rubric]] question = "{question.id}" to {path}'
            continue
        points = sum(c.get("points", 0) for c in criteria if isinstance(c, dict))
        if abs(points - question.points) > _TOLERANCE:
            expected = f"the manifest says {question.points:g}"
            yield f"{path}: points of {question.id}'s criteria sum to {points:g}, {expected}"
    for name in have.keys() - {q.id for q in written}:
        yield f"{path}: rubric for {name!r}, which is no written question of the manifest"


def _variants(course: Course, slug: str, source: Source) -> Iterator[str]:
    readers: tuple[Callable[..., object], ...] = (mutants, alternatives)
    for read in readers:
        try:
            read(course, slug, source)
        except AuthoringError as error:
            yield from listed(error)


def _graded(course: Course, slug: str, source: Source, grade: GradeNotebook) -> Iterator[str]:
    """Yield where the reference does not earn everything, or the untouched starter something."""
    try:
        complete = solved(source)
    except AuthoringError as error:
        yield from listed(error)
        return
    for name, made, fraction in (
        ("reference", complete, 1.0),
        ("untouched starter", starter(source), 0.0),
    ):
        try:
            result = grade(course, slug, made.notebook, files=made.files)
        except AuthoringError as error:  # of the course, not of this submission
            yield from listed(error)
            return
        except AutograderError as error:
            yield f"the {name} cannot be graded: {error}"
            continue
        if result.error:
            yield f"the {name} cannot be graded: {result.error}"
            continue
        yield from _earned(name, result, source.assignment, fraction)


def _earned(name: str, result: SubmissionResult, assignment: Assignment, fraction: float) -> Iterator[str]:
    results = {q.id: q for q in result.questions}
    for question in assignment.questions:
        if question.kind is Kind.WRITTEN:
            continue
        got = results.get(question.id)
        if got is None:
            yield f"{question.label}: the {name} was not graded"
            continue
        expected = fraction * question.points
        if abs(got.points - expected) > _TOLERANCE or got.outcome is Outcome.GRADER_ERROR:
            lost = [t for t in got.tests if abs(t.points - fraction * t.possible) > _TOLERANCE]
            which = "".join(f"; {t.name}: {t.outcome}" for t in lost)
            score = f"{got.points:g} of {question.points:g}, expected {expected:g}"
            yield f"{question.label}: the {name} earns {score} ({got.outcome}{which})"


__all__ = ["GradeNotebook", "Inspection", "inspect", "listed", "refuse_release"]
