from __future__ import annotations

import json
from dataclasses import replace

import pytest

from autograder.reports.lms import gradescope_results, moodle_csv
from autograder.reports.pages import feedback_html, feedback_text
from autograder.reports.views import for_student, rounded
from autograder.results import Attachment, Outcome, Person, QuestionResult, SubmissionResult, TestResult

LEAK = "LEAK 1003.27"
HIDDEN = TestResult(
    "test_name_LEAK", "The title", True, Outcome.FAILED, 1 / 3, 1, message="Wrong.", hint="Look again.",
    student_error=LEAK, measured="return 1003.2718281828", detail=LEAK, wall_s=1003.27,
)  # fmt: skip
PUBLIC = replace(HIDDEN, hidden=False, student_error="ValueError: mine", measured="return 7.123456", detail="")
QUESTION = QuestionResult(
    "1.1", "f", "First", "code", Outcome.FAILED, 2 / 3, 2, tests=(PUBLIC, HIDDEN), stdout=LEAK, wall_s=1003.27,
    cpu_s=1003.27, max_rss_mb=1003.27,
    attachments=(Attachment("public", "text/plain", b"seen"), Attachment("curve", "text/plain", LEAK.encode(), hidden=True)),
)  # fmt: skip
RESULT = SubmissionResult(
    Person("ada"), "hw1", "1.0.0", "a" * 64, "b" * 64, "c" * 64, "d" * 64, "A", (QUESTION,), wall_s=1003.27,
    cpu_s=1003.27, path="/secret/LEAK",
)  # fmt: skip
WRITERS = {
    "page": lambda result: feedback_html(result, "HW"),
    "text": lambda result: feedback_text(result, "HW"),
    "gradescope": lambda result: json.dumps(gradescope_results(result, "HW")),
    "moodle": lambda result: moodle_csv([result], "HW"),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_what_student_code_chose_while_it_held_hidden_inputs_reaches_no_student(writer: str) -> None:
    text = WRITERS[writer](RESULT)
    assert "LEAK" not in text
    assert "1003.27" not in text
    assert "Look again." in text
    assert "measured: return 1003" in text


def test_a_ta_sees_it_all() -> None:
    page = feedback_html(RESULT, "HW", for_ta=True)
    assert page.count(LEAK) >= 3
    assert "1003.2718281828" in page


def test_what_a_public_test_says_is_kept() -> None:
    public = for_student(RESULT).questions[0].tests[0]
    assert (public.student_error, public.measured) == ("ValueError: mine", "return 7.123456")
    assert [a.name for a in for_student(RESULT).questions[0].attachments] == ["public"]


def test_points_are_shown_with_two_decimals() -> None:
    shown = gradescope_results(RESULT, "HW")
    assert (shown["score"], shown["tests"][0]["score"]) == (0.67, 0.67)
    assert "execution_time" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("return -163.2 of 1024", "return -163.2 of 1024"),
        ("93% of 30 starts", "93% of 30 starts"),
        ("error 0.000123456789", "error 0.0001235"),
        ("12000 steps, 123456 more", "12000 steps, 123500 more"),
        ("1e-300", "0"),
        ("123456789012345", "more than 1e+09"),
        ("nan inf", "nan inf"),
        ("version 1.2", "version 1.2"),
    ],
)
def test_numbers_keep_four_digits(text: str, shown: str) -> None:
    assert rounded(text) == shown


def test_a_long_text_is_cut() -> None:
    assert len(rounded("word " * 100)) <= 121
