"""Says what an exception that left a test means for the student."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from _pytest.outcomes import Failed

from autograder.course import Question
from autograder.errors import AutograderError
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
from autograder.testing import render
from autograder.testing.mismatch import Mismatch
from autograder.testing.plugin import MissingReference
from autograder.testing.values import printable

STUDENT_ERROR_CHARS = 1500
_YOURS = re.compile(r"(\d+(?:\.\d+)?) (\w+) is yours to write")
_SANDBOX = Path(__file__).resolve().parent.parent / "sandbox"
# What an operation of a test on a student's value may raise when that value is nonsense.
_VALUE_ERRORS = (
    TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError,
)  # fmt: skip

_DEATHS: tuple[tuple[type[WorkerDied], Outcome, str], ...] = (
    (WorkerTimedOut, Outcome.TIMED_OUT, "Your code ran out of time."),
    (WorkerOutOfMemory, Outcome.OUT_OF_MEMORY, "Your code used more memory than the question allows."),
    (WorkerBlocked, Outcome.BLOCKED, "Your code did something that is not allowed while grading."),
    (WorkerCrashed, Outcome.CRASHED, "The process that ran your code ended unexpectedly."),
    (WorkerDied, Outcome.CRASHED, "The process that ran your code is gone."),
)


@dataclass(frozen=True)
class Verdict:
    """What an exception means.

    Attributes:
        outcome: of the test.
        message: for the student.
        hint: for the student.
        student_error: the student's own exception and traceback, cut and plain.
        detail: for the TA, before the traceback.
        died: the student's process is gone; later tests of the question need not run.
        suspect: the exception left the test itself; only a run with the reference tells whether the student's
            value provoked it.
    """

    outcome: Outcome
    message: str
    hint: str = ""
    student_error: str = ""
    detail: str = ""
    died: bool = False
    suspect: bool = False


def judge(error: BaseException, question: Question, *, hidden: bool) -> Verdict:
    """Map an exception that left a test to an outcome, with words for the student and for the TA."""
    if isinstance(error, Mismatch):
        message = render.curated(error) if hidden else render.compared(error)
        if not error.what:  # the sentence is ours; an author's may begin with a name
            message = message[:1].upper() + message[1:]
        return Verdict(Outcome.FAILED, message, error.hint, detail=render.for_ta(error, question.label))
    if isinstance(error, StudentError):
        return _student_error(error, question)
    if isinstance(error, WorkerDied):
        return _death(error)
    if isinstance(error, ProtocolError):
        detail = printable(str(error), 2000)
        return Verdict(Outcome.BLOCKED, _DEATHS[2][2], detail=detail, died=True)
    if isinstance(error, BudgetSpent):
        return Verdict(Outcome.FAILED, _sentence(_line(str(error)) or "the step budget is spent"))
    if isinstance(error, AssertionError | Failed):
        return Verdict(Outcome.FAILED, _assertion_message(error))
    return _unexpected(error)


def withheld(verdict: Verdict, error: BaseException) -> Verdict:
    """Keep for the TA whatever student code could have made from hidden inputs: it could tell them.

    Exceptions' texts, kinds and lines, exit codes, signals, the names that a notebook lacks: all of that is
    the code's to choose once it holds a hidden input. The student reads what became of the check; on public
    checks, which run first, the same mistake is told in full.
    """
    if not isinstance(error, StudentError | WorkerDied | ProtocolError | BudgetSpent):
        return verdict  # an author's own words, or ours
    detail = f"{verdict.message}\n{verdict.student_error}\n{verdict.detail}".strip()
    if isinstance(error, WorkerDied | ProtocolError):
        return replace(verdict, message=_death_words(error), detail=detail)
    if verdict.outcome is not Outcome.FAILED:  # not attempted, out of memory: the words are ours
        return replace(verdict, student_error="", detail=detail)
    message, hint = _UNSEEN
    if isinstance(error, MissingName):
        message, hint = _MISSING
    elif _YOURS.search(str(error)) and not isinstance(error, BudgetSpent):
        message, hint = _EARLIER
    elif isinstance(error, BudgetSpent) or getattr(error, "type_name", "") == "BudgetSpent":
        message, hint = "Your code used up the calls that it was given.", ""
    return replace(verdict, message=message, hint=hint, student_error="", detail=detail)


_UNSEEN = (
    "Your code raised an exception.",
    "This check uses inputs that you do not see: try yours on other sizes and values.",
)
_MISSING = ("This check asks for a name that your notebook does not define.", "The public checks say which.")
_EARLIER = ("Your code calls a function that is not written yet.", "Write the earlier questions first.")


def _student_error(error: StudentError, question: Question) -> Verdict:
    text = _cut(error.traceback_text or f"{error.type_name}: {error.message}")
    if error.type_name == "NotImplementedError":
        return _not_implemented(error, question, text)
    if error.type_name == "MemoryError":
        return Verdict(Outcome.OUT_OF_MEMORY, _DEATHS[1][2], student_error=text)
    if isinstance(error, MissingName):
        shown = _cut(error.traceback_text) if error.traceback_text else ""
        return Verdict(Outcome.FAILED, _sentence(printable(_line(error.message), 600)), student_error=shown)
    if error.type_name == "BudgetSpent":
        spent = _sentence(_line(error.message) or "the step budget is spent")
        return Verdict(Outcome.FAILED, spent, student_error=text)
    raised = f"{error.type_name}: {error.message}" if error.message else error.type_name
    did = f"called {error.callback} with what it refuses:" if error.callback else "raised"
    message = _sentence(f"Your code {did} {printable(_line(raised), 300)}")
    return Verdict(Outcome.FAILED, message, student_error=text)


def _not_implemented(error: StudentError, question: Question, text: str) -> Verdict:
    named = _YOURS.search(error.message)
    if named and named.group(1) != question.id:
        other = f"{named.group(1)} {named.group(2)}"
        message = f"Your {question.label} calls {other}, which is not written yet."
        return Verdict(Outcome.FAILED, message, hint=f"Write {other} first.")
    own = "" if named else text
    return Verdict(Outcome.NOT_ATTEMPTED, f"{question.label} is not written yet.", student_error=own)


def _death(error: WorkerDied) -> Verdict:
    for kind, outcome, words in _DEATHS:
        if isinstance(error, kind):
            said = printable(_line(error.message), 300)
            message = words + (f" ({said})" if said else "")
            return Verdict(outcome, message, detail=printable(str(error), 2000), died=True)
    raise AssertionError("unreachable: the last row matches every death")


def _death_words(error: WorkerDied | ProtocolError) -> str:
    """Say how a process ended, in words that are the same for every input."""
    return next((words for kind, _, words in _DEATHS if isinstance(error, kind)), _DEATHS[2][2])


def _assertion_message(error: BaseException) -> str:
    """Keep an author's own words of ``assert x, words``; drop what pytest adds about values."""
    text = str(getattr(error, "msg", "") or (error.args[0] if error.args else ""))
    own = "" if text.startswith("assert ") else text.split("\nassert ", 1)[0]
    return _sentence(printable(own.strip(), 600)) if own.strip() else "What this check states does not hold."


def _unexpected(error: BaseException) -> Verdict:
    message = "The grader failed on this check; it costs nothing, and a person will look at it."
    ours = (AutograderError, GraderSideError, MissingReference)
    suspect = isinstance(error, _VALUE_ERRORS) and not isinstance(error, ours) and not _from_sandbox(error)
    detail = printable(f"{type(error).__name__}: {error}", 4000)
    return Verdict(Outcome.GRADER_ERROR, message, detail=detail, suspect=suspect)


def provoked(error: BaseException, *, hidden: bool) -> Verdict:
    """Judge an exception of a test that stands with the reference: the student's value provoked it."""
    kind = type(error).__name__
    words = "" if hidden else f" ({printable(f'{kind}: {_line(str(error))}', 300)})"
    message = f"This check could not work with what your code returned{words}."
    hint = "Compare the type and the shape of the result with what the docstring says."
    return Verdict(Outcome.FAILED, message, hint, detail=printable(f"{kind}: {error}", 4000))


def _from_sandbox(error: BaseException) -> bool:
    """Say whether the innermost frame belongs to the sandbox's own code: then the grader is at fault.

    Asking what the student returned for an attribute that it lacks ends there too, and is no fault of ours.
    """
    frame = error.__traceback__
    if frame is None:
        return False
    while frame.tb_next is not None:
        frame = frame.tb_next
    code = frame.tb_frame.f_code
    return Path(code.co_filename).parent == _SANDBOX and code.co_name != "__getattr__"


def _line(text: str) -> str:
    return text.strip().split("\n", 1)[0]


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."


def _cut(text: str) -> str:
    """Cut the middle out of a long traceback: its last lines say the most."""
    plain = printable(text, 200_000).strip("\n")
    if len(plain) <= STUDENT_ERROR_CHARS:
        return plain
    head, tail = STUDENT_ERROR_CHARS // 3, STUDENT_ERROR_CHARS - STUDENT_ERROR_CHARS // 3 - 20
    return f"{plain[:head]}\n… (cut) …\n{plain[-tail:]}"
