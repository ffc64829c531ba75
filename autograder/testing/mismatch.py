"""A mismatch is data; only the renderer turns it into words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Problem(StrEnum):
    """In what way a result is not the expected one."""

    CONDITION = "condition"  # expect(): the test's own sentence says it
    VALUE = "value"
    NOT_FINITE = "not_finite"  # NaN or infinity where a finite number was expected
    SHAPE = "shape"
    KIND = "kind"  # not numbers, or the wrong type
    KEYS = "keys"
    LENGTH = "length"


@dataclass(frozen=True)
class Difference:
    """Where and how far two arrays of one shape differ.

    Attributes:
        index: index of the first difference; () for a scalar.
        actual: the value got there.
        expected: the value expected there.
        num_different: how many values differ.
        size: how many values there are.
        max_abs_error: largest absolute error over finite values; None where there is none.
        atol: absolute tolerance; None where equality was asked for.
        rtol: relative tolerance.
    """

    index: tuple[int, ...]
    actual: Any
    expected: Any
    num_different: int
    size: int
    max_abs_error: float | None = None
    atol: float | None = None
    rtol: float | None = None


class Mismatch(AssertionError):
    """A result of the student's code is not the expected one.

    Attributes:
        problem: in what way.
        what: the author's words for what was compared; a student may always read them.
        hint: the author's next step; a student may always read it.
        axes: names of the expected axes, such as ``"(T, N)"``; a student may always read them.
        where: place inside a nested result, such as ``"['pi'][2]"``.
        expected: the expected value or shape; on hidden tests for the TA alone.
        actual: what was got; on hidden tests for the TA alone.
        difference: for two arrays of one shape.
        reason: why ``actual`` cannot be compared at all; on hidden tests for the TA alone.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        what: str = "",
        hint: str = "",
        axes: str = "",
        where: str = "",
        expected: Any = None,
        actual: Any = None,
        difference: Difference | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(what or problem.value)
        self.problem = problem
        self.what = what
        self.hint = hint
        self.axes = axes
        self.where = where
        self.expected = expected
        self.actual = actual
        self.difference = difference
        self.reason = reason

    def __str__(self) -> str:
        from autograder.testing.render import full

        return full(self)
