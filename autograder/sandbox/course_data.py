"""Data that only the grader may send: generators, spaces and dataclasses, rebuilt beside student code."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import numpy as np


def dump(value: Any) -> list[Any] | None:
    """Return fields that :func:`load` turns back into ``value``; None when it is nothing of the sort."""
    if isinstance(value, np.random.Generator):
        if not isinstance(value.bit_generator, np.random.PCG64):
            return None
        return ["generator", dict(value.bit_generator.state)]
    spaces = sys.modules.get("gymnasium.spaces")
    if spaces is not None and isinstance(value, spaces.Space):
        return _dump_space(value, spaces)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        if kind.__module__.startswith("environments") and "<locals>" not in kind.__qualname__:
            values = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            return ["dataclass", kind.__module__, kind.__qualname__, values]
    return None


def load(fields: list[Any]) -> Any:
    """Rebuild what :func:`dump` described. For frames of the grader only."""
    kind, *rest = fields
    if kind == "generator":
        bits = np.random.PCG64()
        bits.state = rest[0]
        return np.random.Generator(bits)
    if kind == "dataclass":
        return _load_dataclass(*rest)
    return _load_space(kind, rest)


def _dump_space(space: Any, spaces: Any) -> list[Any] | None:
    if type(space) is spaces.Box:
        return ["Box", space.low, space.high, list(space.shape), space.dtype.str]
    if type(space) is spaces.Discrete:
        return ["Discrete", int(space.n), int(space.start)]
    if type(space) is spaces.MultiDiscrete:
        return ["MultiDiscrete", space.nvec]
    if type(space) is spaces.Tuple:
        return ["Tuple", list(space.spaces)]
    if type(space) is spaces.Dict:
        return ["Dict", dict(space.spaces)]
    return None


def _load_space(kind: str, fields: list[Any]) -> Any:
    from gymnasium import spaces

    if kind == "Box":
        low, high, shape, dtype = fields
        return spaces.Box(low, high, tuple(shape), np.dtype(dtype).type)
    if kind == "Discrete":
        return spaces.Discrete(fields[0], start=fields[1])
    kinds = {"MultiDiscrete": spaces.MultiDiscrete, "Tuple": spaces.Tuple, "Dict": spaces.Dict}
    space: Any = kinds[kind](fields[0])
    return space


def _load_dataclass(module: str, qualname: str, values: dict[str, Any]) -> Any:
    import importlib

    kind: Any = importlib.import_module(module)
    for part in qualname.split("."):
        kind = getattr(kind, part)
    value = object.__new__(kind)  # __init__ ran where the object was made
    for name, item in values.items():
        object.__setattr__(value, name, item)
    return value
