from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from autograder.course import Assignment, Kind, Question
from autograder.grading.gradebook import gradebook, needs_a_person, undecided, write_gradebook
from autograder.results import Finding, Outcome, Person, QuestionResult, SubmissionResult

ASSIGNMENT = Assignment(
    "hw1", "One", "1.0.0", Path("."),
    (Question("1.1", "a", "A", 3.0), Question("1.2", "b", "B", 2.0, bonus=True),
     Question("2.1", "c", "C", 4.0, kind=Kind.WRITTEN)),
)  # fmt: skip


def result(person: str = "ada", **questions: tuple[Outcome, float]) -> SubmissionResult:
    kinds = {
        "q11": ("1.1", "code", 3.0, False),
        "q12": ("1.2", "code", 2.0, True),
        "q21": ("2.1", "written", 4.0, False),
    }
    made = tuple(
        QuestionResult(qid, qid, qid, kind, *questions.get(name, (Outcome.PASSED, possible)), possible, bonus)
        for name, (qid, kind, possible, bonus) in kinds.items()
    )
    return SubmissionResult(
        Person(person, person.title()), "hw1", "1.0.0", "d" + person, "t", "g", "s", "A", made
    )


def rows(*results: SubmissionResult) -> list[dict[str, str]]:
    return list(csv.DictReader(gradebook(results, ASSIGNMENT).splitlines()))


def test_a_row_says_who_how_much_and_why() -> None:
    [row] = rows(
        result(q11=(Outcome.FAILED, 1 / 3), q12=(Outcome.PASSED, 2.0), q21=(Outcome.AWAITING_TA, 0.0))
    )
    assert row == {
        "id": "ada", "name": "Ada", "email": "", "points": "2.3333", "possible": "7", "awaiting": "4",
        "undecided": "0", "1.1": "0.3333", "1.2": "2", "2.1": "0", "1.1 outcome": "FAILED",
        "1.2 outcome": "PASSED", "2.1 outcome": "AWAITING_TA", "findings": "0", "error": "", "digest": "dada",
    }  # fmt: skip


def test_rows_are_sorted_and_bytes_do_not_depend_on_order_or_times(tmp_path: Path) -> None:
    ada, bob = result("ada"), result("bob")
    one = write_gradebook([bob, replace(ada, graded_at="now", wall_s=3.0)], ASSIGNMENT, tmp_path).read_bytes()
    two = write_gradebook(
        [ada, replace(bob, graded_at="later", cpu_s=1.0)], ASSIGNMENT, tmp_path
    ).read_bytes()
    assert one == two
    assert [line.split(b",")[0] for line in one.splitlines()] == [b"id", b"ada", b"bob"]
    assert [p.name for p in tmp_path.iterdir()] == ["grades.csv"]


def test_what_the_grader_failed_to_decide_stands_in_its_own_column() -> None:
    open_result = result(q11=(Outcome.GRADER_ERROR, 1.0))
    assert undecided(open_result) == 2.0
    assert needs_a_person(open_result)
    assert needs_a_person(replace(result(), error="not a zip"))
    assert not needs_a_person(result(q11=(Outcome.CRASHED, 0.0)))
    assert rows(open_result)[0]["undecided"] == "2"


def test_a_name_cannot_be_a_formula_or_break_a_row() -> None:
    person = Person("=1+1", "@SUM(A1)\r\nx,y", "-e")
    [row] = rows(replace(result(), person=person, error="first line\nsecond", findings=(Finding("x"),)))
    assert (row["id"], row["name"], row["email"]) == ("'=1+1", "'@SUM(A1)  x,y", "'-e")
    assert (row["error"], row["findings"]) == ("first line", "1")
