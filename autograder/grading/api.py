"""Grading from Python: what release and audit call."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from autograder.course import Course
from autograder.errors import UsageError
from autograder.grading.attempt import grade
from autograder.grading.grader import Grader
from autograder.intake import Part, SubmissionSource, find_submissions
from autograder.results import Person, SubmissionResult


def grade_path(
    course: Course,
    slug: str,
    path: Path,
    *,
    seed: int | None = None,
    questions: Collection[str] | None = None,
    grader: Grader | None = None,
) -> SubmissionResult:
    """Grade the one submission at a path: a zip, a folder, a notebook.

    Args:
        course: the course's folders.
        slug: the assignment.
        path: the submission.
        seed: the grading seed; by default the grader's, or the one in solutions/.
        questions: ids to grade; by default all.
        grader: a grader to use again; by default one is made and closed.

    Raises:
        UsageError: there is no submission, or there are several.
    """
    sources = find_submissions(path, course.assignment(slug))
    if len(sources) != 1:
        raise UsageError(
            f"{path}: {len(sources)} submissions, expected one.\n"
            f"  Next: name one of them, or grade them all with `autograder grade {slug} {path}`."
        )
    return _grade((course, slug), sources[0], seed, questions, grader)


def grade_notebook(
    course: Course,
    slug: str,
    notebook: bytes,
    *,
    files: Mapping[str, bytes] | None = None,
    seed: int | None = None,
    questions: Collection[str] | None = None,
    grader: Grader | None = None,
    person: Person | None = None,
    run_untouched: bool = True,
) -> SubmissionResult:
    """Grade a notebook that is in memory, with the further files that would be handed in beside it.

    Args:
        course: the course's folders.
        slug: the assignment.
        notebook: the ``.ipynb``.
        files: further files by their name relative to the notebook's folder.
        seed: the grading seed; by default the grader's, or the one in solutions/.
        questions: ids to grade; by default all.
        grader: a grader to use again; by default one is made and closed.
        person: whose it is.
        run_untouched: run the tests of untouched questions too, to see that they give nothing; a class's
            grading knows without running them.
    """
    with tempfile.TemporaryDirectory(prefix="robolearn-") as scratch:
        folder = Path(scratch)
        write_submission(folder, course.assignment(slug).notebook, notebook, files or {})
        person = person or Person("notebook", "notebook")
        source = SubmissionSource(person, Path(course.assignment(slug).notebook), (Part(folder, ""),))
        return _grade((course, slug), source, seed, questions, grader, run_untouched)


def write_submission(folder: Path, name: str, notebook: bytes, files: Mapping[str, bytes]) -> None:
    """Write a submission's files into a folder."""
    for relative, data in {name: notebook, **files}.items():
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _grade(
    whose: tuple[Course, str],
    source: SubmissionSource,
    seed: int | None,
    questions: Collection[str] | None,
    grader: Grader | None,
    run_untouched: bool = False,
) -> SubmissionResult:
    if grader is None:
        with Grader(*whose, seed=seed) as own:
            return _grade(whose, source, None, questions, own, run_untouched)
    if seed is not None:
        grader = grader.with_seed(seed)
    for question in questions or ():
        grader.assignment.question(question)
    return grade(grader.read(source), grader, questions, run_untouched=run_untouched)
