from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from autograder import cli
from autograder.audit import cases, judge
from autograder.audit.cases import PARTS, Case, Part
from autograder.audit.run import audit
from autograder.audit.workshop import Workshop
from autograder.course import Course
from autograder.errors import AuthoringError
from autograder.grading import threads
from autograder.results import Outcome, Person, QuestionResult, SubmissionResult, TestResult
from autograder.source.document import read_source
from autograder.source.variants import Mutant, with_mutant


def edit(course: Course, path: str, old: str, new: str) -> None:
    file = course.root / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def reasons(course: Course, *parts: Part, seeds: int = 1) -> list[str]:
    found = audit(course, "tiny", parts=parts or PARTS, seeds=seeds, jobs=2)
    assert found.passed == (not found.problems)
    return [problem.what for problem in found.problems]


def test_a_sound_assignment_passes_and_is_counted(tiny_course: Course) -> None:
    heard: list[tuple[int, int]] = []
    found = audit(
        tiny_course, "tiny", seeds=3, jobs=2, hear=lambda done, total, name: heard.append((done, total))
    )
    assert found.problems == ()
    # 3 references, 1 starter, 3 mutants, 2 alternatives, 11 automatic mutants; and the one that is traced
    assert heard == [(i, 20) for i in range(1, 21)]
    assert found.num_cases == 21
    double, quadruple, estimate = found.rows
    assert (double.num_public, double.num_hidden, double.num_full, double.num_seeds) == (1, 1, 3, 3)
    assert (double.num_mutants, double.num_caught, double.num_alternatives, double.num_accepted) == (
        1,
        1,
        1,
        1,
    )
    assert (quadruple.num_mutants, quadruple.num_caught) == (1, 1)
    assert (estimate.num_alternatives, estimate.num_accepted) == (1, 1)
    assert [(row.num_run, row.num_lines) for row in found.rows] == [(1, 1), (1, 1), (2, 2)]
    assert all(0 < row.cpu_share < 1 / 3 for row in found.rows)
    assert 0 < found.cpu_s < 5
    assert found.tier in ("A", "A'")


def test_a_mistake_that_no_test_notices_is_named(own_tiny_course: Course) -> None:
    edit(own_tiny_course, "solutions/tiny/mutants/tiny.toml", 'new = "x * x"', 'new = "x + x + 0"')
    assert reasons(own_tiny_course, Part.MUTANTS) == [
        "mutant 1.1 squares: loses nothing, no test notices it (tiny.toml:1: Multiplies x with itself.)"
    ]


def test_a_mistake_that_costs_another_question_is_named(own_tiny_course: Course) -> None:
    edit(own_tiny_course, "assignments/tiny/assignment.toml", 'stand_ins = ["double"]', "")
    [problem] = reasons(own_tiny_course, Part.MUTANTS)
    assert problem.startswith("mutant 1.1 squares: 1.2 loses 2 of 2 points (test_quadruples_three: FAILED")


def test_a_right_answer_that_loses_points_is_named(own_tiny_course: Course) -> None:
    edit(own_tiny_course, "solutions/tiny/alternatives/tiny.py", "return 2 * x", "return 2 * x + 1")
    [problem] = reasons(own_tiny_course, Part.ALTERNATIVES)
    assert problem.startswith("alternative 1.1 twice: 1.1 loses 2 of 2 points (test_doubles_three: FAILED")


def test_a_starter_that_earns_is_named(own_tiny_course: Course) -> None:
    edit(
        own_tiny_course,
        "assignments/tiny/tests/test_tiny.py",
        "    expect_equal(student.double(3), 6)",
        "    pass",
    )
    [problem] = reasons(own_tiny_course, Part.STARTER)
    assert problem == "starter: 1.1 earns 1 of 2 points (test_doubles_three: PASSED)"


def test_a_reference_that_fails_under_some_seed_is_named(own_tiny_course: Course) -> None:
    edit(
        own_tiny_course, "solutions/tiny/tests/test_tiny_hidden.py",
        "expect_equal(student.quadruple(x), 4 * x)", "expect_equal(student.quadruple(x), 4 * min(x, 500))",
    )  # fmt: skip
    [problem] = reasons(own_tiny_course, Part.REFERENCE, seeds=8)
    assert problem.startswith("reference, seed ") and "1.2 loses 1 of 2 points" in problem
    assert re.search(r"; likewise under [1-6] of the other 7 seeds$", problem)


def test_what_the_reference_loses_is_told_once_and_not_of_each_mutant(own_tiny_course: Course) -> None:
    edit(
        own_tiny_course, "solutions/tiny/tests/test_tiny_hidden.py",
        "expect_equal(student.quadruple(x), 4 * x)", "expect_equal(student.quadruple(x), 5 * x)",
    )  # fmt: skip
    edit(own_tiny_course, "assignments/tiny/assignment.toml", 'stand_ins = ["double"]', "")  # 1.1 runs in 1.2
    found = audit(own_tiny_course, "tiny", seeds=3, jobs=2)
    [problem] = [p.what for p in found.problems]
    assert problem.startswith("reference, seed 0: 1.2 loses 1 of 2 points (test_quadruples_anything: FAILED")
    assert problem.endswith("; likewise under 2 of the other 2 seeds")
    double, quadruple, _ = found.rows
    assert (double.num_caught, quadruple.num_caught, quadruple.num_mutants) == (1, 0, 1)


def test_a_module_to_preload_that_is_not_installed_is_named_by_its_line(own_tiny_course: Course) -> None:
    edit(own_tiny_course, "assignments/tiny/assignment.toml", 'preload = ["numpy"]', 'preload = ["nunpy"]')
    with pytest.raises(AuthoringError, match=r"assignment\.toml:4: preload: no module 'nunpy' on this machine"):
        audit(own_tiny_course, "tiny")


def test_a_test_that_breaks_is_the_graders_error(own_tiny_course: Course) -> None:
    edit(
        own_tiny_course, "solutions/tiny/tests/test_tiny_hidden.py",
        "expect_equal(student.quadruple(x), 4 * x)", "raise OSError('no such data')",
    )  # fmt: skip
    [problem] = reasons(own_tiny_course, Part.REFERENCE)
    assert problem.startswith("reference, seed 0: 1.2 ended in GRADER_ERROR: test_quadruples_anything")
    assert re.search(r"OSError: no such data \(test_tiny_hidden\.py:\d+\)$", problem)


def test_an_alternative_that_redefines_other_names_is_graded_everywhere(own_tiny_course: Course) -> None:
    known = {q: frozenset({q}) for q in ("1.1", "1.2", "2.1")}

    def questions() -> list[tuple[str, ...]]:
        source = read_source(own_tiny_course, "tiny")
        return [c.questions for c in cases.alternative_cases(own_tiny_course, source, 1, known)]

    assert questions() == [("1.1",), ("2.1",)]
    edit(
        own_tiny_course, "solutions/tiny/alternatives/tiny.py",
        "def double(x):\n    return 2 * x", "def double(x):\n    return 2 * x\ndef quadruple(x):\n    return 4 * x",
    )  # fmt: skip
    assert questions() == [("1.1", "1.2", "2.1"), ("2.1",)]


def test_a_planted_mistake_is_the_one_that_the_source_would_give(tiny_course: Course) -> None:
    source = read_source(tiny_course, "tiny")
    workshop = Workshop(source)
    planted = cases.mutant_cases(tiny_course, source, 1, {})
    assert len(planted) == 3
    for one in planted:
        assert isinstance(one.change, Mutant)
        expected = json.loads(with_mutant(source, one.change).notebook)["cells"]
        assert [
            (c["id"], "".join(c["source"])) for c in json.loads(workshop.build(one).notebook)["cells"]
        ] == [(c["id"], "".join(c["source"])) for c in expected]


def test_seeds_are_the_grading_seed_and_others_drawn_from_it() -> None:
    assert cases.seeds(7, 1) == [7]
    drawn = cases.seeds(7, 20)
    assert drawn[0] == 7 and len(set(drawn)) == 20
    assert drawn == cases.seeds(7, 20) and drawn[1:] != cases.seeds(8, 20)[1:]


def result(*questions: QuestionResult, cpu_s: float = 1.0, error: str = "") -> SubmissionResult:
    return SubmissionResult(
        Person("x"), "tiny", "1.0.0", "d", "t", "g", "s", "A", questions, cpu_s=cpu_s, error=error
    )


def case(part: Part, question: str = "") -> Case:
    mutant = Mutant(question, "m", "Why.", "a", "b", Path("m.toml"), 1)
    return Case(part, "case", 1, ("1.1",), mutant if question else None)


def test_a_slow_reference_is_named(tiny_course: Course) -> None:
    assignment = tiny_course.assignment("tiny")
    slow = QuestionResult("1.1", "double", "D", "code", Outcome.PASSED, 2, 2, cpu_s=0.4)
    graded = [(case(Part.REFERENCE), result(slow, cpu_s=91.0))]
    assert [p.what for p in judge.timing_problems(graded, assignment)] == [
        "1.1: the reference takes 0.4 s of CPU, over a third of the limit of 1 s; raise the limit or make the tests smaller",
        "the reference takes 91.0 s of CPU in all, the budget is 90 s; make the slowest tests smaller",
    ]
    fast = replace(slow, cpu_s=0.3)
    assert judge.timing_problems([(case(Part.REFERENCE), result(fast))], assignment) == []
    assert judge.timing_problems([(case(Part.MUTANTS, "1.1"), result(slow, cpu_s=91.0))], assignment) == []


def test_an_audit_refuses_a_reference_that_needs_over_a_third_of_its_limit(own_tiny_course: Course) -> None:
    edit(
        own_tiny_course, "solutions/tiny/tiny.py", "    return x + x",
        "    import time\n    while time.process_time() < 0.6:\n        pass\n    return x + x",
    )  # fmt: skip
    edit(own_tiny_course, "assignments/tiny/assignment.toml", "[limits]\ncpu_s = 1.0", "[limits]\ncpu_s = 1.5")
    found = audit(own_tiny_course, "tiny", parts=[Part.TIME], seeds=20, questions=["1.1"])
    [problem] = found.problems
    assert (problem.part, problem.question) == ("time", "1.1")
    assert re.match(r"1\.1: the reference takes \d\.\d s of CPU, over a third of the limit of 1\.5 s; raise", problem.what)
    [row] = found.rows
    assert (row.num_seeds, row.limit_s) == (1, 1.5) and row.cpu_share > 1 / 3


def test_a_leak_is_named_as_a_release_would(own_tiny_course: Course) -> None:
    assert reasons(own_tiny_course, Part.LEAKS) == []
    handout = "total = np.sum(samples)\nreturn total / len(samples)\ntest_doubles_anything\n"
    (own_tiny_course.root / "assignments/tiny/handout.md").write_text(handout)
    edit(own_tiny_course, "assignments/tiny/assignment.toml", "preload", 'data = ["handout.md"]\npreload')
    found = audit(own_tiny_course, "tiny", parts=[Part.LEAKS])
    assert {p.part for p in found.problems} == {"leaks"}
    said = " ".join(p.what for p in found.problems)
    assert "handout.md:1 holds consecutive lines of hole 2.1 estimate (" in said
    assert "handout.md:3 holds the name of a hidden test in test_tiny_hidden.py (" in said


def test_a_secret_that_cannot_be_searched_for_is_named(own_tiny_course: Course) -> None:
    (own_tiny_course.solution("tiny") / "notes.json").write_text("{")
    [problem] = reasons(own_tiny_course, Part.LEAKS)
    assert "notes.json:1: cannot be searched for secrets: Expecting property name" in problem


def test_only_the_questions_that_are_asked_for_are_looked_at(own_tiny_course: Course) -> None:
    edit(own_tiny_course, "solutions/tiny/mutants/tiny.toml", 'new = "x * x"', 'new = "x + x + 0"')
    parts = set(PARTS) - {Part.LEAKS}
    found = audit(own_tiny_course, "tiny", parts=parts, seeds=2, jobs=2, questions=["2.1"])
    assert found.problems == ()
    [row] = found.rows
    assert (row.id, row.num_mutants, row.num_alternatives, row.num_automatic, row.num_full) == ("2.1", 1, 1, 7, 2)
    assert found.num_cases == 1 + 2 + 1 + 1 + 1 + 7  # traced, references, starter, mutant, alternative, automatic
    found = audit(own_tiny_course, "tiny", parts=[Part.MUTANTS], jobs=2, questions=["1.1"])
    assert [p.question for p in found.problems] == ["1.1"]


def test_a_submission_that_cannot_be_read_is_a_problem() -> None:
    [problem] = judge.problems_of(case(Part.STARTER), result(error="not a notebook"))
    assert problem.what == "case: cannot be read: not a notebook"


def test_a_mutant_whose_question_ends_in_a_grader_error_is_not_caught() -> None:
    test = TestResult("test_x", "X", True, Outcome.GRADER_ERROR, 0, 2, message="The grader failed.")
    broken = QuestionResult("1.1", "double", "D", "code", Outcome.GRADER_ERROR, 0, 2, tests=(test,))
    [problem] = judge.problems_of(case(Part.MUTANTS, "1.1"), result(broken))
    assert "1.1 ended in GRADER_ERROR: test_x" in problem.what


Call = Callable[..., tuple[int, str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    for name in threads.THREADS:
        monkeypatch.setenv(name, "1")

    def call(course: Course, *args: object) -> tuple[int, str]:
        monkeypatch.chdir(course.root)
        monkeypatch.setattr(sys, "argv", ["autograder", "audit", *map(str, args)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capfd.readouterr()
        return code, said.out + said.err

    return call


def test_the_command_shows_a_table_and_writes_json(
    call: Call, own_tiny_course: Course, tmp_path: Path
) -> None:
    edit(own_tiny_course, "solutions/tiny/mutants/tiny.toml", 'new = "x * x"', 'new = "x + x + 0"')
    path = tmp_path / "build" / "audit.json"
    code, said = call(own_tiny_course, "tiny", "--only", "starter,mutants", "--json", path, "--jobs", 2)
    assert code == 1
    assert "1.1 Double" in said and "0/1" in said
    assert "mutants: mutant 1.1 squares: loses nothing" in said
    assert "tiny (starter, mutants): 1 thing is wrong." in said
    [data] = json.loads(path.read_text())
    assert (data["passed"], data["parts"], data["rows"][0]["num_caught"]) == (
        False,
        ["starter", "mutants"],
        0,
    )
    code, said = call(own_tiny_course, "--only", "starter")
    assert code == 0
    assert "tiny (starter): nothing is wrong." in said


def test_every_part_is_in_the_table_and_in_the_json(call: Call, own_tiny_course: Course, tmp_path: Path) -> None:
    tests = own_tiny_course.solution("tiny") / "tests" / "test_estimate_hidden.py"
    tests.write_text(f'THRESHOLD = "2.1 estimate"  # of thresholds.json\n{tests.read_text()}')
    entry = {"measures": "error", "model": "normal", "cost": "dear", "runs": [0.5, 0.4, 0.6, 0.5, 0.5], "bound": 1}
    entry["higher_is_better"] = False
    (own_tiny_course.solution("tiny") / "thresholds.json").write_text(json.dumps({"2.1 estimate": entry}))
    path = tmp_path / "audit.json"
    code, said = call(own_tiny_course, "tiny", "--seeds", 2, "--json", path, "--jobs", 2)
    assert code == 0, said
    parts = "reference, starter, mutants, alternatives, automatic, thresholds, leaks, time, coverage"
    assert f"tiny ({parts}): nothing is wrong." in said
    assert re.search(r"The slowest question, [12]\.[12], takes \d+% of its CPU limit\.", said)
    assert "In what students get, nothing of solutions/ was found." in said
    assert re.search(r"2\.1 estimate +5 +0\.5 +0\.07071 +0\.6 +1 +0\.0018 +0\.01 +normal", said)
    assert re.search(r"1\.1 Double +1 +1 +2/2 +1/1 +1/1 +3/3 +1/1 +0\.\d\d +1 +\d+%", said)
    [data] = json.loads(path.read_text())
    assert data["parts"] == parts.split(", ")
    assert data["rows"][0].items() >= {"num_run": 1, "num_lines": 1, "num_killed": 3, "num_full": 2}.items()
    assert 0 < data["rows"][0]["cpu_share"] < 1 / 3
    [threshold] = data["thresholds"]
    assert threshold.items() >= {"name": "2.1 estimate", "num_runs": 5, "model": "normal", "most": 0.01}.items()
    assert threshold["false_fail_rate"] == pytest.approx(0.00184, rel=0.01)
    code, said = call(own_tiny_course, "tiny", "--question", "1.1", "--question", "2.1", "--seeds", 1, "--jobs", 2)
    assert code == 0
    assert "1.1 Double" in said and "2.1 Estimate" in said and "1.2 Quadruple" not in said
    assert f"tiny ({parts.replace(' leaks,', '')}): nothing is wrong." in said


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["tiny", "--only", "mutant"], "--only mutant: no such part"), (["nope"], "no assignment 'nope'"),
        (["tiny", "--question", "7.7"], "tiny has no question '7.7'"),
        (["tiny", "--question", "1.1,9.1"], "--question 9.1: a written question, which no test scores"),
        (["tiny", "tiny", "--question", "1.1"], "--question 1.1: of which assignment?"),
        (["--changed", "tiny"], "--changed tiny: git knows no such revision"),
        (["nope", "--changed"], "no assignment 'nope'"),
    ],
)
def test_wrong_use_exits_2(call: Call, tiny_course: Course, args: list[str], words: str) -> None:
    code, said = call(tiny_course, *args)
    assert code == 2
    assert words in said
