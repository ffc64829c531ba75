from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.commands.export import command as export
from autograder.course import Assignment, Course, Kind, Question
from autograder.errors import AuthoringError, AutograderError, UsageError
from autograder.grading.written import Mark, read_marks, with_marks, written_csv
from autograder.reports import stored
from autograder.reports.stored import Stored
from autograder.results import Outcome, Person, QuestionResult, SubmissionResult

ASSIGNMENT = Assignment(
    "hw1", "One", "1.0.0", Path("."),
    (Question("1.1", "a", "A", 3.0), Question("9.1", "b", "B", 4.0, kind=Kind.WRITTEN),
     Question("9.2", "c", "C", 2.0, kind=Kind.WRITTEN)),
)  # fmt: skip


def read(
    tmp_path: Path, *lines: str, header: str = "person,question,points,comment"
) -> dict[tuple[str, str], Mark]:
    path = tmp_path / "written.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8-sig")
    return read_marks(path, ASSIGNMENT, {"ada", "bob"})


def test_marks_are_read_by_person_and_question(tmp_path: Path) -> None:
    marks = read(tmp_path, 'ada,9.1,2.5,"Good, but short"', "bob,9.2,0,")
    assert marks == {("ada", "9.1"): Mark(2.5, "Good, but short"), ("bob", "9.2"): Mark(0.0)}


def test_the_comment_column_may_be_absent(tmp_path: Path) -> None:
    assert read(tmp_path, "ada,9.1,4", header="person,question,points") == {("ada", "9.1"): Mark(4.0)}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("adaa,9.1,1,", "nobody with the id 'adaa' handed in; did you mean 'ada'?"),
        (
            "zoltan,9.1,1,",
            "nobody with the id 'zoltan' handed in; use the ids of the first column of grades.csv",
        ),
        ("ada,1.1,1,", "'1.1' is no written question of hw1; known: 9.1, 9.2"),
        ("ada,9.1,4.5,", "points '4.5': give a number from 0 to 4"),
        ("ada,9.1,-1,", "points '-1': give a number from 0 to 4"),
        ("ada,9.1,many,", "points 'many': give a number from 0 to 4"),
        ("ada,9.1,nan,", "points 'nan': give a number from 0 to 4"),
    ],
)
def test_a_wrong_line_is_named_by_path_and_line(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(AutograderError) as error:
        read(tmp_path, "bob,9.1,1,", line)
    assert str(error.value) == f"{tmp_path / 'written.csv'}:3: {words}"


def test_every_wrong_line_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(AutograderError) as error:
        read(tmp_path, "ada,9.1,5,", "ada,9.2,1,", "ada,9.2,2,")
    first, second = str(error.value).split("\n")
    assert first.endswith(":2: points '5': give a number from 0 to 4")
    assert second.endswith(":4: ada has a mark for 9.2 already, in line 3; keep one of the two")


def test_a_file_without_the_columns_says_what_the_first_line_is(tmp_path: Path) -> None:
    with pytest.raises(
        AuthoringError, match=r":1: no column person, points \(got name, question\); the first line"
    ):
        read(tmp_path, header="name,question")
    with pytest.raises(AuthoringError, match=r":1: cannot be read as UTF-8 text"):
        read_marks(tmp_path / "absent.csv", ASSIGNMENT, set())


def test_marks_are_merged_into_the_persons_result_alone() -> None:
    questions = (
        QuestionResult("1.1", "a", "A", "code", Outcome.PASSED, 3.0, 3.0),
        QuestionResult("9.1", "b", "B", "written", Outcome.AWAITING_TA, 0.0, 4.0, answer="Because."),
        QuestionResult("9.2", "c", "C", "written", Outcome.AWAITING_TA, 0.0, 2.0),
    )
    result = SubmissionResult(Person("ada"), "hw1", "1.0.0", "d", "t", "g", "s", "A", questions)
    merged = with_marks(result, {("ada", "9.1"): Mark(4.0, "Clear."), ("bob", "9.2"): Mark(1.0)})
    assert (merged.points, merged.awaiting) == (7.0, 2.0)
    assert (merged.question("9.1").outcome, merged.question("9.1").comment) == (Outcome.PASSED, "Clear.")
    assert merged.question("9.1").answer == "Because."
    assert merged.question("9.2") == questions[2]
    partly = with_marks(result, {("ada", "9.1"): Mark(1.0)})
    assert partly.question("9.1").outcome is Outcome.FAILED


def answered(person: str, **answers: str) -> SubmissionResult:
    questions = tuple(
        QuestionResult(
            name.replace("q", "").replace("_", "."), "b", "B", "written",
            Outcome.AWAITING_TA if text.strip() else Outcome.NOT_ATTEMPTED, 0.0, 4.0, answer=text,
        )
        for name, text in answers.items()
    )  # fmt: skip
    code = QuestionResult("1.1", "a", "A", "code", Outcome.PASSED, 3.0, 3.0)
    return SubmissionResult(Person(person), "hw1", "1.0.0", "d", "t", "g", "s", "A", (code, *questions))


def test_the_answers_to_read_come_as_a_file_that_is_read_back(tmp_path: Path) -> None:
    formula = '=HYPERLINK("x")'
    results = [answered("bob", q9_1="Because,\nI think.", q9_2="  "), answered(formula, q9_1="-1 is less.")]
    path = tmp_path / "written.csv"
    path.write_text(written_csv(results), encoding="utf-8")
    rows = list(csv.DictReader(path.open(newline="")))
    assert list(rows[0]) == ["person", "question", "points", "comment", "answer"]
    assert [(r["person"], r["question"], r["points"]) for r in rows] == [("'" + formula, "9.1", ""), ("bob", "9.1", "")]
    assert (rows[0]["answer"], rows[1]["answer"]) == ("'-1 is less.", "Because,\nI think.")
    people = {"bob", formula}
    assert read_marks(path, ASSIGNMENT, people) == {}, "nothing is read yet"
    rows[0] |= {"points": "2", "comment": "'-1, as it says."}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    marks = read_marks(path, ASSIGNMENT, people)
    assert marks == {(formula, "9.1"): Mark(2.0, "-1, as it says.")}
    again = written_csv([with_marks(r, marks) for r in results])
    assert next(csv.DictReader(again.splitlines()))["points"] == "2"


def test_a_file_that_may_hold_marks_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Stored(Course(tmp_path), ASSIGNMENT, tmp_path, [answered("bob", q9_1="Because.")])
    monkeypatch.setattr(stored, "stored_results", lambda *_: found)
    for _ in range(2):  # the same again is no loss
        assert CliRunner().invoke(export, ["hw1", "--to", "written"]).exit_code == 0
    assert "Not final for 1 of them" in CliRunner().invoke(export, ["hw1", "--to", "canvas"]).output
    path = tmp_path / "written.csv"
    path.write_text(path.read_text().replace("9.1,,", "9.1,3,"))
    refused = CliRunner().invoke(export, ["hw1", "--to", "written"])
    assert isinstance(refused.exception, UsageError)
    assert str(refused.exception).endswith(f"Next: grade with --written {path} and rename it, then export again.")
    assert ",3," in path.read_text()
