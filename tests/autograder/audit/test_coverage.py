"""Which lines of holes run: what is traced, what is told of a line that runs in no test."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.audit import cases, reach
from autograder.audit.cases import Part
from autograder.audit.run import audit
from autograder.course import Course, Kind
from autograder.errors import AuthoringError
from autograder.grading.api import grade_notebook
from autograder.grading.grader import Grader
from autograder.results import Outcome, Person, QuestionResult, SubmissionResult
from autograder.source.document import read_source


def edit(course: Course, path: str, old: str, new: str) -> None:
    file = course.root / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def result(*questions: QuestionResult) -> SubmissionResult:
    return SubmissionResult(Person("x"), "tiny", "1.0.0", "d", "t", "g", "s", "A", questions)


def ran(question: str, *lines: str) -> QuestionResult:
    text = "".join(line + "\n" for line in lines)
    return QuestionResult(question, "q", "Q", "code", Outcome.PASSED, 2, 2, stdout=text)


BRANCHES = '''
    if x < 0:
        sign = -1
    else:
        sign = 1
    for _ in range(0):
        x = 7; sign = 8
    try:
        total = sign * abs(x)
    except TypeError:
        total = 0
    finally:
        twice = 2 * total
    return twice
'''.strip("\n")  # fmt: skip


def test_the_holes_that_run_in_a_question_are_found(tiny_course: Course) -> None:
    source = read_source(tiny_course, "tiny")
    with Grader(tiny_course, "tiny") as grader:
        found = grade_notebook(tiny_course, "tiny", reach.traced(source).notebook, grader=grader)
    assert reach.reached(found, source.assignment) == {
        "1.1": frozenset({"1.1"}),
        "1.2": frozenset({"1.2"}),  # the reference stands in for 1.1
        "2.1": frozenset({"2.1"}),
    }
    assert reach.covered(found, source, cases.scored(source)) == reach.Coverage(
        {"1.1": (1, 1), "1.2": (1, 1), "2.1": (2, 2)}
    )


def test_a_question_without_a_hole_is_reached_by_those_that_it_tells_of(tiny_course: Course) -> None:
    assignment = read_source(tiny_course, "tiny").assignment
    handed_in = replace(assignment.question("2.1"), kind=Kind.ARTIFACT, artifact="policy.npz")
    others = (q for q in assignment.questions if q.id != "2.1")
    assignment = replace(assignment, questions=(*others, handed_in))
    assert reach.reached(result(ran("2.1")), assignment) == {"2.1": frozenset()}
    assert reach.reached(result(ran("2.1", "ran hole 1.1 line 1")), assignment) == {"2.1": frozenset({"1.1"})}


def test_a_question_whose_trace_is_not_whole_counts_as_reached_by_every_hole(tiny_course: Course) -> None:
    source = read_source(tiny_course, "tiny")
    known = {"1.1": frozenset({"1.1"}), "1.2": frozenset({"1.1", "1.2"})}
    assert cases.where_it_runs("1.1", source, known) == ("1.1", "1.2", "2.1")
    assert cases.where_it_runs("2.1", source, {**known, "2.1": frozenset({"2.1"})}) == ("2.1",)
    long = ran("1.1", "ran hole 1.1 line 1", "x" * 40_000)
    none = ran("1.2", "ran hole 1.1 line 1")
    assert reach.reached(result(long, none), source.assignment) == {}
    assert reach.covered(result(long, none), source, ["1.1", "1.2"]).problems == (
        ("1.1", "1.1: its code prints so much that what ran cannot be told; print less"),
        ("1.2", "1.2: its hole runs in no test of its own; write one that calls it"),
    )
    assert reach.covered(result(long, none), source, ["2.1"]) == reach.Coverage()


def test_a_traced_hole_does_what_it_did_and_tells_of_each_line_once(
    own_tiny_course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(own_tiny_course, "solutions/tiny/tiny.py", "    return x + x", BRANCHES)
    source = read_source(own_tiny_course, "tiny")
    notebook = json.loads(reach.traced(source).notebook)
    text = next(c for c in notebook["cells"] if "def double" in "".join(c["source"]))["source"]
    names: dict[str, object] = {}
    exec("".join(text), names)
    double = names["double"]
    assert callable(double)
    assert (double(3), double(-4), double(5)) == (6, -8, 10)
    told = capsys.readouterr().out.splitlines()
    ids = [1, 4, 5, 7, 8, 12, 13, 2]
    assert told == [f"ran hole 1.1 line {i}" for i in ids]


def test_a_line_that_runs_in_no_test_is_named(own_tiny_course: Course) -> None:
    edit(own_tiny_course, "solutions/tiny/tiny.py", "    return x + x", BRANCHES)
    found = audit(own_tiny_course, "tiny", parts=[Part.COVERAGE])
    advice = "runs in no test of 1.1; write one that needs it, or cut it"
    assert [(p.part, p.question, p.what) for p in found.problems] == [
        ("coverage", "1.1", f"1.1: tiny.py:{line}: `{text}` {advice}")
        for line, text in [(12, "sign = -1"), (16, "x = 7; sign = 8"), (20, "total = 0")]
    ]
    assert [(row.num_run, row.num_lines) for row in found.rows] == [(7, 10), (1, 1), (2, 2)]


def test_a_hole_that_no_test_of_its_own_calls_is_named(own_tiny_course: Course) -> None:
    for path in ("assignments/tiny/tests/test_tiny.py", "solutions/tiny/tests/test_tiny_hidden.py"):
        text = (own_tiny_course.root / path).read_text()
        (own_tiny_course.root / path).write_text(text.replace("student.quadruple(", "4 * abs("))
    [problem] = audit(own_tiny_course, "tiny", parts=[Part.COVERAGE]).problems
    assert problem.what == "1.2: its hole runs in no test of its own; write one that calls it"


@pytest.mark.parametrize(
    ("path", "kind"),
    [("assignments/tiny/tests/test_tiny.py", "public"), ("solutions/tiny/tests/test_tiny_hidden.py", "hidden")],
)
def test_a_question_without_a_public_or_a_hidden_test_is_refused(own_tiny_course: Course, path: str, kind: str) -> None:
    edit(own_tiny_course, path, '@question("1.2 quadruple", points=1)', "def helper(*_): ...")
    text = (own_tiny_course.root / path).read_text().replace("def test_quadruples", "def quadruples")
    Path(own_tiny_course.root / path).write_text(text)
    with pytest.raises(AuthoringError, match=rf"1\.2 quadruple has no {kind} test; write at least one"):
        audit(own_tiny_course, "tiny", parts=[Part.COVERAGE])
