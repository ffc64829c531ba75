"""A graded class as a table on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from autograder.course import Assignment
from autograder.grading.gradebook import needs_a_person
from autograder.grading.progress import STYLES
from autograder.results import Outcome, QuestionResult, SubmissionResult

ROWS = 60  # a larger class shows those that stand out; grades.csv has everybody
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
    Outcome.AWAITING_TA: "a person reads it",
    Outcome.TIMED_OUT: "timed out",
    Outcome.OUT_OF_MEMORY: "out of memory",
    Outcome.CRASHED: "crashed",
    Outcome.BLOCKED: "blocked",
    Outcome.GRADER_ERROR: "the grader failed",
    Outcome.NOT_ATTEMPTED: "not attempted",
}


def class_table(results: Sequence[SubmissionResult], assignment: Assignment) -> RenderableType:
    """Return one row a person: points, a mark for each question, what stands out; and the marks' legend."""
    shown = list(results)
    if len(results) > ROWS:
        shown = [r for r in results if _notes(r)][:ROWS]
    table = Table(
        title=assignment.title,
        title_justify="left",
        header_style="bold",
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("person", overflow="fold", max_width=28)
    table.add_column("points", justify="right", no_wrap=True)
    for question in assignment.questions:
        table.add_column(question.id, justify="center", no_wrap=True, min_width=len(question.id))
    table.add_column("notes", overflow="fold", max_width=48)
    for result in shown:
        found = {question.id: question for question in result.questions}
        marks = [_mark(found[q.id]) if q.id in found else Text("") for q in assignment.questions]
        points = f"{result.points:g}/{result.possible:g}"
        table.add_row(_printable(result.person.name or result.person.id), points, *marks, _notes(result))
    hidden = len(results) - len(shown)
    rest = [Text(f"{hidden} more rows, in which nothing stands out, are in grades.csv.")] if hidden else []
    return Group(table, _legend(shown), *rest)


def print_table(console: Console, results: Sequence[SubmissionResult], assignment: Assignment) -> None:
    """Print the class, never narrower than its questions need."""
    needed = 2 * len("person") + 48 + sum(len(q.id) + 1 for q in assignment.questions) + 30
    width = max(console.width, needed) if not console.is_terminal else console.width
    console.print(class_table(results, assignment), width=width)


def _mark(question: QuestionResult) -> Text:
    text = MARKS.get(question.outcome) or (f"{question.points:.3g}" if question.points else "✗")
    return Text(text, style=STYLES[question.outcome])


def _notes(result: SubmissionResult) -> str:
    if result.error:
        return f"[bold red]cannot be graded:[/] {escape(_printable(result.error.splitlines()[0]))}"
    loud = (Outcome.GRADER_ERROR, Outcome.BLOCKED, Outcome.CRASHED, Outcome.OUT_OF_MEMORY, Outcome.TIMED_OUT)
    notes = []
    for outcome in loud:
        ids = [question.id for question in result.questions if question.outcome is outcome]
        if ids:
            notes.append(f"[{STYLES[outcome]}]{WORDS[outcome]}[/] {', '.join(ids)}")
    if result.findings:
        first = escape(_printable(result.findings[0].what, 60))
        more = f" (+{len(result.findings) - 1})" if len(result.findings) > 1 else ""
        notes.append(f"[dim]{first}{more}[/]")
    return "; ".join(notes)


def _legend(results: Sequence[SubmissionResult]) -> Text:
    seen = {question.outcome for result in results for question in result.questions}
    parts = ["✓ all points", "a number: part of them", "✗ none"]
    parts += [f"{MARKS[o]} {WORDS[o]}" for o in WORDS if o in seen]
    return Text("  ".join(parts), style="dim")


def summary(results: Sequence[SubmissionResult]) -> str:
    """Return the class in one sentence."""
    if not results:
        return "No submissions."
    points = sorted(result.points for result in results)
    middle = len(points) // 2
    median = points[middle] if len(points) % 2 else (points[middle - 1] + points[middle]) / 2
    words = f"{len(results)} submissions, median {median:g} of {results[0].possible:g} points"
    waiting = sum(1 for result in results if result.awaiting)
    if waiting:
        words += f", {waiting} with written answers to read"
    people = [result for result in results if needs_a_person(result)]
    if people:
        names = ", ".join(_printable(result.person.id) for result in people[:8])
        words += f"; {len(people)} need a person: {names}" + (" ..." if len(people) > 8 else "")
    return words + "."


def _printable(text: str, limit: int = 80) -> str:
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
