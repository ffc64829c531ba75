"""The results that a class's folder or store holds, for the commands that write them out again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from autograder.course import Assignment, Course
from autograder.errors import UsageError
from autograder.results import SubmissionResult

STORE = "grades.sqlite"


@dataclass(frozen=True)
class Stored:
    """The latest result of each person, and where their pages go."""

    course: Course
    assignment: Assignment
    out: Path
    results: list[SubmissionResult]


def default_out(slug: str) -> Path:
    """Return the folder that grading writes to, unless told otherwise."""
    return Path("graded") / slug


def stored_results(
    slug: str, out: Path | None, store_url: str | None, written: Path | None, root: Path | None
) -> Stored:
    """Load the latest results of an assignment; marks for written answers are merged in.

    Raises:
        UsageError: nothing has been graded there.
    """
    from autograder.grading.store import Store
    from autograder.grading.written import read_marks, with_marks

    course = Course(root.resolve()) if root else Course.find()
    assignment = course.assignment(slug)
    out = out or default_out(slug)
    place: str | Path = store_url or out / STORE
    if isinstance(place, Path) and not place.is_file():
        raise UsageError(
            f"{place}: nothing has been graded here.\n"
            f"  Next: autograder grade {slug} SUBMISSIONS --out {out}, or name another --out or --store."
        )
    with Store(place) as store:
        results = store.latest(slug)
    if not results:
        raise UsageError(
            f"{place}: no result of {slug} in this store.\n  Next: check the name and the store."
        )
    if written is not None:
        marks = read_marks(written, assignment, {r.person.id for r in results})
        results = [with_marks(r, marks) for r in results]
    out.mkdir(parents=True, exist_ok=True)
    return Stored(course, assignment, out, results)
