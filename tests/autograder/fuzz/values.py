"""Every kind of value that may cross between grader and student code, and what each arrives as."""

from __future__ import annotations

import struct
import sys
from collections import OrderedDict, deque, namedtuple
from collections.abc import ItemsView, KeysView, ValuesView
from types import MappingProxyType
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

Pair = namedtuple("Pair", "x y")

LITTLE = ("?", "i1", "u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16")
BIG = (">i2", ">u2", ">i4", ">u4", ">i8", ">u8", ">f2", ">f4", ">f8", ">c8", ">c16")
LONG = tuple(np.dtype(kind).str for kind in (np.longdouble, np.clongdouble))
TENSORS = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
    "complex64", "complex128",
)  # fmt: skip


def fingerprint(value: Any) -> Any:
    """Return what tells two values apart: types, shapes, order and every bit, NaN payloads included."""
    kind = type(value)
    if kind is float:
        return kind, struct.pack("<d", value)
    if kind is complex:
        return kind, struct.pack("<dd", value.real, value.imag)
    if isinstance(value, np.ndarray | np.generic):
        return kind, value.dtype.str, value.shape, value.tobytes()
    if kind in (list, tuple):
        return kind, tuple(map(fingerprint, value))
    if kind in (set, frozenset):
        return kind, tuple(sorted((fingerprint(item) for item in value), key=repr))
    if kind is dict:
        return kind, tuple((fingerprint(k), fingerprint(v)) for k, v in value.items())
    if _is_tensor(value):
        import torch

        raw = value.detach().contiguous().reshape(-1)
        return kind, str(value.dtype), tuple(value.shape), bytes(raw.view(torch.uint8).numpy()) if raw.numel() else b""
    return kind, value


def same(a: Any, b: Any) -> bool:
    """Tell whether two values are the same in type and in every bit."""
    return bool(fingerprint(a) == fingerprint(b))


def plain(value: Any) -> Any:
    """Return what a value arrives as on the other side."""
    if isinstance(value, np.ndarray):
        return _plain_array(value)
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, np.generic):
        return _plain_array(np.asarray(value))[()]
    if isinstance(value, dict | MappingProxyType):
        return {plain(k): plain(v) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if isinstance(value, set | frozenset):
        return (frozenset if isinstance(value, frozenset) else set)(map(plain, value))
    if isinstance(value, list | deque | range | KeysView | ValuesView | ItemsView):
        return list(map(plain, value))
    if _is_tensor(value):
        return value.detach().resolve_conj().resolve_neg().contiguous()
    return value


def _plain_array(array: np.ndarray) -> np.ndarray:
    if array.dtype.str in LONG:
        array = array.astype("<f8" if array.dtype.kind == "f" else "<c16")
    if array.dtype.kind == "b":
        array = np.asarray(array.view(np.uint8) != 0)
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"))).reshape(array.shape)


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


# Strategies

FLOATS = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", bits.to_bytes(8, "little"))[0])
NUMBERS = st.one_of(
    st.integers(), st.integers(-(2**4090), 2**4090), st.sampled_from((2**63 - 1, 2**63, 2**64, -(2**63), -(2**63) - 1)),
    st.floats(), FLOATS, st.builds(complex, FLOATS, FLOATS),
)  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates too
SCALARS = st.sampled_from(LITTLE + BIG + LONG).flatmap(
    lambda dtype: hnp.arrays(dtype, ()).map(lambda a: a[()])
) | st.sampled_from((np.str_("up"), np.bytes_(b"up")))


def _laid_out(array: np.ndarray, how: str) -> np.ndarray:
    """Return an array with the same right to cross in another layout of memory."""
    match how:
        case "fortran":
            return np.asfortranarray(array)
        case "reversed" if array.ndim:
            return array[::-1]
        case "strided" if array.ndim:
            return array[..., ::2]
        case "broadcast":
            return np.broadcast_to(array, (2, *array.shape))
        case "bytes of a bool" if array.dtype == np.uint8:
            return array.view(bool)
        case "read-only":
            array.flags.writeable = False
    return array


LAYOUTS = ("plain", "fortran", "reversed", "strided", "broadcast", "bytes of a bool", "read-only")
ARRAYS = st.builds(
    _laid_out,
    st.sampled_from(LITTLE + BIG + LONG).flatmap(
        lambda dtype: hnp.arrays(
            dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4) | st.sampled_from([(700,), (33, 33)])
        )
    ),
    st.sampled_from(LAYOUTS),
)


def _tensor(name: str, shape: tuple[int, ...], seed: int, how: str) -> Any:
    import torch

    generator = torch.Generator().manual_seed(seed)
    raw = torch.randint(0, 256, (*shape, 16), dtype=torch.uint8, generator=generator)
    dtype = getattr(torch, name)
    size = torch.empty(0, dtype=dtype).element_size()
    bits = raw[..., :size].contiguous()
    tensor = bits[..., 0] > 127 if name == "bool" else bits.view(dtype).reshape(shape)
    match how:
        case "transposed" if tensor.ndim >= 2:
            return tensor.mT
        case "conjugate" if tensor.is_complex():
            return tensor.conj()
        case "expanded":
            return tensor.expand(2, *tensor.shape)
        case "leaf" if tensor.is_floating_point():
            return tensor.requires_grad_()
    return tensor


TENSORS_OF_ANY_KIND = st.builds(
    _tensor,
    st.sampled_from(TENSORS),
    st.sampled_from(((), (0,), (3,), (2, 3), (0, 4), (2, 1, 3), (700,))),
    st.integers(0, 1000),
    st.sampled_from(("plain", "transposed", "conjugate", "expanded", "leaf")),
)
KEYS = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.binary(max_size=8), SCALARS),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)
LEAVES = st.one_of(
    st.none(), st.booleans(), NUMBERS, TEXTS, st.binary(max_size=40), SCALARS, ARRAYS, st.sets(KEYS, max_size=4),
    st.frozensets(KEYS, max_size=4), st.binary(max_size=9).map(bytearray), st.binary(max_size=9).map(memoryview),
    st.integers(0, 9).map(range),
)  # fmt: skip


def values(leaves: st.SearchStrategy[Any] = LEAVES, max_leaves: int = 12) -> st.SearchStrategy[Any]:
    """Return nested values of every kind."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.lists(inner, max_size=4).map(tuple),
            st.lists(inner, max_size=4).map(deque),
            st.dictionaries(KEYS, inner, max_size=4),
            st.dictionaries(TEXTS, inner, max_size=3).map(OrderedDict),
            st.dictionaries(TEXTS, inner, max_size=3).map(MappingProxyType),
            st.builds(Pair, inner, inner),
        ),
        max_leaves=max_leaves,
    )


VALUES = values()
