"""What grading produces: frozen, plain data that crosses every border of the grader."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

SCHEMA_VERSION = 1


class Outcome(StrEnum):
    """How one test, or one question, ended."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    NOT_ATTEMPTED = "NOT_ATTEMPTED"
    TIMED_OUT = "TIMED_OUT"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    CRASHED = "CRASHED"
    BLOCKED = "BLOCKED"
    GRADER_ERROR = "GRADER_ERROR"
    AWAITING_TA = "AWAITING_TA"  # a written answer that a person has yet to read


@dataclass(frozen=True)
class Attachment:
    """A picture, a curve or a table that a test attached for people to look at; a hidden test's for TAs."""

    name: str
    media_type: str  # image/png, text/plain, application/json
    data: bytes
    caption: str = ""
    hidden: bool = False


@dataclass(frozen=True)
class TestResult:
    """One test of one question.

    ``title``, ``message`` and ``hint`` may be shown to the student. ``name``, ``detail`` and
    everything measured against hidden inputs inside ``detail`` are for the TA alone.
    """

    __test__ = False  # not a test class

    name: str
    title: str
    hidden: bool
    outcome: Outcome
    points: float
    possible: float
    message: str = ""
    hint: str = ""
    student_error: str = ""  # the student's own exception and traceback, already cut and plain
    measured: str = ""  # e.g. "return -163.2 (full credit from -200, none below -400)"
    detail: str = ""  # TA only: the pytest traceback, inputs, expected values
    wall_s: float = 0.0


@dataclass(frozen=True)
class QuestionResult:
    """One question: points earned of points possible, and why."""

    id: str
    name: str
    title: str
    kind: str  # code, artifact, written
    outcome: Outcome
    points: float
    possible: float
    bonus: bool = False
    tests: tuple[TestResult, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    stdout: str = ""  # what the student's code printed, cut
    answer: str = ""  # written questions: the student's text
    comment: str = ""  # written questions: the TA's remark
    wall_s: float = 0.0
    cpu_s: float = 0.0
    max_rss_mb: float = 0.0


@dataclass(frozen=True)
class Person:
    """Who handed in."""

    id: str  # stable key: the LMS's id, an e-mail address, or the file's stem
    name: str = ""
    email: str = ""


@dataclass(frozen=True)
class Finding:
    """Something intake or loading noticed about a submission, in words for student and TA."""

    what: str
    questions: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubmissionResult:
    """One graded submission."""

    person: Person
    assignment: str
    version: str
    submission_digest: str
    tests_digest: str
    grader_digest: str
    seed_digest: str  # names the grading seed without telling it
    tier: str
    questions: tuple[QuestionResult, ...]
    findings: tuple[Finding, ...] = ()
    path: str = ""
    submitted_at: str = ""
    graded_at: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    error: str = ""  # why nothing could be graded, if so
    schema_version: int = SCHEMA_VERSION
    environments_digest: str = ""  # what the student's code could build on: Python, packages, environments

    @property
    def points(self) -> float:
        """Points earned so far, bonus included; written answers count once read."""
        return round(sum(q.points for q in self.questions), 6)

    @property
    def possible(self) -> float:
        """Points possible without bonus."""
        return round(sum(q.possible for q in self.questions if not q.bonus), 6)

    @property
    def awaiting(self) -> float:
        """Points of written answers that a person has yet to read."""
        return round(sum(q.possible for q in self.questions if q.outcome is Outcome.AWAITING_TA), 6)

    def question(self, question_id: str) -> QuestionResult:
        """Return the result of one question; KeyError names the known ids."""
        for q in self.questions:
            if q.id == question_id:
                return q
        raise KeyError(f"no question {question_id!r}; known: {', '.join(q.id for q in self.questions)}")


def to_dict(result: SubmissionResult) -> dict[str, Any]:
    """Turn a result into JSON-ready data; attachments become base64 text."""
    from base64 import b64encode

    data = asdict(result)
    for question in data["questions"]:
        for attachment in question["attachments"]:
            attachment["data"] = b64encode(attachment["data"]).decode()
    data.update(points=result.points, possible=result.possible, awaiting=result.awaiting)
    return data


def from_dict(data: dict[str, Any]) -> SubmissionResult:
    """Rebuild a result from :func:`to_dict`'s data."""
    from base64 import b64decode

    def test(d: dict[str, Any]) -> TestResult:
        return TestResult(**{**d, "outcome": Outcome(d["outcome"])})

    def attachment(d: dict[str, Any]) -> Attachment:
        return Attachment(**{**d, "data": b64decode(d["data"])})

    def question(d: dict[str, Any]) -> QuestionResult:
        return QuestionResult(
            **{
                **d,
                "outcome": Outcome(d["outcome"]),
                "tests": tuple(test(t) for t in d["tests"]),
                "attachments": tuple(attachment(a) for a in d["attachments"]),
            }
        )

    data = {k: v for k, v in data.items() if k not in ("points", "possible", "awaiting")}
    return SubmissionResult(
        **{
            **data,
            "person": Person(**data["person"]),
            "questions": tuple(question(q) for q in data["questions"]),
            "findings": tuple(Finding(f["what"], tuple(f["questions"])) for f in data["findings"]),
        }
    )


__all__ = [
    "Attachment",
    "Finding",
    "Outcome",
    "Person",
    "QuestionResult",
    "SubmissionResult",
    "TestResult",
    "from_dict",
    "to_dict",
]
