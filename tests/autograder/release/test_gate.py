from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Course
from autograder.errors import AuthoringError, ReleaseError, SandboxError
from autograder.release.gate import inspect, refuse_release
from autograder.results import Outcome, TestResult
from autograder.source.starter import write_starter
from tests.autograder.release.conftest import SLUG, fake_grader


def reasons(course: Course, grade: Any = None) -> tuple[str, ...]:
    return inspect(course, SLUG, grade or fake_grader()).reasons


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_right_assignment_has_no_reason_against_it(course: Course) -> None:
    found = inspect(course, SLUG, fake_grader())
    assert found.reasons == () and found.source is not None
    refuse_release(SLUG, found.reasons)


def test_a_threshold_that_fails_right_answers_is_a_reason(course: Course) -> None:
    edit(course.solution(SLUG) / "thresholds.json", "-163.28154", "-153.28154")
    [reason] = reasons(course)
    assert reason.startswith("thresholds.json:2: 1.3 policy: fails up to 0.1") and "expected at most 0.01" in reason


def test_starter_code_that_is_not_as_generated_is_named(course: Course) -> None:
    (course.starter(SLUG) / "planner.py").write_text("x = 1\n")
    (course.starter(SLUG) / "notes.txt").write_text("x")
    assert reasons(course) == (
        f"starter_code/{SLUG}/notes.txt is extra, expected as generated; run `autograder starter {SLUG}`",
        f"starter_code/{SLUG}/planner.py is changed, expected as generated; run `autograder starter {SLUG}`",
    )


def test_a_marker_that_is_off_is_named_by_its_line_and_nothing_can_be_packed(course: Course) -> None:
    edit(course.solution(SLUG) / f"{SLUG}.py", "### BEGIN SOLUTION 1.1", "### Begin Solution 1.1")
    found = inspect(course, SLUG, fake_grader())
    assert found.source is None
    assert any(f"{SLUG}.py:16: looks like a marker and is none" in r for r in found.reasons)


def test_a_starter_that_cannot_be_generated_is_a_reason(course: Course) -> None:
    (course.root / "assignments" / SLUG / "handout.md").unlink()
    found = inspect(course, SLUG, fake_grader())
    assert found.source is None and len(found.reasons) == 1
    assert f"assignment.toml:5: data: 'handout.md' is not in assignments/{SLUG}/; " in found.reasons[0]


def test_a_question_without_public_or_hidden_tests_is_named(course: Course) -> None:
    hidden = course.solution(SLUG) / "tests" / "test_secret_corners.py"
    text = hidden.read_text()
    hidden.write_text(text[: text.index('@question("1.3')])
    public = course.assignment(SLUG).tests / "test_public.py"
    edit(public, '@question("1.3 policy", points=0.5)', '@question("1.3 policy", points=1)')
    write_starter(course, SLUG)
    found = reasons(course)
    assert len(found) == 2 and found[0].endswith(": 1.3 policy has no hidden test; write at least one")
    assert found[1] == "the reference and the starter were not graded: the tests are not right yet"
    hidden.write_text(text)
    edit(hidden, "points=0.5", "points=1")
    text = public.read_text()
    public.write_text(text[: text.index('@question("1.3')])
    write_starter(course, SLUG)
    assert reasons(course)[0].endswith(": 1.3 policy has no public test; write at least one")


def test_tests_that_are_wrong_are_named_and_nothing_is_graded(course: Course) -> None:
    edit(
        course.solution(SLUG) / "tests" / "test_secret_corners.py",
        '"1.2 plan", points=1',
        '"1.2 plan", points=9',
    )
    found = reasons(course)
    assert any("1.2 plan" in r and "9" in r for r in found)
    assert found[-1] == "the reference and the starter were not graded: the tests are not right yet"


def test_a_written_question_without_a_rubric_is_named(course: Course) -> None:
    rubric = course.solution(SLUG) / "rubric.toml"
    edit(rubric, 'question = "2.1"', 'question = "1.1"')
    assert reasons(course) == (
        f'2.1 words has no rubric; add [[rubric]] question = "2.1" to {rubric}',
        f"{rubric}: rubric for '1.1', which is no written question of the manifest",
    )
    rubric.write_text("[[rubric")
    assert reasons(course)[0].startswith(f"{rubric}: not valid TOML: ")
    rubric.unlink()
    assert reasons(course)[0].startswith("2.1 words has no rubric")


def test_a_mutant_or_an_alternative_that_is_off_is_named(course: Course) -> None:
    edit(course.solution(SLUG) / "mutants" / "backup.toml", "candidates.max(axis=1)", "candidates.min()")
    edit(course.solution(SLUG) / "alternatives" / "backup.py", "def backup", "def other")
    mutant, alternative = reasons(course)
    assert "backup.toml:1: mutant 'smallest' of 1.1: `old` is found 0 times in the hole" in mutant
    assert "backup.py:1: it does not define `backup`" in alternative


def test_a_reference_that_loses_points_and_a_starter_that_earns_some_are_named(course: Course) -> None:
    grade = fake_grader({
        ("solved", "1.1"): (1.5, Outcome.FAILED),
        ("solved", "1.2"): (2.0, Outcome.GRADER_ERROR),
        ("starter", "1.2"): (0.5, Outcome.FAILED),
    })  # fmt: skip
    assert reasons(course, grade) == (
        "1.1 backup: the reference earns 1.5 of 2, expected 2 (FAILED)",
        "1.2 plan: the reference earns 2 of 2, expected 2 (GRADER_ERROR)",
        "1.2 plan: the untouched starter earns 0.5 of 2, expected 0 (FAILED)",
    )


def test_the_tests_that_cost_the_reference_points_are_named(course: Course) -> None:
    def grade(*args: Any, **kwargs: Any) -> Any:
        result = fake_grader({("solved", "1.1"): (1.0, Outcome.FAILED)})(*args, **kwargs)
        first, *rest = result.questions
        tests = (
            TestResult("test_a", "A", True, Outcome.FAILED, 0.0, 1.0),
            TestResult("test_b", "B", True, Outcome.PASSED, first.points, 1.0),
        )
        return replace(result, questions=(replace(first, tests=tests), *rest))

    assert reasons(course, grade) == (
        "1.1 backup: the reference earns 1 of 2, expected 2 (FAILED; test_a: FAILED)",
    )


def test_a_question_that_was_not_graded_is_named(course: Course) -> None:
    def grade(*args: Any, **kwargs: Any) -> Any:
        result = fake_grader()(*args, **kwargs)
        return replace(result, questions=result.questions[1:])

    assert reasons(course, grade) == (
        "1.1 backup: the reference was not graded",
        "1.1 backup: the untouched starter was not graded",
    )


def test_a_submission_that_cannot_be_graded_is_a_reason(course: Course) -> None:
    assert reasons(course, fake_grader(error="no cells")) == (
        "the reference cannot be graded: no cells",
        "the untouched starter cannot be graded: no cells",
    )

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise SandboxError("no bubblewrap here")

    assert reasons(course, broken)[0] == "the reference cannot be graded: no bubblewrap here"


def test_the_files_beside_the_notebook_are_graded_with_it(course: Course) -> None:
    seen = []

    def grade(*args: Any, files: Any, **kwargs: Any) -> Any:
        seen.append(sorted(files))
        return fake_grader()(*args, files=files, **kwargs)

    assert reasons(course, grade) == ()
    assert seen == [["planner.py", "policy.npz"], ["planner.py"]]


def test_an_artifact_that_the_reference_does_not_hand_in_is_named(course: Course) -> None:
    path = course.solution(SLUG) / "artifacts" / "policy.npz"
    path.unlink()
    expected = f"{path}:1: no such file; 1.3 policy asks for it: run its experiment and keep what it writes"
    assert reasons(course) == (expected,)


def test_points_of_a_rubric_are_held_against_the_manifest(course: Course) -> None:
    path = course.solution(SLUG) / "rubric.toml"
    edit(path, "points = 1", "points = 4")
    [reason] = reasons(course)
    assert reason.startswith(f"{path}: points of 2.1's criteria sum to ") and "the manifest says 2" in reason


def test_what_is_wrong_with_the_course_is_told_once(course: Course) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise AuthoringError("no grading seed", "grading.toml")

    assert reasons(course, broken) == ("grading.toml:1: no grading seed",)


def test_a_refusal_lists_every_reason() -> None:
    with pytest.raises(ReleaseError) as error:
        refuse_release("hw1", ("one", "two"))
    assert str(error.value) == "hw1 is not released, for 2 reasons:\n  - one\n  - two"
    with pytest.raises(ReleaseError, match="for 1 reason:"):
        refuse_release("hw1", ("one",))
