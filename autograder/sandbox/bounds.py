"""What one frame may hold. The sender measures a value so that it is told in words; the receiver enforces."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

from autograder.sandbox.errors import ProtocolError
from autograder.sandbox.marks import CONTAINERS, PLAIN, Mark

MAX_DIMS = 32  # numpy's own bound is 64
_NO_CONTAINERS = bytes(b for b in range(256) if not (0x80 <= b <= 0x9F or 0xDC <= b <= 0xDF))
_BUILT = frozenset((list, dict, tuple, set, frozenset))
_WALKED = _BUILT | {Mark}
_ATOMS = frozenset((
    type(None), bool, int, float, str, bytes, complex, np.ndarray, np.float64, np.float32, np.int64, np.bool_,
    msgpack.ExtType,
))  # fmt: skip


@dataclass(frozen=True)
class FrameLimits:
    """What one frame may hold."""

    header_bytes: int = 8 << 20
    buffer_bytes: int = 256 << 20  # all arrays together
    arrays: int = 10_000  # those outside the header
    small_arrays: int = 100_000  # those in the header
    depth: int = 32
    items: int = 1_000_000  # of one list or dict
    containers: int = 300_000  # lists, tuples, dicts, sets: 4 bytes of a header make 400 of memory
    colliding: int = 64  # keys of one dict or set that have one hash
    any_dtype: bool = False  # also those that are no plain numbers; for trials


# For trials that show what the limits stop: wide, though never endless.
WIDE = FrameLimits(
    64 << 20, 1 << 30, 100_000, 1_000_000, 900, 10_000_000, 3_000_000, 10_000, any_dtype=True
)  # fmt: skip


class EncodeError(TypeError):
    """A value cannot cross: it is not data, or it is larger than a frame."""


def may_exceed(header: bytes, limits: FrameLimits) -> bool:
    """Tell quickly whether a packed value could be more than :func:`measure` admits; mostly it could not."""
    if len(header) > min(limits.items, limits.containers):
        return True
    return len(header.translate(None, _NO_CONTAINERS)) > limits.depth


def measure(value: Any, limits: FrameLimits) -> None:
    """Refuse what the other side would refuse, before it is sent.

    Raises:
        EncodeError: the value is nested too deeply or in itself, or holds too many items or containers.
    """
    level, count = [value], 0
    for _ in range(limits.depth + 1):
        deeper: list[Any] = []
        for item in level:
            for keyed, parts in _parts_of(item):
                count += not keyed
                if len(parts) > limits.items:
                    raise EncodeError(f"a list of {len(parts)} items, at most {limits.items}; use an array")
                if count > limits.containers:
                    raise EncodeError(f"a value of more than {limits.containers} lists; use arrays")
                if not _ATOMS.issuperset(map(type, parts)):
                    deeper += _inside(parts, keyed)
        if not deeper:
            return
        level = deeper
    raise EncodeError(f"a value nested deeper than {limits.depth}, perhaps in itself (recursion)")


def _inside(parts: Any, keyed: bool) -> list[Any]:
    found = [part for part in parts if issubclass(type(part), CONTAINERS)]
    for part in found if keyed else ():
        if not isinstance(part, tuple | frozenset):
            raise EncodeError(f"a {type(part).__name__} cannot be a key in the other process")
    return found


def _parts_of(item: Any) -> tuple[tuple[bool, Any], ...]:
    """Return what a container holds, what must be hashed apart; nothing for any other value."""
    kind = type(item)
    if kind is list or kind is tuple or kind is range:
        return ((False, item),)
    if kind is dict:
        return (True, item.keys()), (False, item.values())
    if kind is set or kind is frozenset:
        return (True, item), (False, ())
    if not issubclass(kind, CONTAINERS):
        return ()
    return _parts_of(next(plain for base, plain in PLAIN if issubclass(kind, base))(item))


def check_depth(value: Any, depth: int) -> None:
    """Refuse deep nesting. Containers only are walked; the types in one are collected at C speed."""
    level = [value]
    for _ in range(depth + 1):
        deeper: list[Any] = []
        for item in level:
            if type(item) is dict:
                deeper += _nested(item.keys()) + _nested(item.values())
            elif type(item) in _BUILT:
                deeper += _nested(item)
            elif type(item) is Mark:
                raise ProtocolError("a mark outside its list")
        if not deeper:
            return
        level = deeper
    raise ProtocolError(f"a value nested deeper than {depth}")


def _nested(items: Any) -> list[Any]:
    if _WALKED.isdisjoint(map(type, items)):
        return []
    return [item for item in items if type(item) in _WALKED]


def check_keys(keys: list[Any], colliding: int) -> None:
    """Refuse many keys of one hash: building the dict would take quadratic time."""
    if len(keys) > colliding and max(Counter(map(hash, keys)).values()) > colliding:
        raise ProtocolError("a dict or set whose keys collide")


def check_dims(dims: list[Any]) -> None:
    """Refuse what is no shape of an array."""
    if len(dims) > MAX_DIMS or any(type(d) is not int or not 0 <= d < 2**48 for d in dims):
        raise ProtocolError("an array whose shape is not a few sizes")
