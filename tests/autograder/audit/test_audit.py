from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder import cli
from autograder.audit import cases, judge, reach
from autograder.audit.cases import PARTS, Case, Part
from autograder.audit.run import audit
from autograder.audit.workshop import Workshop
from autograder.course import Course
from autograder.errors import AuthoringError
from autograder.grading import threads
from autograder.grading.api import grade_notebook
from autograder.grading.grader import Grader
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
    # 3 references, 1 starter, 3 mutants, 2 alternatives, 11 automatic mutants
    assert heard == [(i, 20) for i in range(1, 21)]
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


def test_the_holes_that_run_in_a_question_are_found(tiny_course: Course) -> None:
    source = read_source(tiny_course, "tiny")
    with Grader(tiny_course, "tiny") as grader:
        result = grade_notebook(tiny_course, "tiny", reach.traced(source).notebook, grader=grader)
    assert reach.reached(result, source.assignment) == {
        "1.1": frozenset({"1.1"}),
        "1.2": frozenset({"1.2"}),  # the reference stands in for 1.1
        "2.1": frozenset({"2.1"}),
    }


def test_a_question_whose_trace_is_not_whole_counts_as_reached_by_every_hole(tiny_course: Course) -> None:
    source = read_source(tiny_course, "tiny")
    known = {"1.1": frozenset({"1.1"}), "1.2": frozenset({"1.1", "1.2"})}
    assert cases.where_it_runs("1.1", source, known) == ("1.1", "1.2", "2.1")
    assert cases.where_it_runs("2.1", source, {**known, "2.1": frozenset({"2.1"})}) == ("2.1",)
    long = QuestionResult(
        "1.1", "double", "D", "code", Outcome.PASSED, 2, 2, stdout="reached hole 1.1\n" + "x" * 40_000
    )
    none = QuestionResult("1.2", "quadruple", "Q", "code", Outcome.PASSED, 2, 2, stdout="reached hole 1.1\n")
    assert reach.reached(result(long, none), source.assignment) == {}


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
    slow = QuestionResult("1.1", "double", "D", "code", Outcome.PASSED, 2, 2, cpu_s=0.6)
    graded = [(case(Part.REFERENCE), result(slow, cpu_s=91.0))]
    assert [p.what for p in judge.timing_problems(graded, assignment)] == [
        "1.1: the reference takes 0.6 s of CPU, over half of the limit of 1 s; raise the limit or make the tests smaller",
        "the reference takes 91.0 s of CPU in all, the budget is 90 s",
    ]
    assert judge.timing_problems([(case(Part.MUTANTS, "1.1"), result(slow, cpu_s=91.0))], assignment) == []


def test_a_submission_that_cannot_be_read_is_a_problem() -> None:
    [problem] = judge.problems_of(case(Part.STARTER), result(error="not a notebook"))
    assert problem.what == "case: cannot be read: not a notebook"


def test_a_mutant_whose_question_ends_in_a_grader_error_is_not_caught() -> None:
    test = TestResult("test_x", "X", True, Outcome.GRADER_ERROR, 0, 2, message="The grader failed.")
    broken = QuestionResult("1.1", "double", "D", "code", Outcome.GRADER_ERROR, 0, 2, tests=(test,))
    [problem] = judge.problems_of(case(Part.MUTANTS, "1.1"), result(broken))
    assert "1.1 ended in GRADER_ERROR: test_x" in problem.what


EVIDENCE = '"seeds": 40, "mean": 2, "spread": 0.1, "false_fail_rate": 1e-6'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "test_x.py speaks of thresholds, and there is no thresholds.json with measured ones"),
        ("{", "thresholds.json is not valid JSON"),
        ("[]", "thresholds.json is no object of thresholds by name"),
        ('{"2.1 x": 3}', "thresholds.json: 2.1 x is no object"),
        (
            '{"2.1 x": {"bound": 1, "mean": 2}}',
            "thresholds.json: 2.1 x does not say its seeds, spread, false_fail_rate",
        ),
        (f'{{"2.1 x": {{"zero": 1, {EVIDENCE}}}}}', "thresholds.json: 2.1 x has no bound: give `bound`, or"),
        (
            f'{{"2.1 x": {{"full": 1, {EVIDENCE.replace("40", "3")}}}}}',
            "thresholds.json: 2.1 x rests on 3 seeds",
        ),
        (
            f'{{"2.1 x": {{"full": 1, {EVIDENCE.replace("1e-6", "0.2")}}}}}',
            "thresholds.json: 2.1 x fails a right answer",
        ),
        (f'{{"2.1 x": {{"full": 1, {EVIDENCE}}}}}', ""),
    ],
)
def test_thresholds_stand_beside_their_evidence(tmp_path: Path, text: str | None, words: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text("BOUND = load('thresholds.json')")
    if text is not None:
        (tmp_path / "thresholds.json").write_text(text)
    problems = [p.what for p in judge.threshold_problems(tmp_path)]
    assert [words] == [p[: len(words)] for p in problems] if words else problems == []


def test_without_thresholds_nothing_is_asked_for(tmp_path: Path) -> None:
    assert judge.threshold_problems(tmp_path) == []


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


@pytest.mark.parametrize(
    ("args", "words"),
    [(["tiny", "--only", "mutant"], "--only mutant: no such part"), (["nope"], "no assignment 'nope'")],
)
def test_wrong_use_exits_2(call: Call, tiny_course: Course, args: list[str], words: str) -> None:
    code, said = call(tiny_course, *args)
    assert code == 2
    assert words in said
