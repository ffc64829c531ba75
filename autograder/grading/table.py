"""A graded class as a table on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from autograder.course import Assignment
from autograder.grading.gradebook import needs_a_person
from autograder.grading.progress import STYLES
from autograder.results import Outcome, QuestionResult, SubmissionResult

ROWS = 60  # a larger class shows those that stand out; grades.csv has everybody
WIDE = 160  # columns of a log
MARKS = {
    Outcome.PASSED: "✓",
    Outcome.NOT_ATTEMPTED: "·",
    Outcome.AWAITING_TA: "?",
    Outcome.TIMED_OUT: "T",
    Outcome.OUT_OF_MEMORY: "M",
    Outcome.CRASHED: "C",
    Outcome.BLOCKED: "B",
    Outcome.GRADER_ERROR: "!",
}
WORDS = {
    Outcome.NOT_ATTEMPTED: "not attempted",
    Outcome.AWAITING_TA: "for a person to read",
    Outcome.TIMED_OUT: "timed out",
    Outcome.OUT_OF_MEMORY: "out of memory",
    Outcome.CRASHED: "crashed",
    Outcome.BLOCKED: "blocked",
    Outcome.GRADER_ERROR: "grader failed",
}
_LOUD = (Outcome.GRADER_ERROR, Outcome.BLOCKED, Outcome.CRASHED, Outcome.OUT_OF_MEMORY, Outcome.TIMED_OUT)


def wide_console() -> Console:
    """Return a console that breaks no table where nobody watches it, as in a log."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, WIDE))


def class_table(results: Sequence[SubmissionResult], assignment: Assignment) -> RenderableType:
    """Return one row a person: points, a mark for each question, what stands out; and the marks' legend."""
    shown = list(results)
    if len(results) > ROWS:
        shown = [r for r in results if _notes(r)][:ROWS]
    table = Table(
        title=assignment.title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    table.add_column("person", overflow="ellipsis", no_wrap=True, max_width=32, min_width=10)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column(_heading(assignment), no_wrap=True)
    table.add_column("notes", overflow="fold")
    for result in shown:
        name = printable(result.person.name or result.person.id)
        points = f"{_number(result.points)}/{_number(result.possible)}"
        table.add_row(Text(name), points, _marks(result, assignment), _notes(result))
    hidden = len(results) - len(shown)
    rest = [Text(f"{hidden} more, in which nothing stands out, are in grades.csv.")] if hidden else []
    return Group(table, _legend(shown), *rest)


def summary(results: Sequence[SubmissionResult]) -> str:
    """Return the class in one sentence."""
    if not results:
        return "No submissions."
    points = sorted(result.points for result in results)
    middle = len(points) // 2
    median = points[middle] if len(points) % 2 else (points[middle - 1] + points[middle]) / 2
    number = "1 submission" if len(results) == 1 else f"{len(results)} submissions"
    words = f"{number}, median {_number(median)} of {_number(results[0].possible)} points"
    if waiting := sum(1 for result in results if result.awaiting):
        words += f"; {waiting} with written answers to read"
    if people := [result for result in results if needs_a_person(result)]:
        names = ", ".join(printable(result.person.id) for result in people[:8])
        words += f"; a person must look at {len(people)}: {names}" + (" ..." if len(people) > 8 else "")
    return words + "."


def printable(text: str, limit: int = 80) -> str:
    """Return a student's text for a terminal: one line, nothing that moves the cursor, cut."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _parts(assignment: Assignment) -> list[list[str]]:
    """Return the ids of the questions, part by part: 1.1 1.2, then 2.1."""
    parts: dict[str, list[str]] = {}
    for question in assignment.questions:
        parts.setdefault(question.id.partition(".")[0], []).append(question.id)
    return list(parts.values())


def _heading(assignment: Assignment) -> str:
    """Return the numbers of the parts, each above the first of its marks."""
    return " ".join(ids[0].partition(".")[0].ljust(len(ids)) for ids in _parts(assignment))


def _marks(result: SubmissionResult, assignment: Assignment) -> Text:
    found = {question.id: question for question in result.questions}
    text = Text()
    for ids in _parts(assignment):
        text.append(" " if text else "")
        for question in ids:
            text.append_text(_mark(found[question]) if question in found else Text(" "))
        text.append(" " * (len(ids[0].partition(".")[0]) - len(ids)))
    return text


def _mark(question: QuestionResult) -> Text:
    mark = MARKS.get(question.outcome) or ("~" if question.points else "✗")
    return Text(mark, style=STYLES[question.outcome])


def _notes(result: SubmissionResult) -> str:
    if result.error:
        return f"[bold red]cannot be graded:[/] {escape(printable(result.error.splitlines()[0]))}"
    notes = []
    for outcome in _LOUD:
        ids = [question.id for question in result.questions if question.outcome is outcome]
        if ids:
            notes.append(f"[{STYLES[outcome]}]{WORDS[outcome]}[/] {' '.join(ids)}")
    if result.findings:
        number = len(result.findings)
        notes.append(f"[dim]{number} remark{'s' * (number > 1)}[/]")
    return ", ".join(notes)


def _legend(results: Sequence[SubmissionResult]) -> Text:
    seen = {question.outcome for result in results for question in result.questions}
    parts = [
        "✓ all points",
        "~ part of them",
        "✗ none",
        *(f"{MARKS[o]} {WORDS[o]}" for o in WORDS if o in seen),
    ]
    return Text("   ".join(parts), style="dim")


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
