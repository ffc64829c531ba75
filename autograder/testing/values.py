"""Reads what student code returned, and never trusts it.

Nothing here calls a method of an object of unknown type: asking a handle for ``__array__`` or ``__eq__``
would run student code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

MAX_DEPTH = 32
MAX_LEAVES = 5_000_000
NUMERIC_KINDS = "biufc"


class Unreadable(Exception):
    """A value is not numbers; the text says what it is instead."""


def read_array(value: Any) -> np.ndarray:
    """Return a number, an array, a tensor or (nested) lists of them as an array of a numeric dtype.

    Raises:
        Unreadable: the value is anything else.
    """
    with np.errstate(all="ignore"):
        plain = _plain(value, (), [0])
        try:
            array = np.asarray(plain)
        except (ValueError, TypeError, OverflowError, MemoryError):
            raise Unreadable(f"{describe(value)} whose rows have different lengths") from None
    if array.dtype.kind == "O":
        raise Unreadable(f"{describe(value)} with integers too large for 64 bits")
    return array


def _plain(value: Any, path: tuple[int, ...], count: list[int]) -> Any:
    """Turn nested lists into lists whose leaves are numbers or numeric arrays."""
    count[0] += 1
    if count[0] > MAX_LEAVES:
        raise Unreadable(f"a list of more than {MAX_LEAVES} values")
    if type(value) in (bool, int, float, complex):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return _numeric(np.asarray(value), path)
    if is_tensor(value):
        return _numeric(_from_tensor(value), path)
    if isinstance(value, bool | int | float | complex):
        return value
    if isinstance(value, list | tuple):
        if len(path) >= MAX_DEPTH:
            raise Unreadable(f"a list nested more than {MAX_DEPTH} deep")
        return [_plain(item, (*path, i), count) for i, item in enumerate(value)]
    raise Unreadable(describe(value) + _at(path))


def _numeric(array: np.ndarray, path: tuple[int, ...]) -> np.ndarray:
    if array.dtype.kind not in NUMERIC_KINDS:
        raise Unreadable(describe(array) + _at(path))
    return array


def _at(path: tuple[int, ...]) -> str:
    return f" at {place(path)}" if path else ""


def is_tensor(value: Any) -> bool:
    """Say whether a value is a torch tensor, without importing torch."""
    kind = type(value)
    return kind.__module__.split(".")[0] == "torch" and kind.__name__ in ("Tensor", "Parameter")


def _from_tensor(tensor: Any) -> np.ndarray:
    try:
        dense = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
        dense = dense.cpu()
        if str(dense.dtype) == "torch.bfloat16":
            dense = dense.float()
        return np.asarray(dense.numpy())
    except Exception:
        raise Unreadable("a tensor that cannot become an array") from None


def place(path: tuple[int, ...]) -> str:
    """Write an index as Python does: ``[0, 3]``."""
    return f"[{', '.join(str(int(i)) for i in path)}]"


def describe(value: Any) -> str:
    """Name the type of a value in a few words, without its contents."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        kind = {"O": "objects", "U": "text", "S": "bytes", "M": "dates", "m": "durations", "V": "records"}
        return f"an array of {kind.get(value.dtype.kind, value.dtype.name)} with shape {value.shape}"
    if is_tensor(value):
        return f"a tensor with shape {tuple(value.shape)}"
    if isinstance(value, list | tuple | dict | set | frozenset):
        plural = "" if len(value) == 1 else "s"
        return f"a {_type_name(value)} of {len(value)} item{plural}"
    if type(value).__module__ == "autograder.sandbox.remote":  # named after the student's class, not ours
        if type(value).__name__ != "RemoteHandle":
            return "a function"
        return f"an object of type {printable(str(object.__getattribute__(value, '_type_name')), 60)}"
    if isinstance(value, str):
        return "text"
    if isinstance(value, bytes):
        return "bytes"
    return f"an object of type {_type_name(value)}"


def describe_numbers(array: np.ndarray) -> str:
    """Name a numeric array, or a single number, by its dtype."""
    return describe(array) if array.shape else f"a number of type {array.dtype.name}"


def _type_name(value: Any) -> str:
    return printable(str(type(value).__name__), 60)


def printable(text: str, limit: int) -> str:
    """Escape what a terminal or a page could stumble over, and cut to ``limit`` characters."""
    cut = text[:limit] + ("…" if len(text) > limit else "")
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in cut)


def show(value: Any, limit: int = 400) -> str:
    """Write a value briefly; an object that is not data is only named."""
    try:
        if isinstance(value, np.ndarray):
            text = _show_array(np.asarray(value))
        elif is_tensor(value):
            text = _show_array(_from_tensor(value))
        elif isinstance(value, np.generic):
            text = repr(value.item())
        elif type(value) is int:
            text = repr(value) if value.bit_length() < 200 else f"an integer of {value.bit_length()} bits"
        elif _is_small_data(value, [0], 0):
            text = repr(value)
        else:
            text = describe(value)
    except Exception:
        text = describe(value)
    return printable(text, limit)


def _show_array(array: np.ndarray) -> str:
    if array.shape == ():
        return repr(array.item())
    return np.array2string(array, precision=6, threshold=24, edgeitems=3, max_line_width=90, separator=", ")


def _is_small_data(value: Any, count: list[int], depth: int) -> bool:
    count[0] += 1
    if count[0] > 64 or depth > 6:
        return False
    if isinstance(value, list | tuple | set | frozenset):
        return all(_is_small_data(item, count, depth + 1) for item in value)
    if isinstance(value, dict):
        return all(_is_small_data(part, count, depth + 1) for pair in value.items() for part in pair)
    if isinstance(value, str | bytes):
        return True
    if isinstance(value, np.ndarray):
        return value.size <= 24 and value.dtype.kind in NUMERIC_KINDS
    if type(value) is int:
        return value.bit_length() < 200
    return value is None or type(value) in (bool, float, complex) or isinstance(value, np.generic)
