"""Marks: the first items of lists that stand for something else, and what crosses as plain data."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, ItemsView, KeysView, ValuesView
from types import MappingProxyType
from typing import Any

import msgpack

NAMES = ("tuple", "set", "frozenset", "complex", "int", "array", "scalar", "tensor", "reference", "course")


class Mark:
    """The first item of a list that stands for something else."""

    __slots__ = ("name", "packed")

    def __init__(self, tag: int, name: str) -> None:
        self.name = name
        self.packed = msgpack.ExtType(1, bytes([tag]))

    def __hash__(self) -> int:
        raise TypeError("a mark is not a value")


MARKS = tuple(Mark(tag, name) for tag, name in enumerate(NAMES))
PACKED = {mark.name: mark.packed for mark in MARKS}

# Subclasses cross as what they are based on, read with the base's own methods.
PLAIN: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (int, int.__pos__),
    (float, float.__pos__),
    (complex, lambda v: [PACKED["complex"], (z := complex.__pos__(v)).real, z.imag]),
    (str, str.__str__),
    (bytes, lambda v: bytes.__getitem__(v, slice(None))),
    (bytearray, lambda v: bytes(bytearray.__getitem__(v, slice(None)))),
    (memoryview, memoryview.tobytes),
    (tuple, lambda v: [PACKED["tuple"], *tuple.__iter__(v)]),
    (list, lambda v: list.__getitem__(v, slice(None))),
    (dict, lambda v: dict(dict.items(v))),
    (set, lambda v: [PACKED["set"], *set.__iter__(v)]),
    (frozenset, lambda v: [PACKED["frozenset"], *frozenset.__iter__(v)]),
    ((deque, range, KeysView, ValuesView, ItemsView), list),
    (MappingProxyType, dict),
)
CONTAINERS = (
    tuple, list, dict, set, frozenset, deque, range, KeysView, ValuesView, ItemsView, MappingProxyType,
)  # fmt: skip
