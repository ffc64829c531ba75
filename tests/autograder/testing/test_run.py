"""Each way a test can end has its outcome, and no run leaves anything for the next."""

from __future__ import annotations

import subprocess
import sys
import types

import numpy as np
import pytest

from autograder.results import Outcome
from autograder.sandbox.errors import (
    BudgetSpent,
    GraderSideError,
    MissingName,
    ProtocolError,
    StudentError,
    WorkerBlocked,
    WorkerCrashed,
    WorkerDied,
    WorkerOutOfMemory,
    WorkerTimedOut,
)
from autograder.testing.plugin import derive_seed

CLOSE = 'expect_close(student.double([1.0, 2.0]), [2.0, 4.0], what="doubles", hint="Times two.")'
REFERENCE = types.SimpleNamespace(double=lambda x: (2 * np.asarray(x)).tolist())


class Raises:
    """A student whose functions raise what they are told."""

    def __init__(self, error):
        self.error = error

    def __getattr__(self, name):
        def call(*args):
            raise self.error

        return call


class Returns:
    """A student whose functions return what they are told."""

    def __init__(self, value):
        self.value = value

    def __getattr__(self, name):
        return lambda *args: self.value


def run_one(suite, student, **options):
    results, _ = suite.run("1.1", student, seed=7, **options)
    return results[-1]


def test_a_right_answer_earns_the_points(author):
    result = run_one(author.one(CLOSE), {"double": lambda x: [2 * v for v in x]})
    assert (result.outcome, result.points, result.possible) == (Outcome.PASSED, 2.0, 2.0)
    assert (result.message, result.hint, result.detail, result.student_error) == ("", "", "", "")


def test_a_public_mismatch_shows_got_against_expected(author):
    result = run_one(author.one(CLOSE), Returns([2.0, 5.0]))
    assert (result.outcome, result.points) == (Outcome.FAILED, 0.0)
    assert result.message.splitlines() == [
        "doubles: returned a wrong value at [1].",
        "  got       [2., 5.]",
        "  expected  [2., 4.]",
        "  1 of 2 values differ; largest error 1; allowed 1e-08 + 1e-05 × |expected|",
    ]
    assert result.hint == "Times two."


SECRET = "expect_close(student.double(31337.5), 62675.0, what='double', hint='Times two.')"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (4242.25, "double: returned a wrong result."),
        (float("nan"), "double: returned NaN or infinity where a finite number was expected."),
        ([4242.25], "double: returned the wrong shape."),
        ("4242.25", "double: returned the wrong type of result."),
    ],
)
def test_a_hidden_mismatch_shows_words_and_hint_alone(author, value, words):
    result = run_one(author.one(SECRET, hidden=True), Returns(value), reference=REFERENCE)
    assert (result.hidden, result.outcome) == (True, Outcome.FAILED)
    assert (result.message, result.hint) == (words, "Times two.")
    shown = result.title + result.message + result.hint + result.student_error + result.measured
    assert "31337" not in shown and "62675" not in shown and "4242" not in shown
    assert "62675" in result.detail and "student.double(31337.5)" in result.detail


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            'expect_equal(student.f(), {"a": 62675}, what="table")',
            "table: returned the wrong type of result.",
        ),
        ('expect_equal({"b": 1}, {"a": 62675})', "Returned a dict with the wrong keys."),
        ('expect_equal(["x"], ["x", 62675])', "Returned a list of the wrong length."),
        ('expect_shape([1], (62675,), axes="(T,)")', "Returned the wrong shape, expected axes (T,)."),
        ('expect(False, "the policy is not greedy.")', "the policy is not greedy."),
        ("assert student.f() == 62675", "What this check states does not hold."),
        ('assert student.f() == 62675, "the count is off"', "The count is off."),
        ('pytest.fail("the policy wanders")', "The policy wanders."),
        ("with pytest.raises(ValueError):\n    pass", "DID NOT RAISE ValueError."),
    ],
)
def test_curated_words_of_every_expectation(author, body, words):
    result = run_one(author.one(body, hidden=True), Returns(4242), reference=REFERENCE)
    assert (result.outcome, result.message) == (Outcome.FAILED, words)
    assert "62675" not in result.message + result.hint and "4242" not in result.message


def test_the_hole_as_handed_out_is_not_attempted(author):
    error = StudentError("NotImplementedError", "1.1 double is yours to write", "Traceback: ...")
    result = run_one(author.one(CLOSE), Raises(error))
    assert (result.outcome, result.points) == (Outcome.NOT_ATTEMPTED, 0.0)
    assert (result.message, result.student_error) == ("1.1 double is not written yet.", "")


def test_an_own_not_implemented_error_is_not_attempted_and_shown(author):
    result = run_one(
        author.one(CLOSE), Raises(StudentError("NotImplementedError", "later", "Traceback: later"))
    )
    assert result.outcome is Outcome.NOT_ATTEMPTED
    assert result.student_error == "Traceback: later"


def test_another_questions_hole_is_named(author):
    error = StudentError("NotImplementedError", "3.1 bellman_backup is yours to write", "Traceback: ...")
    result = run_one(author.one(CLOSE), Raises(error))
    assert result.outcome is Outcome.FAILED
    assert result.message == "Your 1.1 double calls 3.1 bellman_backup, which is not written yet."
    assert result.hint == "Write 3.1 bellman_backup first."


TOLD = StudentError(
    "ValueError",
    "no rows in 41.7\nsecond line",
    'Traceback (most recent call last):\n  File "cell 3", line 12, in f\nValueError: no rows in 41.7',
)


def test_a_students_exception_is_told_with_its_traceback(author):
    result = run_one(author.one(CLOSE), Raises(TOLD), reference=REFERENCE)
    assert (result.outcome, result.points) == (Outcome.FAILED, 0.0)
    assert result.message == "Your code raised ValueError: no rows in 41.7."
    assert result.student_error.startswith('Traceback (most recent call last):\n  File "cell 3"')


UNSEEN = "Your code raised an exception."
LEAKS = [
    (TOLD, UNSEEN),
    (StudentError("Input41_7", "41.7", "Traceback"), UNSEEN),
    (StudentError("ValueError", "", 'File "cell 3", line 417, in f'), UNSEEN),
    (StudentError("ValueError", "action 41.7", "", callback="env.step"), UNSEEN),
    (StudentError("NotImplementedError", "9.9 in_41_7 is yours to write", "41.7"),
     "Your code calls a function that is not written yet."),
    (StudentError("NotImplementedError", "41.7", "41.7"), "1.1 double is not written yet."),
    (StudentError("BudgetSpent", "41.7"), "Your code used up the calls that it was given."),
    (BudgetSpent("env.step was called 417 times"), "Your code used up the calls that it was given."),
    (StudentError("MemoryError", "41.7", "41.7"), "Your code used more memory than the question allows."),
    (MissingName("in_41_7", "in_417"), "This check asks for a name that your notebook does not define."),
    (WorkerTimedOut("it ran longer than 3 s; it was at cell 1, line 417, in input_41_7"), "Your code ran out of time."),
    (WorkerCrashed("its process left with exit code 41; is there an os._exit?"),
     "The process that ran your code ended unexpectedly."),
    (WorkerBlocked("it broke the protocol: an array of dtype '41.7'"),
     "Your code did something that is not allowed while grading."),
    (ProtocolError("a frame of 417 bytes"), "Your code did something that is not allowed while grading."),
]  # fmt: skip


@pytest.mark.parametrize(("error", "message"), LEAKS, ids=lambda e: type(e).__name__)
def test_on_hidden_inputs_student_code_tells_nothing_and_the_ta_reads_all(author, error, message):
    result = run_one(author.one(CLOSE, hidden=True), Raises(error), reference=REFERENCE)
    assert (result.message, result.student_error, result.points) == (message, "", 0.0)
    assert "41" not in result.message + result.hint
    assert "41" in result.detail or "env.step" in result.detail


def test_a_long_traceback_is_cut_and_keeps_its_end(author):
    error = StudentError(
        "ValueError", "x" * 5000, "first line\n" + "frame\n" * 5000 + "\x1b[31mValueError: last"
    )
    result = run_one(author.one(CLOSE), Raises(error))
    assert len(result.message) < 400
    assert len(result.student_error) <= 1500
    assert result.student_error.startswith("first line") and result.student_error.endswith("ValueError: last")
    assert "\x1b" not in result.student_error and "… (cut) …" in result.student_error


def test_a_call_that_a_trusted_object_refuses_is_named(author):
    error = StudentError("ValueError", "action 9 is not in Discrete(4)", "Traceback", callback="env.step")
    result = run_one(author.one(CLOSE), Raises(error))
    assert result.message == (
        "Your code called env.step with what it refuses: ValueError: action 9 is not in Discrete(4)."
    )


def test_a_missing_name_is_told_with_the_nearest(author):
    result = run_one(author.one(CLOSE), Raises(MissingName("double", "duoble")))
    assert result.outcome is Outcome.FAILED
    assert result.message == (
        "Your notebook has no function `double`; the nearest name it defines is `duoble`. Was it renamed?"
    )


@pytest.mark.parametrize(
    ("error", "outcome", "words"),
    [
        (WorkerTimedOut("10 s of CPU time were spent"), Outcome.TIMED_OUT, "ran out of time. (10 s of CPU"),
        (WorkerOutOfMemory("2048 MB"), Outcome.OUT_OF_MEMORY, "more memory than the question allows"),
        (WorkerCrashed("signal 11"), Outcome.CRASHED, "ended unexpectedly. (signal 11)"),
        (WorkerBlocked("socket"), Outcome.BLOCKED, "not allowed while grading. (socket)"),
        (WorkerDied("gone"), Outcome.CRASHED, "is gone. (gone)"),
        (ProtocolError("a reply that answers no request"), Outcome.BLOCKED, "not allowed while grading."),
        (StudentError("MemoryError", "", "Traceback"), Outcome.OUT_OF_MEMORY, "more memory than"),
        (
            StudentError("BudgetSpent", "env.step was called 50 times"),
            Outcome.FAILED,
            "Env.step was called 50 times.",
        ),
        (BudgetSpent("env.step was called 50 times"), Outcome.FAILED, "Env.step was called 50 times."),
        (StudentError("KeyError", "", ""), Outcome.FAILED, "Your code raised KeyError."),
    ],
    ids=lambda e: type(e).__name__,
)
def test_each_failure_of_the_students_process_has_its_outcome(author, error, outcome, words):
    result = run_one(author.one(CLOSE), Raises(error), reference=REFERENCE)
    assert (result.outcome, result.points) == (outcome, 0.0)
    assert words in result.message


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (GraderSideError("the environment broke"), "GraderSideError: the environment broke"),
        (OSError(24, "Too many open files"), "Too many open files"),
        (SystemExit(3), "SystemExit: 3"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_what_the_grader_broke_is_a_grader_error(author, error, words):
    result = run_one(author.one(CLOSE, hidden=True), Raises(error), reference=REFERENCE)
    assert (result.outcome, result.points) == (Outcome.GRADER_ERROR, 0.0)
    assert "costs nothing" in result.message
    assert words in result.detail and words not in result.message


NONSENSE = "assert student.double(2)[0] + 1 > 3"


@pytest.mark.parametrize("value", [None, 4, "ab", [None], {}, [], [[1, 2]]], ids=str)
def test_a_test_that_trips_over_a_students_nonsense_is_the_students_failure(author, value):
    reference = types.SimpleNamespace(double=lambda x: [2 * x])
    suite = author.one(NONSENSE, hidden=True)
    assert run_one(suite, reference).outcome is Outcome.PASSED
    result = run_one(suite, Returns(value), reference=reference)
    assert (result.outcome, result.points) == (Outcome.FAILED, 0.0)
    assert (
        "could not work with what your code returned" in result.message or "does not hold" in result.message
    )


def test_a_test_that_trips_with_the_reference_too_is_a_grader_error(author):
    result = run_one(author.one(NONSENSE, hidden=True), Returns(None), reference=REFERENCE)
    assert run_one(author.one(NONSENSE, hidden=True), REFERENCE).outcome is not Outcome.PASSED
    assert result.outcome is Outcome.GRADER_ERROR


def test_a_students_attribute_of_the_wrong_kind_is_the_students_failure(author):
    suite = author.one("expect(student.make().probs.shape == (2,), 'shape')", hidden=True)

    class Wrong:
        def probs(self):
            return np.ones(2)

    class Right:
        def __init__(self):
            self.probs = np.ones(2)

    reference = {"make": Right, "double": None}
    assert run_one(suite, {"make": Wrong, "double": None}, reference=reference).outcome is Outcome.FAILED
    assert run_one(suite, reference, reference=reference).outcome is Outcome.PASSED


def test_on_a_students_machine_a_tripping_check_says_over_what(author):
    result = run_one(author.one(NONSENSE), {"double": lambda x: None})
    assert result.outcome is Outcome.FAILED
    assert result.message == (
        "This check could not work with what your code returned"
        " (TypeError: 'NoneType' object is not subscriptable)."
    )
    assert "docstring" in result.hint


def test_a_hidden_test_without_its_reference_is_a_grader_error(author):
    suite = author.one(
        "expect_close(student.double(1), reference.double(1))", "student, reference", hidden=True
    )
    result = run_one(suite, Returns(2))
    assert result.outcome is Outcome.GRADER_ERROR
    assert "this test compares with the reference, and none was given" in result.detail


def test_a_skip_inside_a_test_is_a_grader_error(author):
    result = run_one(author.one("pytest.skip('not today')", hidden=True), Returns(2), reference=REFERENCE)
    assert result.outcome is Outcome.GRADER_ERROR


def test_an_interrupt_goes_through_and_the_suite_still_works(author):
    suite = author.one(CLOSE)
    with pytest.raises(KeyboardInterrupt):
        suite.run("1.1", Raises(KeyboardInterrupt()), seed=0)
    assert run_one(suite, Returns([2.0, 4.0])).outcome is Outcome.PASSED


THREE = """
@question("1.1 double", points=0.5)
def test_a(student):
    \"\"\"A.\"\"\"
    expect_close(student.a(), 1)

@question("1.1 double", points=1)
def test_b(student):
    \"\"\"B.\"\"\"
    expect_close(student.b(), 1)

@question("1.1 double", points=0.5)
def test_c(student):
    \"\"\"C.\"\"\"
    expect_close(student.c(), 1)
"""


def test_after_a_death_the_other_tests_of_the_question_are_not_run(author):
    author.public(THREE)
    asked = []

    class Dies:
        def __getattr__(self, name):
            asked.append(name)
            if name == "b":
                raise WorkerTimedOut("10 s")
            return lambda: 1

    results, _ = author.collect(hidden=False).run("1.1", Dies(), seed=0)
    assert [r.outcome for r in results] == [Outcome.PASSED, Outcome.TIMED_OUT, Outcome.TIMED_OUT]
    assert [r.points for r in results] == [0.5, 0.0, 0.0]
    assert asked == ["a", "b"]
    assert results[2].message.startswith("Not run: an earlier check of this question ended your code.")


def test_one_failure_leaves_the_other_tests_alone(author):
    author.public(THREE)
    student = {"a": lambda: 1, "b": lambda: 1 / 0, "c": lambda: 1}
    results, _ = author.collect(hidden=False).run("1.1", student, seed=0)
    assert [r.outcome for r in results] == [Outcome.PASSED, Outcome.FAILED, Outcome.PASSED]


def test_public_only_leaves_hidden_tests_out(author):
    suite = author.one(SECRET, hidden=True)
    results, _ = suite.run("1.1", Returns(1), seed=0, public_only=True)
    assert [r.hidden for r in results] == [False]


def test_runs_do_not_see_each_other(author):
    author.public("""
        @pytest.fixture
        def box():
            return []

        @pytest.fixture(scope="module")
        def wide():
            return []

        @question("1.1 double", points=2)
        def test_it(student, box, wide, tmp_path, credit):
            \"\"\"Doubles.\"\"\"
            box.append(1)
            wide.append(1)
            (tmp_path / "file").write_text("x")
            assert (len(box), len(wide), len(list(tmp_path.iterdir()))) == (1, 1, 1)
            if student.double(1) == 2:
                credit(0.5)
        """)
    suite = author.collect(hidden=False)
    points = [run_one(suite, Returns(value)).points for value in (2, 3, 2, 3)]
    assert points == [1.0, 2.0, 1.0, 2.0]


def test_the_same_run_gives_the_same_result_every_time(author):
    suite = author.one(
        "expect_close(student.double(rng.normal()), 0, atol=9)\nassert seed < 2**31", "student, rng, seed"
    )
    seen = []

    def double(x):
        seen.append(x)
        return x

    for seed in (7, 7, 8):
        suite.run("1.1", {"double": double}, seed=seed)
    assert seen[0] == seen[1] != seen[2]


def test_seeds_are_the_same_in_every_process():
    assert derive_seed(12345, "3.2", "test_x[a]") == 1755543368
    code = "from autograder.testing.plugin import derive_seed; print(derive_seed(12345, '3.2', 'test_x[a]'))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(told) == 1755543368
    others = {derive_seed(s, q, t) for s in range(5) for q in ("1.1", "1.2") for t in ("a", "b")}
    assert len(others) == 20 and all(0 <= s < 2**31 for s in others)


def test_the_environment_tells_nobody_which_test_runs(author, monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)
    suite = author.one("import os\nassert 'PYTEST_CURRENT_TEST' not in os.environ")
    assert run_one(suite, Returns(2)).outcome is Outcome.PASSED
