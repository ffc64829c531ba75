"""What a student sees after a check: plain text for terminals and scripts, HTML for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from autograder.course import Kind
from autograder.results import Outcome, TestResult
from autograder.testing.checking import QuestionCheck

WORDS = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "not yet",
    Outcome.NOT_ATTEMPTED: "not written yet",
    Outcome.TIMED_OUT: "timed out",
    Outcome.OUT_OF_MEMORY: "out of memory",
    Outcome.CRASHED: "crashed",
    Outcome.BLOCKED: "blocked",
    Outcome.GRADER_ERROR: "check broken",
    Outcome.AWAITING_TA: "read by a person",
}
_WIDTH = 15


@dataclass(frozen=True)
class Panel:
    """The outcome of one call of ``check``; shows itself in a notebook and prints as text.

    Attributes:
        checks: one for each question checked.
        seen: public points seen so far in this session, and public points of the assignment.
    """

    checks: tuple[QuestionCheck, ...]
    seen: tuple[float, float] = field(default=(0.0, 0.0))

    @property
    def passed(self) -> bool:
        """Whether every public check of these questions passed."""
        return all(check.outcome in (Outcome.PASSED, Outcome.AWAITING_TA) for check in self.checks)

    def __repr__(self) -> str:
        return as_text(self.checks, self.seen)

    def _repr_html_(self) -> str:
        from autograder.testing.panel_html import as_html

        return as_html(self.checks, self.seen)


@dataclass(frozen=True)
class Trouble:
    """Why nothing could be checked, shown without a traceback."""

    message: str
    passed: bool = False

    def __repr__(self) -> str:
        return f"Nothing was checked: {self.message}"

    def _repr_html_(self) -> str:
        from autograder.testing.panel_html import trouble_as_html

        return trouble_as_html(self.message)


def number(value: float) -> str:
    """Write points without needless zeros: 3, 2.5, 0.33."""
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def word(check: QuestionCheck) -> str:
    """Say in a word or three how a question stands."""
    if not check.tests and check.question.kind is not Kind.WRITTEN:
        return "hidden checks only"
    return WORDS[check.outcome]


def score(check: QuestionCheck) -> str:
    """Say how many public points a question's checks gave."""
    if not check.tests:
        return f"{number(check.question.points)} points when graded"
    return f"{number(check.points)} of {number(check.possible)} public points"


def remark(check: QuestionCheck) -> str:
    """Say which file is still to be written, and what is left for hidden checks."""
    words = []
    if check.question.artifact and check.outcome is Outcome.NOT_ATTEMPTED:
        words.append(f"{check.question.artifact} is not in the folder yet; its experiment writes it.")
    if check.tests and check.hidden:
        rest = f"{number(check.hidden)} of {number(check.question.points)}"
        words.append(f"Hidden checks decide the other {rest} points.")
    return " ".join(words)


def standing(seen: tuple[float, float]) -> str:
    """Say what was seen so far of all public points."""
    return f"Seen so far: {number(seen[0])} of {number(seen[1])} public points."


def is_calm(check: QuestionCheck) -> bool:
    """Say whether a question needs no details: all passed, or nothing written yet."""
    return check.outcome in (Outcome.PASSED, Outcome.NOT_ATTEMPTED, Outcome.AWAITING_TA)


def as_text(checks: Sequence[QuestionCheck], seen: tuple[float, float]) -> str:
    """Write the whole panel as plain text."""
    blocks = [question_as_text(check, brief=len(checks) > 1) for check in checks]
    joined = "\n".join(blocks) if all("\n" not in block for block in blocks) else "\n\n".join(blocks)
    return f"{joined}\n\n{standing(seen)}"


def question_as_text(check: QuestionCheck, *, brief: bool = False) -> str:
    """Write one question; ``brief`` keeps a calm one to a line."""
    lines = [f"{check.question.label}: {word(check)}, {score(check)}"]
    if brief and is_calm(check):
        return lines[0]
    if check.outcome is Outcome.NOT_ATTEMPTED:
        lines += [f"  {test.title}" for test in check.tests]
    else:
        for test in check.tests:
            lines += test_as_lines(test)
    if remark(check):
        lines.append(f"  {remark(check)}")
    return "\n".join(lines)


def test_as_lines(test: TestResult) -> list[str]:
    """Write one test: its title, and why it did not pass."""
    first = (
        f"  {WORDS[test.outcome]:<{_WIDTH}} {test.title} ({number(test.points)} of {number(test.possible)})"
    )
    return [first, *(" " * (_WIDTH + 3) + line for line in reasons(test))]


def reasons(test: TestResult) -> list[str]:
    """Say why a test did not pass: got against expected, what was measured, hint, the student's own error."""
    failed = test.outcome is not Outcome.PASSED
    lines = test.message.splitlines() if failed else []
    if test.measured:
        lines.append(f"Measured: {test.measured}")
    if test.hint and failed:
        lines.append(f"Hint: {test.hint}")
    return lines + [f"| {line}" for line in test.student_error.splitlines()]
