"""What of a result a student may see: pages and files that go to students are written from this alone."""

from __future__ import annotations

import re
from dataclasses import replace

from autograder.results import QuestionResult, SubmissionResult, TestResult

DIGITS = 4  # significant digits of what was measured on hidden inputs
SMALL, LARGE = 1e-6, 1e9  # the exponent of what is measured would carry digits too
MEASURED_CHARS = 120
_NUMBER = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?")


def for_student(result: SubmissionResult) -> SubmissionResult:
    """Return a result without what is for TAs: hidden tests' names, details and pictures, output, times.

    Output and times are the student's code to choose while it holds hidden inputs; so are the digits of what
    is measured, of which :data:`DIGITS` stay.
    """
    questions = tuple(_question(question) for question in result.questions)
    return replace(result, questions=questions, path="", wall_s=0.0, cpu_s=0.0)


def _question(question: QuestionResult) -> QuestionResult:
    return replace(
        question,
        tests=tuple(_test(test) for test in question.tests),
        attachments=tuple(a for a in question.attachments if not a.hidden),
        stdout="", wall_s=0.0, cpu_s=0.0, max_rss_mb=0.0,
    )  # fmt: skip


def _test(test: TestResult) -> TestResult:
    measured = rounded(test.measured) if test.hidden else test.measured
    error = "" if test.hidden else test.student_error
    return replace(test, name="", detail="", wall_s=0.0, measured=measured, student_error=error)


def rounded(text: str) -> str:
    """Return a text with its numbers cut to :data:`DIGITS` significant digits: 1999.734 becomes 2000."""
    text = _NUMBER.sub(lambda match: _rounded(match[0]), text[: 4 * MEASURED_CHARS])
    return text if len(text) <= MEASURED_CHARS else text[:MEASURED_CHARS] + "…"


def _rounded(digits: str) -> str:
    mantissa = re.split("[eE]", digits)[0].replace(".", "").strip("0")
    number = float(digits)
    if number and not SMALL <= number <= LARGE:
        return "0" if number < SMALL else f"more than {LARGE:.0e}"
    if len(mantissa) <= DIGITS:
        return digits
    return f"{float(f'{number:.{DIGITS}g}'):.12g}"
