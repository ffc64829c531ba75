"""Expectations: each compares one result and raises a :class:`Mismatch` that carries the data.

Whatever the student's code returned, an expectation ends in "fine" or in a mismatch, never in another error;
an expected value that makes no sense is the author's mistake and a TypeError or ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograder.testing.equality import find_difference
from autograder.testing.mismatch import Difference, Mismatch, Problem
from autograder.testing.values import Unreadable, describe_numbers, read_array


def expect(condition: Any, message: str, hint: str = "") -> None:
    """Require a condition; ``message`` says in a sentence what is wrong where it does not hold.

    Students read ``message`` and ``hint`` on hidden tests too: keep inputs and expected values out of them.

    Raises:
        Mismatch: the condition is false.
    """
    __tracebackhide__ = True
    if not condition:
        raise Mismatch(Problem.CONDITION, what=message, hint=hint)


def expect_close(
    got: Any, expected: Any, *, atol: float = 1e-8, rtol: float = 1e-5, what: str = "", hint: str = ""
) -> None:
    """Require numbers within ``atol + rtol * |expected|`` and of the same shape.

    Numbers, arrays, tensors and lists of numbers may be mixed. NaN matches NaN; booleans match booleans only.

    Args:
        got: what the student's code returned.
        expected: the right answer.
        atol: absolute tolerance.
        rtol: relative tolerance.
        what: names what is compared, such as ``"advantages"``; shown on hidden tests too.
        hint: a next step; shown on hidden tests too.

    Raises:
        Mismatch: the numbers differ, or there are none.
        TypeError: ``expected`` is not numbers.
    """
    __tracebackhide__ = True
    if not (atol >= 0 and rtol >= 0):
        raise ValueError(f"expect_close: atol={atol!r} and rtol={rtol!r} must not be negative")
    right = _expected_array(expected, "expect_close")
    words: dict[str, Any] = {"what": what, "hint": hint, "expected": expected, "actual": got}
    left = _got_array(got, right, words)
    if left.shape != right.shape:
        raise Mismatch(Problem.SHAPE, **{**words, "expected": right.shape, "actual": left.shape})
    kind = np.complex128 if "c" in (left.dtype.kind, right.dtype.kind) else np.float64
    with np.errstate(all="ignore"):
        a, b = left.astype(kind), right.astype(kind)
        error = np.abs(a - b)
        finite = np.isfinite(b)
        close = (a == b) | (finite & (error <= atol + rtol * np.abs(b))) | (np.isnan(a) & np.isnan(b))
    if close.all():
        return
    problem = Problem.NOT_FINITE if (finite & ~np.isfinite(a)).any() else Problem.VALUE
    index = tuple(int(i) for i in np.argwhere(~close)[0])
    errors = error[np.isfinite(error)]
    difference = Difference(
        index=index, actual=left[index], expected=right[index], num_different=int((~close).sum()),
        size=close.size, max_abs_error=float(errors.max()) if errors.size else None, atol=atol, rtol=rtol,
    )  # fmt: skip
    raise Mismatch(problem, **{**words, "expected": right, "actual": left}, difference=difference)


def expect_equal(got: Any, expected: Any, *, what: str = "", hint: str = "") -> None:
    """Require equal data: numbers, text, lists, dicts, arrays, nested as they like.

    A list, a tuple and an array of the same numbers are equal, as are 1 and 1.0; True and 1 are not.

    Raises:
        Mismatch: something differs; the mismatch says where.
        TypeError: ``expected`` is not data.
    """
    __tracebackhide__ = True
    found = find_difference(got, expected)
    if found is not None:
        raise Mismatch(
            found.problem, what=what, hint=hint, where=found.where, expected=found.expected,
            actual=found.actual, difference=found.difference, reason=found.reason,
        )  # fmt: skip


def expect_shape(
    got: Any, shape: Sequence[int | None], *, axes: str = "", what: str = "", hint: str = ""
) -> None:
    """Require an array of a shape; None stands for any length.

    Args:
        got: what the student's code returned.
        shape: the expected shape, such as ``(64, 8)``.
        axes: names of the axes, such as ``"(T, N)"``; shown on hidden tests too.
        what: names what is looked at; shown on hidden tests too.
        hint: a next step; shown on hidden tests too.

    Raises:
        Mismatch: the shape is another one, or there is no array.
        TypeError: ``shape`` is not a sequence of lengths.
    """
    __tracebackhide__ = True
    wanted = tuple(shape)
    if not all(n is None or (isinstance(n, int | np.integer) and n >= 0) for n in wanted):
        raise TypeError(f"expect_shape: shape is {shape!r}, expected lengths such as (64, 8)")
    words: dict[str, Any] = {"what": what, "hint": hint, "axes": axes, "expected": wanted}
    try:
        actual = read_array(got).shape
    except Unreadable as error:
        raise Mismatch(Problem.KIND, **words, actual=got, reason=f"{error}, expected an array") from None
    if len(actual) != len(wanted) or any(n is not None and n != m for n, m in zip(wanted, actual)):
        raise Mismatch(Problem.SHAPE, **words, actual=actual)


def _expected_array(expected: Any, function: str) -> np.ndarray:
    try:
        return read_array(expected)
    except Unreadable as error:
        raise TypeError(f"{function}: the expected value is {error}, not numbers") from None


def _got_array(got: Any, right: np.ndarray, words: dict[str, Any]) -> np.ndarray:
    __tracebackhide__ = True
    wanted = "booleans" if right.dtype.kind == "b" else "numbers" if right.shape else "a number"
    try:
        left = read_array(got)
    except Unreadable as error:
        raise Mismatch(Problem.KIND, **words, reason=f"{error}, expected {wanted}") from None
    if (left.dtype.kind == "b") != (right.dtype.kind == "b") and left.size:
        reason = f"{'booleans' if left.dtype.kind == 'b' else describe_numbers(left)}, expected {wanted}"
        raise Mismatch(Problem.KIND, **words, reason=reason)
    return left
