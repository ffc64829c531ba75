"""A TA's marks for written answers, read from ``written.csv`` and merged into results."""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.course import Assignment, Kind
from autograder.errors import AuthoringError, AutograderError
from autograder.results import Outcome, QuestionResult, SubmissionResult

COLUMNS = ("person", "question", "points", "comment")


@dataclass(frozen=True)
class Mark:
    """What a TA gave for one written answer."""

    points: float
    comment: str = ""


Marks = Mapping[tuple[str, str], Mark]  # (person's id, question's id)


def read_marks(path: Path, assignment: Assignment, people: Collection[str]) -> dict[tuple[str, str], Mark]:
    """Read and validate a file of marks with the columns ``person,question,points,comment``.

    A line without points is an answer that nobody has read yet; further columns are ignored.

    Args:
        path: the CSV file.
        assignment: whose written questions are marked.
        people: the ids that may stand under ``person``.

    Raises:
        AutograderError: every line that is wrong, each as ``path:line: what, got, next step``.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AuthoringError(f"cannot be read as UTF-8 text ({error})", path) from None
    rows = csv.DictReader(io.StringIO(text))
    if missing := [name for name in COLUMNS[:3] if name not in (rows.fieldnames or ())]:
        raise AuthoringError(
            f"no column {', '.join(missing)} (got {', '.join(rows.fieldnames or ()) or 'an empty file'}); "
            f"the first line reads {','.join(COLUMNS)}",
            path,
        )
    marks: dict[tuple[str, str], Mark] = {}
    lines: dict[tuple[str, str], int] = {}
    problems: list[str] = []
    names = {_quoted(person): person for person in people}  # as written_csv writes them
    for row in rows:
        line = rows.line_num
        if not (row.get("points") or "").strip():
            continue  # not read yet
        row["person"] = names.get((row.get("person") or "").strip(), row.get("person"))
        key, mark, why = _mark(row, assignment, people)
        if not why and key in marks:
            why = f"{key[0]} has a mark for {key[1]} already, in line {lines[key]}; keep one of the two"
        if why:
            problems.append(f"{path}:{line}: {why}")
        else:
            marks[key], lines[key] = mark, line
    if problems:
        raise AutograderError("\n".join(problems))
    return marks


def written_csv(results: Sequence[SubmissionResult], title: str = "") -> str:
    """Return the written answers as a file for a TA to fill in; :func:`read_marks` reads it back.

    Answers that have their marks come with them, so that the file can be used again and again.

    Args:
        results: of the class.
        title: of the assignment; not written, as the file has one row an answer and nothing else.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*COLUMNS, "answer"))
    for result in sorted(results, key=lambda r: r.person.id):
        for question in result.questions:
            if question.kind != Kind.WRITTEN or not question.answer.strip():
                continue
            unread = question.outcome is Outcome.AWAITING_TA
            given = "" if unread else f"{question.points:g}"
            fields = (result.person.id, question.id, given, question.comment, question.answer)
            writer.writerow([_quoted(text) for text in fields])
    return out.getvalue()


def _quoted(text: str) -> str:
    """Quote what a spreadsheet would run as a formula, and drop what is not text."""
    text = "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)[:30_000]
    return "'" + text if text.lstrip()[:1] in ("=", "+", "-", "@") else text


def with_marks(result: SubmissionResult, marks: Marks) -> SubmissionResult:
    """Return the result with a TA's marks merged in."""
    return replace(
        result,
        questions=tuple(
            marked(q, marks[result.person.id, q.id]) if (result.person.id, q.id) in marks else q
            for q in result.questions
        ),
    )


def marked(question: QuestionResult, mark: Mark) -> QuestionResult:
    """Return one written question with its mark."""
    outcome = Outcome.PASSED if mark.points >= question.possible else Outcome.FAILED
    return replace(question, points=mark.points, comment=mark.comment, outcome=outcome)


def _mark(
    row: Mapping[str, str | None], assignment: Assignment, people: Collection[str]
) -> tuple[tuple[str, str], Mark, str]:
    person, question_id, points_text = ((row.get(name) or "").strip() for name in COLUMNS[:3])
    written = {q.id: q for q in assignment.questions if q.kind is Kind.WRITTEN}
    nothing = (person, question_id), Mark(0.0)
    if person not in people:
        near = difflib.get_close_matches(person, list(people), 1)
        hint = f"; did you mean {near[0]!r}?" if near else "; use the ids of the first column of grades.csv"
        return *nothing, f"nobody with the id {person!r} handed in{hint}"
    if question_id not in written:
        known = ", ".join(written) or "none"
        return *nothing, f"{question_id!r} is no written question of {assignment.slug}; known: {known}"
    possible = written[question_id].points
    try:
        points = float(points_text)
    except ValueError:
        points = math.nan
    if not 0 <= points <= possible:
        return *nothing, f"points {points_text!r}: give a number from 0 to {possible:g}"
    comment = (row.get("comment") or "").strip()
    if comment != _quoted(comment[1:]) or not comment.startswith("'"):
        return (person, question_id), Mark(points, comment), ""
    return (person, question_id), Mark(points, comment[1:]), ""
