"""Finds the first difference between two pieces of nested data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.testing.mismatch import Difference, Problem
from autograder.testing.values import MAX_DEPTH, Unreadable, describe, is_tensor, read_array


@dataclass(frozen=True)
class Found:
    """One difference, and where in the nesting it is."""

    problem: Problem
    where: str
    expected: Any
    actual: Any
    difference: Difference | None = None
    reason: str = ""


def find_difference(got: Any, expected: Any, where: str = "", depth: int = 0) -> Found | None:
    """Return the first difference, or None where the data are equal.

    Raises:
        TypeError: ``expected`` is not data.
    """
    if depth > MAX_DEPTH:
        raise TypeError(f"expect_equal: the expected value is nested more than {MAX_DEPTH} deep")
    if expected is None or isinstance(expected, str | bytes):
        return _compare_plain(got, expected, where)
    if isinstance(expected, dict):
        return _compare_dicts(got, expected, where, depth)
    if isinstance(expected, set | frozenset):
        return _compare_sets(got, expected, where)
    if type(expected) is int and type(got) is int:  # of any size
        return None if got == expected else Found(Problem.VALUE, where, expected, got)
    try:
        right = read_array(expected)
    except Unreadable:
        if isinstance(expected, list | tuple):
            return _compare_lists(got, expected, where, depth)
        if isinstance(expected, np.ndarray) and expected.dtype.kind in "US":
            return find_difference(got, expected.tolist(), where, depth + 1)
        raise TypeError(f"expect_equal: the expected value is {describe(expected)}, not data") from None
    return _compare_arrays(got, right, expected, where)


def _wrong_kind(got: Any, expected: Any, where: str, wanted: str) -> Found:
    return Found(Problem.KIND, where, expected, got, reason=f"{describe(got)}, expected {wanted}")


def _compare_plain(got: Any, expected: str | bytes | None, where: str) -> Found | None:
    if isinstance(got, np.str_ | np.bytes_):
        got = got.item()
    if expected is None:
        return None if got is None else _wrong_kind(got, expected, where, "None")
    if type(got) is not type(expected):
        return _wrong_kind(got, expected, where, describe(expected))
    return None if got == expected else Found(Problem.VALUE, where, expected, got)


def _compare_dicts(got: Any, expected: dict[Any, Any], where: str, depth: int) -> Found | None:
    if not isinstance(got, dict):
        return _wrong_kind(got, expected, where, "a dict")
    wanted, present = {_key(k): k for k in expected}, {_key(k): k for k in got}
    if wanted.keys() != present.keys():
        return Found(Problem.KEYS, where, list(expected), list(got))
    for key, mine in wanted.items():
        found = find_difference(got[present[key]], expected[mine], f"{where}[{key[1]!r}]", depth + 1)
        if found is not None:
            return found
    return None


def _key(key: Any) -> tuple[str, Any]:
    """Make keys comparable without calling the ``__eq__`` of an unknown object; True is not 1."""
    if isinstance(key, np.generic):
        key = key.item()
    if key is None or type(key) in (bool, int, float, str, bytes):
        return ("number" if type(key) in (int, float) else type(key).__name__, key)
    if type(key) is tuple:
        return ("tuple", tuple(_key(part) for part in key))
    return ("object", id(key))


def _compare_sets(got: Any, expected: Any, where: str) -> Found | None:
    if not isinstance(got, set | frozenset):
        return _wrong_kind(got, expected, where, "a set")
    same = {_key(item) for item in got} == {_key(item) for item in expected}
    return None if same else Found(Problem.VALUE, where, expected, got)


def _compare_lists(got: Any, expected: Any, where: str, depth: int) -> Found | None:
    if isinstance(got, np.ndarray) and got.ndim:
        got = list(got)
    if not isinstance(got, list | tuple):
        return _wrong_kind(got, expected, where, f"a list of {len(expected)}")
    if len(got) != len(expected):
        return Found(Problem.LENGTH, where, len(expected), len(got))
    for i, (a, b) in enumerate(zip(got, expected)):
        found = find_difference(a, b, f"{where}[{i}]", depth + 1)
        if found is not None:
            return found
    return None


def _compare_arrays(got: Any, right: np.ndarray, expected: Any, where: str) -> Found | None:
    wanted = "booleans" if right.dtype.kind == "b" else "numbers"
    if not right.shape:
        wanted = f"a {wanted[:-1]}"
    if right.shape and not isinstance(got, list | tuple | np.ndarray) and not is_tensor(got):
        wanted = f"a list or an array of {wanted}"
    try:
        left = read_array(got)
    except Unreadable as error:
        return Found(Problem.KIND, where, expected, got, reason=f"{error}, expected {wanted}")
    if left.shape != right.shape:
        return Found(Problem.SHAPE, where, right.shape, left.shape)
    if (left.dtype.kind == "b") != (right.dtype.kind == "b") and left.size:
        given = "booleans" if left.dtype.kind == "b" else "numbers"
        return Found(Problem.KIND, where, expected, got, reason=f"{given}, expected {wanted}")
    with np.errstate(all="ignore"):
        equal = (left == right) | (np.isnan(left) & np.isnan(right))
    if equal.all():
        return None
    index = tuple(int(i) for i in np.argwhere(~equal)[0])
    bad = int((~equal).sum())
    difference = Difference(index, left[index], right[index], bad, equal.size)
    finite = left.dtype.kind not in "fc" or bool(np.isfinite(left[index]))
    problem = Problem.VALUE if finite or not np.isfinite(right[index]) else Problem.NOT_FINITE
    return Found(problem, where, right, left, difference)
