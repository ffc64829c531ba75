from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from autograder.course import Assignment, Question
from autograder.grading.progress import Shown, line_of
from autograder.grading.table import class_table, summary
from autograder.results import Finding, Outcome, Person, QuestionResult, SubmissionResult

IDS = ("1.1", "1.2", "2.1", "10.1")
ASSIGNMENT = Assignment(
    "hw", "Homework", "1.0.0", Path("."), tuple(Question(i, f"q{i[0]}", "Q", 2.0) for i in IDS)
)


def result(person: str, *outcomes: tuple[Outcome, float]) -> SubmissionResult:
    given = (*outcomes, *[(Outcome.PASSED, 2.0)] * len(IDS))
    questions = tuple(QuestionResult(i, "q", "Q", "code", o, p, 2.0) for i, (o, p) in zip(IDS, given))
    return SubmissionResult(Person(person), "hw", "1.0.0", "d", "t", "g", "s", "A", questions, wall_s=1.25)


def shown(*results: SubmissionResult) -> str:
    out = io.StringIO()
    Console(file=out, width=120, color_system=None).print(class_table(results, ASSIGNMENT))
    return out.getvalue()


def test_a_row_has_a_mark_a_question_part_by_part() -> None:
    text = shown(result("ada", (Outcome.FAILED, 0.5), (Outcome.FAILED, 0.0), (Outcome.TIMED_OUT, 0.0)))
    assert "1  2 10" in text
    assert "2.5/8   ~✗ T ✓    timed out 2.1" in text
    assert "✓ all points   ~ part of them   ✗ none   T timed out" in text


def test_what_a_person_must_see_is_in_the_notes() -> None:
    text = shown(
        replace(result("ada", (Outcome.GRADER_ERROR, 0.0)), findings=(Finding("a"), Finding("b"))),
        replace(result("bob"), error="bob.zip: [bold]not a zip\nNext: ..."),
    )
    assert "grader failed 1.1, 2 remarks" in text
    assert "cannot be graded: bob.zip: [bold]not a zip" in text


def test_a_name_can_neither_colour_nor_move_the_cursor() -> None:
    text = shown(replace(result("x"), person=Person("\x1b[2J[red]x\nnew")))
    assert "?[2J[red]x?new" in text


def test_a_large_class_shows_those_that_stand_out() -> None:
    people = [result(f"p{i:03}") for i in range(70)]
    text = shown(*people, result("late", (Outcome.CRASHED, 0.0)))
    assert "late" in text and "p001" not in text
    assert "70 more, in which nothing stands out, are in grades.csv." in text


def test_the_class_in_a_sentence() -> None:
    ada, bob = result("ada"), result("bob", (Outcome.GRADER_ERROR, 0.0))
    assert summary([ada]) == "1 submission, median 8 of 8 points."
    assert summary([ada, bob]) == "2 submissions, median 7 of 8 points; a person must look at 1: bob."
    waiting = result("cleo", (Outcome.AWAITING_TA, 0.0))
    assert summary([waiting]) == "1 submission, median 6 of 8 points; 1 with written answers to read."
    assert summary([]) == "No submissions."


def test_a_log_has_one_line_a_submission() -> None:
    out = io.StringIO()
    progress = Shown(Console(file=out, width=80))
    with progress.of(12):
        progress.ended(result("ada", (Outcome.TIMED_OUT, 0.0)), kept=False)
        progress.ended(replace(result("b\x1bob"), error="b.zip: not a zip\nNext"), kept=True)
        progress.tick()
    assert out.getvalue().splitlines() == [
        "[ 1/12] ada  6/8  (1.2 s)  1.1 TIMED_OUT",
        "[ 2/12] b?ob  8/8  (kept)  cannot be read: b.zip: not a zip",
    ]


def test_a_terminal_sees_counts_and_outcomes() -> None:
    out = io.StringIO()
    progress = Shown(Console(file=out, width=140, force_terminal=True, color_system=None))
    with progress.of(3):
        progress.ended(result("ada", (Outcome.TIMED_OUT, 0.0)), kept=False)
        progress.ended(result("bob"), kept=True)
        progress.tick()
    assert "2/3" in out.getvalue()
    assert "passed 7  timed_out 1  1 kept" in out.getvalue()
    assert (progress.done, progress.kept) == (2, 1)


def test_a_line_does_not_depend_on_the_total_alone() -> None:
    assert line_of(result("ada"), False, 1, 1).startswith("[1/1] ada  8/8")
