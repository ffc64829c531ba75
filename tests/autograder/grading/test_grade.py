from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import autograder.grading
from autograder.course import Course
from autograder.errors import AuthoringError, SandboxError
from autograder.grading.api import grade_notebook, grade_path
from autograder.grading.deadline import deadline
from autograder.grading.grader import Grader, read_seed
from autograder.grading.store import without_times
from autograder.results import Outcome, SubmissionResult, to_dict
from autograder.sandbox import supervisor

SCHEMA = json.loads((Path(autograder.grading.__file__).parent / "result.schema.json").read_text())

Make = Callable[[], Any]
Grade = Callable[..., SubmissionResult]


@pytest.fixture(scope="module")
def grader(tiny_course: Course) -> Iterator[Grader]:
    with Grader(tiny_course, "tiny") as grader:
        yield grader


@pytest.fixture
def grade(tiny_course: Course, grader: Grader) -> Grade:
    def grade(notebook: Any, **options: Any) -> SubmissionResult:
        result = grade_notebook(tiny_course, "tiny", notebook.bytes(), grader=grader, **options)
        jsonschema.validate(json.loads(json.dumps(to_dict(result))), SCHEMA)
        return result

    return grade


def outcomes(result: SubmissionResult) -> dict[str, str]:
    return {q.id: q.outcome.value for q in result.questions}


def points(result: SubmissionResult) -> dict[str, float]:
    return {q.id: q.points for q in result.questions}


def test_the_right_answers_earn_everything(grade: Grade, tiny_solved: Make) -> None:
    result = grade(tiny_solved())
    assert outcomes(result) == {"1.1": "PASSED", "1.2": "PASSED", "2.1": "PASSED", "9.1": "AWAITING_TA"}
    assert (result.points, result.possible, result.awaiting) == (7.0, 11.0, 4.0)
    assert result.question("9.1").answer == "Because it is simple."
    assert result.error == ""
    assert result.findings == ()
    assert result.question("1.1").cpu_s > 0
    assert all(t.wall_s > 0 for t in result.question("1.1").tests)


def test_the_starter_earns_nothing_and_no_worker_is_started(
    tiny_course: Course, grader: Grader, tiny_starter: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(grader.sandbox), "worker", lambda *_, **__: pytest.fail("a worker was started"))
    result = grade_notebook(tiny_course, "tiny", tiny_starter().bytes(), grader=grader, run_untouched=False)
    assert set(outcomes(result).values()) == {"NOT_ATTEMPTED"}
    assert result.points == 0
    assert result.question("1.1").tests[0].message == "1.1 double is still as it was handed out."


def test_the_starters_tests_give_nothing_when_they_run(grade: Grade, tiny_starter: Make) -> None:
    result = grade(tiny_starter())
    assert set(outcomes(result).values()) == {"NOT_ATTEMPTED"}
    assert "not written yet" in result.question("1.1").tests[0].message


def test_a_mistake_costs_its_own_question_and_not_those_that_build_on_it(
    grade: Grade, tiny_solved: Make
) -> None:
    result = grade(tiny_solved().replace("hole-1-1", "def double(x):\n    return x * x"))
    assert outcomes(result) == {"1.1": "FAILED", "1.2": "PASSED", "2.1": "PASSED", "9.1": "AWAITING_TA"}
    assert points(result)["1.1"] == 0


def test_partial_credit_is_a_part_of_the_points(grade: Grade, tiny_solved: Make) -> None:
    source = "def estimate(samples):\n    return sum(samples) / len(samples) + 0.5 * (len(samples) > 2)"
    question = grade(tiny_solved().replace("hole-2-1", source)).question("2.1")
    assert question.outcome is Outcome.FAILED
    assert question.points == pytest.approx(2.0, abs=1e-3)
    assert question.tests[1].measured == "error 0.500"


def test_nan_earns_nothing_where_less_is_better(grade: Grade, tiny_solved: Make) -> None:
    """The credit is 1 less the scaled error: an error of NaN must not scale to nothing."""
    source = "def estimate(samples):\n    return float('nan') if len(samples) > 2 else sum(samples) / 2"
    question = grade(tiny_solved().replace("hole-2-1", source)).question("2.1")
    assert (question.outcome, question.points) == (Outcome.FAILED, 1.0)
    assert question.tests[1].message.startswith("This check could not work with what your code returned")


def test_a_function_in_a_cell_of_ones_own_counts(grade: Grade, tiny_starter: Make) -> None:
    result = grade(tiny_starter().add("def double(x):\n    return 2 * x"))
    assert outcomes(result)["1.1"] == "PASSED"


def test_a_missing_cell_is_not_attempted_and_the_rest_is_graded(grade: Grade, tiny_solved: Make) -> None:
    result = grade(tiny_solved().drop("hole-2-1"), run_untouched=False)
    assert outcomes(result) == {
        "1.1": "PASSED",
        "1.2": "PASSED",
        "2.1": "NOT_ATTEMPTED",
        "9.1": "AWAITING_TA",
    }
    assert result.question("2.1").tests[0].message == "The cell of 2.1 estimate is missing from the notebook."


def test_a_syntax_error_costs_its_cell(grade: Grade, tiny_solved: Make) -> None:
    result = grade(tiny_solved().replace("hole-1-1", "def double(x)\n    return x + x"))
    assert outcomes(result) == {"1.1": "FAILED", "1.2": "PASSED", "2.1": "PASSED", "9.1": "AWAITING_TA"}
    assert "SyntaxError" in result.question("1.1").tests[0].message
    assert any("SyntaxError" in f.what and f.questions == ("1.1",) for f in result.findings)


def test_an_endless_loop_in_a_question_costs_that_question(grade: Grade, tiny_solved: Make) -> None:
    result = grade(tiny_solved().replace("hole-1-2", "def quadruple(x):\n    while True: pass"))
    assert outcomes(result) == {"1.1": "PASSED", "1.2": "TIMED_OUT", "2.1": "PASSED", "9.1": "AWAITING_TA"}


def test_an_endless_loop_at_import_costs_the_load_limit_once(
    grade: Grade, tiny_solved: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    died = []
    lost = supervisor._lost
    monkeypatch.setattr(supervisor, "_lost", lambda code, error: died.append(error) or lost(code, error))
    loop = "def double(x):\n    return x + x\nwhile True: pass"
    result = grade(tiny_solved().replace("hole-1-1", loop))
    assert outcomes(result) == {"1.1": "PASSED", "1.2": "PASSED", "2.1": "PASSED", "9.1": "AWAITING_TA"}
    assert len(died) == 1, "three questions load, and the second and third know of it"
    assert ["did not load: TimedOut" in f.what and f.questions for f in result.findings] == [("1.1",)]


def test_a_worker_that_leaves_costs_its_question(grade: Grade, tiny_solved: Make) -> None:
    result = grade(tiny_solved().replace("hole-2-1", "import os\ndef estimate(samples):\n    os._exit(0)"))
    assert outcomes(result) == {"1.1": "PASSED", "1.2": "PASSED", "2.1": "CRASHED", "9.1": "AWAITING_TA"}


def test_what_the_student_printed_is_kept(grade: Grade, tiny_solved: Make) -> None:
    result = grade(
        tiny_solved().replace("hole-1-1", "def double(x):\n    print('x is', x)\n    return x + x")
    )
    assert "x is 3" in result.question("1.1").stdout


def test_some_questions_can_be_graded_alone(grade: Grade, tiny_solved: Make) -> None:
    assert list(outcomes(grade(tiny_solved(), questions=["2.1"]))) == ["2.1"]


def test_the_same_submission_comes_to_the_same_result(grade: Grade, tiny_solved: Make) -> None:
    source = "def estimate(samples):\n    return sum(samples) / (len(samples) - 1)"
    one, two = (grade(tiny_solved().replace("hole-2-1", source)) for _ in range(2))
    assert without_times(one) == without_times(two)
    other = grade(tiny_solved().replace("hole-2-1", source), seed=1)
    assert other.seed_digest != one.seed_digest
    assert other.question("2.1").tests[1].measured != one.question("2.1").tests[1].measured


def test_the_graders_own_failure_is_tried_again(
    grade: Grade, grader: Grader, tiny_solved: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, calls = grader.suite.run, []

    def once(question: str, *args: Any, **kwargs: Any) -> Any:
        calls.append(question)
        if calls == ["1.1"]:
            raise OSError("the disk is full")
        return run(question, *args, **kwargs)

    monkeypatch.setattr(grader.suite, "run", once)
    result = grade(tiny_solved(), questions=["1.1"])
    assert calls == ["1.1", "1.1"]
    assert result.points == 2.0


def test_the_graders_repeated_failure_is_flagged_and_costs_the_others_nothing(
    grade: Grade, grader: Grader, tiny_solved: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = grader.suite.run

    def broken(question: str, *args: Any, **kwargs: Any) -> Any:
        if question == "1.1":
            raise OSError("the disk is full")
        return run(question, *args, **kwargs)

    monkeypatch.setattr(grader.suite, "run", broken)
    result = grade(tiny_solved())
    assert outcomes(result) == {"1.1": "GRADER_ERROR", "1.2": "PASSED", "2.1": "PASSED", "9.1": "AWAITING_TA"}
    assert "the disk is full" in result.question("1.1").tests[0].detail
    assert "disk" not in result.question("1.1").tests[0].message


def test_a_submission_that_cannot_be_read_earns_nothing_and_says_why(
    tiny_course: Course, grader: Grader, tmp_path: Path
) -> None:
    (tmp_path / "ada.ipynb").write_text("{ not json")
    result = grade_path(tiny_course, "tiny", tmp_path / "ada.ipynb", grader=grader)
    assert result.error
    assert result.points == 0
    assert set(outcomes(result).values()) == {"NOT_ATTEMPTED"}
    assert result.question("1.1").tests[0].message == result.error
    jsonschema.validate(json.loads(json.dumps(to_dict(result))), SCHEMA)


def test_the_schema_refuses_what_is_no_result(grade: Grade, tiny_solved: Make) -> None:
    data = json.loads(json.dumps(to_dict(grade(tiny_solved(), questions=["1.1"]))))
    for wrong in ({"tier": "Z"}, {"surprise": 1}, {"schema_version": 2}, {"points": -1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**data, **wrong}, SCHEMA)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, r"grading\.toml:1: no grading seed: no such file; add a line"),
        ("seed = ", r"grading\.toml:1: not valid TOML"),
        ("sed = 3", r"no grading seed \(seed is None, expected a whole number from 0\)"),
        ("seed = 1.5", r"seed is 1\.5"),
        ("seed = true", r"seed is True"),
        ("seed = -3", r"seed is -3"),
    ],
)
def test_a_wrong_seed_is_named(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "grading.toml").write_text(text)
    with pytest.raises(AuthoringError, match=words):
        read_seed(tmp_path)


def test_without_a_starter_the_next_step_is_named(own_tiny_course: Course) -> None:
    (own_tiny_course.starter("tiny") / "tiny.ipynb").unlink()
    with pytest.raises(AuthoringError, match="no starter notebook; run `autograder starter tiny`"):
        Grader(own_tiny_course, "tiny")


def test_a_stand_in_that_the_reference_lacks_is_named(own_tiny_course: Course, tiny_solved: Make) -> None:
    manifest = own_tiny_course.root / "assignments/tiny/assignment.toml"
    manifest.write_text(manifest.read_text().replace('stand_ins = ["double"]', 'stand_ins = ["dubble"]'))
    with pytest.raises(AuthoringError, match=r"stand_ins of 1\.2: the reference has no function 'dubble'"):
        grade_notebook(own_tiny_course, "tiny", tiny_solved().bytes(), questions=["1.2"])


def keys(course: Course, notebook: Any, **options: Any) -> dict[str, str]:
    from autograder.intake import Part, SubmissionSource
    from autograder.results import Person

    path = course.root / "one.ipynb"
    path.write_bytes(notebook.bytes())
    grader = Grader(course, "tiny", tier=options.get("tier"), seed=options.get("seed"))
    with grader:
        return grader.keys(grader.read(SubmissionSource(Person("ada"), path, (Part(path, path.name),))))


def changed(one: dict[str, str], other: dict[str, str]) -> set[str]:
    return {question for question in one if one[question] != other[question]}


def test_a_change_touches_the_questions_that_rest_on_it(own_tiny_course: Course, tiny_solved: Make) -> None:
    course, root = own_tiny_course, own_tiny_course.root
    before = keys(course, tiny_solved())
    assert keys(course, tiny_solved()) == before
    assert changed(before, keys(course, tiny_solved().replace("written-9-1", "Another answer."))) == {"9.1"}
    code = {"1.1", "1.2", "2.1"}
    assert (
        changed(before, keys(course, tiny_solved().replace("hole-1-1", "def double(x): return 2 * x")))
        == code
    )
    assert changed(before, keys(course, tiny_solved(), seed=5)) == code
    hidden = root / "solutions/tiny/tests/test_estimate_hidden.py"
    hidden.write_text(hidden.read_text() + "# changed\n")
    assert changed(before, keys(course, tiny_solved())) == {"2.1"}
    mutants = root / "solutions/tiny/mutants/tiny.toml"
    mutants.write_text("")
    (root / "solutions/tiny/survivors.toml").write_text("")
    assert changed(before, keys(course, tiny_solved())) == {"2.1"}
    reference = root / "solutions/tiny/tiny.py"
    reference.write_text(reference.read_text() + "# changed\n")
    assert changed(before, keys(course, tiny_solved())) == code


def test_tests_that_never_end_are_the_graders_error(
    grade: Grade, tiny_solved: Make, grader: Grader, monkeypatch: pytest.MonkeyPatch
) -> None:
    from autograder.grading import attempt

    endless = "def estimate(samples):\n    return 2.0\ndouble = 3"
    monkeypatch.setattr(attempt, "deadline", lambda seconds: deadline(0.3))
    run = grader.suite.run

    def loops(question: str, *args: Any, **kwargs: Any) -> Any:
        while question == "2.1":
            pass
        return run(question, *args, **kwargs)

    monkeypatch.setattr(grader.suite, "run", loops)
    result = grade(tiny_solved().replace("hole-2-1", endless), questions=["1.2", "2.1"])
    assert outcomes(result) == {"1.2": "PASSED", "2.1": "GRADER_ERROR"}
    assert "did not end within 0.3 s" in result.question("2.1").tests[0].detail


def test_a_sandbox_that_fails_is_started_again(
    grade: Grade, grader: Grader, tiny_solved: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = grader.sandbox
    monkeypatch.setattr(first, "worker", lambda *_, **__: (_ for _ in ()).throw(SandboxError("gone")))
    result = grade(tiny_solved(), questions=["1.1"])
    assert result.points == 2.0
    assert grader.sandbox is not first


def test_a_sandbox_that_does_not_start_is_tried_twice_and_costs_no_points(
    tiny_course: Course, tiny_solved: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def refuse(**settings: object) -> None:
        tried.append(settings)
        raise SandboxError("student code cannot be kept apart on this machine")

    monkeypatch.setattr("autograder.grading.grader.Sandbox", refuse)
    with Grader(tiny_course, "tiny") as grader:
        result = grade_notebook(tiny_course, "tiny", tiny_solved().bytes(), grader=grader)
    assert len(tried) == 2
    assert set(outcomes(result).values()) == {"GRADER_ERROR", "AWAITING_TA"}
