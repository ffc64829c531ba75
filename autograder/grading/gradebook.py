"""``grades.csv``: one row a person, the same bytes whenever the same results are written."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from autograder.course import Assignment
from autograder.files import write_whole
from autograder.results import Outcome, SubmissionResult

FILE = "grades.csv"
_FIXED = ("id", "name", "email", "points", "possible", "awaiting", "undecided")


def undecided(result: SubmissionResult) -> float:
    """Return the points that the grader itself failed to decide; a person or another run must."""
    open_questions = (q for q in result.questions if q.outcome is Outcome.GRADER_ERROR)
    return round(sum(q.possible - q.points for q in open_questions), 6)


def needs_a_person(result: SubmissionResult) -> bool:
    """Tell whether a TA must look before the points mean anything."""
    return bool(result.error) or any(q.outcome is Outcome.GRADER_ERROR for q in result.questions)


def gradebook(results: Sequence[SubmissionResult], assignment: Assignment) -> str:
    """Return the gradebook as CSV text, rows sorted by person.

    Columns: ``id name email points possible awaiting undecided``, then the points of each question under its
    id, then its outcome under ``<id> outcome``, then ``findings`` (their number), ``error``, ``digest``.
    """
    ids = [question.id for question in assignment.questions]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*_FIXED, *ids, *(f"{i} outcome" for i in ids), "findings", "error", "digest"])
    for result in sorted(results, key=lambda r: (r.person.id, r.submission_digest)):
        found = {question.id: question for question in result.questions}
        writer.writerow([
            *(_safe(text) for text in (result.person.id, result.person.name, result.person.email)),
            *(_number(n) for n in (result.points, result.possible, result.awaiting, undecided(result))),
            *(_number(found[i].points) if i in found else "" for i in ids),
            *(found[i].outcome.value if i in found else "" for i in ids),
            len(result.findings), _safe(result.error.split("\n")[0]), result.submission_digest,
        ])  # fmt: skip
    return out.getvalue()


def write_gradebook(results: Sequence[SubmissionResult], assignment: Assignment, out: Path) -> Path:
    """Write ``grades.csv`` into ``out`` in one step and return its path."""
    return write_whole(out / FILE, gradebook(results, assignment))


def _number(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".") or "0"


def _safe(text: str) -> str:
    """Quote what a spreadsheet would run as a formula; a student chooses these texts."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text
