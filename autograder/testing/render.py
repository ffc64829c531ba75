"""Turns mismatches into words: for a student's own public check, for a hidden test, for a TA."""

from __future__ import annotations

from autograder.testing.mismatch import Difference, Mismatch, Problem
from autograder.testing.values import describe, place, printable, show

SMALL = 16  # arrays up to this size are shown whole

_HIDDEN = {
    Problem.VALUE: "returned a wrong result",
    Problem.NOT_FINITE: "returned NaN or infinity where a finite number was expected",
    Problem.SHAPE: "returned the wrong shape",
    Problem.KIND: "returned the wrong type of result",
    Problem.KEYS: "returned a dict with the wrong keys",
    Problem.LENGTH: "returned a list of the wrong length",
}


def curated(mismatch: Mismatch) -> str:
    """What a student may read on a hidden test: the author's words and the kind of problem, no value."""
    if mismatch.problem is Problem.CONDITION:
        return mismatch.what
    words = _HIDDEN[mismatch.problem]
    if mismatch.problem is Problem.SHAPE and mismatch.axes:
        words += f", expected axes {mismatch.axes}"
    return _after(mismatch.what, words) + "."


def compared(mismatch: Mismatch) -> str:
    """What a student reads on a public test: got against expected, without the hint."""
    if mismatch.problem is Problem.CONDITION:
        return mismatch.what
    lines = _lines(mismatch)
    where = f" at {mismatch.where}" if mismatch.where else ""
    lines[0] = _after(mismatch.what + where if mismatch.what else "", lines[0])
    if where and not mismatch.what:
        lines[0] += f"{where} of the result"
    lines[0] += "."
    return "\n".join(lines)


def full(mismatch: Mismatch, label: str = "") -> str:
    """Everything, in the one shape of errors: what, where, got against expected, next step."""
    text = f"{label}: {compared(mismatch)}" if label else compared(mismatch)
    return text + (f"\n  Hint: {mismatch.hint}" if mismatch.hint else "")


def for_ta(mismatch: Mismatch, label: str) -> str:
    """Everything, with the whole of both values as far as a page can hold them."""
    text = full(mismatch, label)
    if mismatch.problem is Problem.CONDITION:
        return text
    whole = (
        f"  Whole result: {show(mismatch.actual, 2000)}\n  Whole expectation: {show(mismatch.expected, 2000)}"
    )
    return f"{text}\n{whole}"


def _after(what: str, words: str) -> str:
    return f"{what}: {words}" if what else words


def _lines(mismatch: Mismatch) -> list[str]:
    got, expected = mismatch.actual, mismatch.expected
    if mismatch.problem is Problem.SHAPE:
        axes = f" = {mismatch.axes}" if mismatch.axes else ""
        return [f"returned shape {got}, expected {_shape(expected)}{axes}"]
    if mismatch.problem is Problem.KIND:
        shown = [] if describe(got) == "None" else [f"  got       {_indent(show(got, 200))}"]
        return [f"returned {mismatch.reason}", *shown]
    if mismatch.problem is Problem.LENGTH:
        return [f"returned {got} items, expected {expected}"]
    if mismatch.problem is Problem.KEYS:
        return ["returned a dict with other keys", *_pair(show(got), show(expected))]
    if mismatch.difference is None:
        return ["returned a wrong value", *_pair(show(got), show(expected))]
    return _array_lines(mismatch, mismatch.difference)


def _array_lines(mismatch: Mismatch, difference: Difference) -> list[str]:
    word = "NaN or infinity" if mismatch.problem is Problem.NOT_FINITE else "a wrong value"
    at = f" at {place(difference.index)}" if difference.index else ""
    whole = difference.index and difference.size <= SMALL
    got, expected = (
        (mismatch.actual, mismatch.expected) if whole else (difference.actual, difference.expected)
    )
    head = [f"returned {word}{at}", *_pair(show(got), show(expected))]
    facts = []
    if difference.size > 1:
        facts.append(f"{difference.num_different} of {difference.size} values differ")
    if difference.max_abs_error is not None and difference.atol is not None:
        facts.append(f"largest error {difference.max_abs_error:.3g}")
        facts.append(f"allowed {difference.atol:g} + {difference.rtol:g} × |expected|")
    return [*head, f"  {'; '.join(facts)}"] if facts else head


def _pair(got: str, expected: str) -> list[str]:
    return [f"  got       {_indent(got)}", f"  expected  {_indent(expected)}"]


def _indent(text: str) -> str:
    return text.replace("\n", "\n            ")


def _shape(shape: object) -> str:
    if isinstance(shape, tuple) and None in shape:
        inner = ", ".join("any" if n is None else str(n) for n in shape)
        return f"({inner},)" if len(shape) == 1 else f"({inner})"
    return printable(str(shape), 100)
