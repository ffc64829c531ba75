"""Named scales that turn a measured value into partial credit."""

from __future__ import annotations

import math

from autograder.testing.mismatch import Mismatch, Problem
from autograder.testing.values import Unreadable, describe_numbers, read_array


def linear(value: float, low: float, high: float) -> float:
    """Map a measured value to [0, 1]: nothing at ``low``, everything at ``high``, a straight line between.

    ``low`` may be the larger one, where less is better. NaN is no measurement: were it 0, a test that takes
    the rest of 1 would give everything. Grading lets the reference decide whose fault the error is.

    Raises:
        Mismatch: ``value`` is not one real number.
        ValueError: ``value`` is NaN, or ``low`` and ``high`` are equal or not finite.
    """
    if not (math.isfinite(low) and math.isfinite(high)) or low == high:
        raise ValueError(f"linear: low={low!r} and high={high!r} must be two different finite numbers")
    wanted = "expected one real number"
    try:
        array = read_array(value)
    except Unreadable as error:
        reason = f"{error}, {wanted}"
        raise Mismatch(Problem.KIND, what="measured value", actual=value, reason=reason) from None
    if array.shape != () or array.dtype.kind == "c":
        reason = f"{describe_numbers(array)}, {wanted}"
        raise Mismatch(Problem.KIND, what="measured value", actual=value, reason=reason)
    number = float(array)
    if math.isnan(number):
        raise ValueError(
            "linear: the measured value is NaN, expected a number; expect(math.isfinite(value)) before it"
        )
    return float(min(1.0, max(0.0, (number - low) / (high - low))))
