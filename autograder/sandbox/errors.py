"""What can go wrong between the grader and a student's code, told apart.

Three families, and they never mix: the student's code raised (:class:`StudentError`), the process that
ran it is gone (:class:`WorkerDied`), or the grader itself is at fault (:class:`GraderSideError`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autograder.sandbox.code import CellError


class StudentError(Exception):
    """The student's code raised an exception; only its text crossed over.

    Attributes:
        type_name: the exception's class name, such as ``ValueError``.
        message: its text, cut.
        traceback_text: the frames from the student's cells on, plain and cut.
        callback: the grader's call that refused an argument (``env.step``), or empty.
    """

    def __init__(
        self, type_name: str, message: str = "", traceback_text: str = "", callback: str = ""
    ) -> None:
        super().__init__(f"{type_name}: {message}" if message else type_name)
        self.type_name = type_name
        self.message = message
        self.traceback_text = traceback_text
        self.callback = callback


class MissingName(StudentError, AttributeError):
    """A test asked for a function or a value that the submission does not define.

    Attributes:
        wanted: the name asked for.
        nearest: the most similar name that is defined, or empty.
        cell_error: why the cell that defines it did not load, if one does.
    """

    def __init__(self, wanted: str, nearest: str = "", cell_error: CellError | None = None) -> None:
        message = f"your notebook has no function `{wanted}`"
        if cell_error is not None:
            where = cell_error.label or cell_error.cell_id
            message += f": {where} defines it and did not load ({cell_error.type_name}: {cell_error.message})"
        elif nearest:
            message += f"; the nearest name it defines is `{nearest}`. Was it renamed?"
        else:
            message += ". Was its cell deleted?"
        text = cell_error.traceback_text if cell_error is not None else ""
        super().__init__("AttributeError", message, text)
        self.wanted = wanted
        self.nearest = nearest
        self.cell_error = cell_error


class WorkerDied(Exception):
    """The process that ran the student's code is gone; every later call raises the same error.

    Attributes:
        cell_id: the cell that was being loaded, or empty when loading had ended.
    """

    def __init__(self, message: str, cell_id: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cell_id = cell_id


class WorkerTimedOut(WorkerDied):
    """The CPU limit, or the wall limit on the time the grader waited, was spent."""


class WorkerOutOfMemory(WorkerDied):
    """The memory limit was reached."""


class WorkerCrashed(WorkerDied):
    """The process left, or was killed by a signal of its own making."""


class WorkerBlocked(WorkerDied):
    """The worker did what no worker may: it broke the protocol or made a forbidden system call."""


class BudgetSpent(Exception):
    """A trusted object was called more often than the test allows."""


class Refused(Exception):
    """A trusted object refuses what student code handed it; the fault is the caller's."""


class GraderSideError(Exception):
    """The grader's own code failed while serving student code; it never costs a point."""


class ProtocolError(Exception):
    """Bytes arrived that no honest worker sends."""
