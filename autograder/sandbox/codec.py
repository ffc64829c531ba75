"""Turns values into frames of plain data and back, with limits that decoding enforces.

A frame is a msgpack header and a list of raw buffers; arrays above :data:`INLINE_BYTES` travel as buffers,
so that a megabyte is copied once. Nothing is ever unpickled. What is not data crosses as a reference,
which :class:`References` gives out on one side and resolves on the other.

Data: None, bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, other plain sequences
(as lists), numpy arrays and scalars, torch tensors. From the grader to student code also
``numpy.random.Generator`` (a copy in the same state), gymnasium's simple spaces, and dataclasses.
Subclasses arrive as the plain type. A value with structure is a list whose first item is a mark.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, ItemsView, KeysView, Sequence, ValuesView
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import msgpack
import numpy as np

from autograder.sandbox import course_data, tensors
from autograder.sandbox.errors import ProtocolError

INLINE_BYTES = 1024  # arrays up to this size lie in the header
DTYPES = frozenset(
    ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16")
)
MAX_DIMS = 32  # numpy's own bound is 64
MAX_INT_BYTES = 512
HASH_SAMPLE = 64  # dicts above this size are searched for colliding keys


@dataclass(frozen=True)
class FrameLimits:
    """What one frame may hold."""

    header_bytes: int = 8 << 20
    buffer_bytes: int = 256 << 20  # all arrays together
    arrays: int = 10_000  # those outside the header
    depth: int = 32
    items: int = 1_000_000  # of one list or dict


@dataclass(frozen=True)
class Frame:
    """One encoded value."""

    header: bytes
    buffers: tuple[Any, ...] = ()  # bytes-like


class EncodeError(TypeError):
    """A value cannot cross: it is not data, or it is larger than a frame."""


class References(Protocol):
    """Gives out and resolves references to what is not data."""

    def export(self, value: Any) -> list[Any]:
        """Return plain fields that name ``value``; EncodeError when it may not cross."""

    def resolve(self, fields: list[Any]) -> Any:
        """Return what ``fields`` name; ProtocolError when they name nothing."""


class _Mark:
    """The first item of a list that stands for something else."""

    __slots__ = ("name", "packed")

    def __init__(self, tag: int, name: str) -> None:
        self.name = name
        self.packed = msgpack.ExtType(1, bytes([tag]))

    def __hash__(self) -> int:
        raise TypeError("a mark is not a value")


_NAMES = ("tuple", "set", "frozenset", "complex", "int", "array", "scalar", "tensor", "reference", "course")
_MARKS = tuple(_Mark(tag, name) for tag, name in enumerate(_NAMES))
_PACKED = {mark.name: mark.packed for mark in _MARKS}
_CONTAINERS = frozenset((list, dict, tuple, set, frozenset))


class Encoder:
    """Encodes values for one link.

    Args:
        references: gives out references; None makes everything that is not data an error.
        grader_side: also send generators, spaces and dataclasses as data.
        limits: enforced here too, so that an honest sender gets words instead of a broken link.
    """

    def __init__(
        self,
        references: References | None = None,
        *,
        grader_side: bool = False,
        limits: FrameLimits | None = None,
    ) -> None:
        self._references = references
        self._grader_side = grader_side
        self._limits = limits or FrameLimits()
        self._buffers: list[Any] = []
        self._size = 0
        self._packer = msgpack.Packer(
            default=self._default, strict_types=True, unicode_errors="backslashreplace", buf_size=8192
        )
        self._exact: dict[type, Callable[[Any], Any]] = {
            tuple: lambda v: [_PACKED["tuple"], *v],
            set: lambda v: [_PACKED["set"], *v],
            frozenset: lambda v: [_PACKED["frozenset"], *v],
            complex: lambda v: [_PACKED["complex"], v.real, v.imag],
            int: _big_int,
            np.ndarray: self._array,
        }

    def encode(self, value: Any) -> Frame:
        """Encode one value.

        Raises:
            EncodeError: the value is not data, is nested too deeply, or is too large.
        """
        self._buffers, self._size = [], 0
        try:
            header = self._packer.pack(value)
        except EncodeError:
            raise
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise EncodeError(f"a value cannot cross to the other process: {error}") from None
        buffers, self._buffers = tuple(self._buffers), []
        if len(header) > self._limits.header_bytes:
            raise EncodeError(_too_large("text, numbers and lists", len(header), self._limits.header_bytes))
        if len(buffers) > self._limits.arrays:
            raise EncodeError(f"{len(buffers)} arrays in one value, at most {self._limits.arrays}")
        return Frame(header, buffers)

    def _default(self, value: Any) -> Any:
        convert = self._exact.get(type(value))
        if convert is not None:
            return convert(value)
        if isinstance(value, np.generic):
            return self._scalar(value)
        for base, plain in _PLAIN:
            if isinstance(value, base):
                return plain(value)
        if isinstance(value, np.ndarray):
            return self._array(np.array(value, copy=True, subok=False))
        if tensors.is_tensor(value):
            name, data, dims, grad = tensors.dump(value)
            return [_PACKED["tensor"], name, self._place(data), grad and self._grader_side, *dims]
        if self._grader_side and (fields := course_data.dump(value)) is not None:
            return [_PACKED["course"], *fields]
        if self._references is None:
            raise EncodeError(f"an object of type {type(value).__name__} is not data")
        return [_PACKED["reference"], *self._references.export(value)]

    def _array(self, array: np.ndarray) -> list[Any]:
        array = _plain_dtype(array)
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        return [_PACKED["array"], array.dtype.str, self._place(flat.data), *array.shape]

    def _scalar(self, value: np.generic) -> list[Any]:
        array = _plain_dtype(np.asarray(value))
        return [_PACKED["scalar"], array.dtype.str, array.tobytes()]

    def _place(self, data: memoryview) -> bytes | None:
        """Return small data itself; put large data among the buffers."""
        if data.nbytes <= INLINE_BYTES:
            return data.tobytes()
        self._size += data.nbytes
        if self._size > self._limits.buffer_bytes:
            raise EncodeError(_too_large("arrays", self._size, self._limits.buffer_bytes))
        self._buffers.append(data)
        return None


class Decoder:
    """Decodes frames of one link; every limit is enforced before or while values are built.

    Args:
        references: resolves references; None refuses them.
        trusting: the sender is the grader, so that generators, spaces and dataclasses are built too.
        limits: what one frame may hold.
    """

    def __init__(
        self,
        references: References | None = None,
        *,
        trusting: bool = False,
        limits: FrameLimits | None = None,
    ) -> None:
        self._references = references
        self._trusting = trusting
        self._limits = limits or FrameLimits()
        self._buffers: Sequence[Any] = ()
        self._next = 0
        self._builders: dict[_Mark, Callable[[list[Any]], Any]] = {}
        self._build = tuple(getattr(self, f"_build_{name}") for name in _NAMES)
        self._tags = {id(mark): tag for tag, mark in enumerate(_MARKS)}

    def decode(self, frame: Frame) -> Any:
        """Decode one frame.

        Raises:
            ProtocolError: the frame is malformed or breaks a limit.
        """
        limits = self._limits
        if len(frame.header) > limits.header_bytes or len(frame.buffers) > limits.arrays:
            raise ProtocolError("a frame larger than the limits")
        self._buffers, self._next = frame.buffers, 0
        try:
            value = msgpack.unpackb(
                frame.header, raw=False, strict_map_key=False, ext_hook=_mark, list_hook=self._list,
                object_pairs_hook=_dict, max_array_len=limits.items, max_map_len=limits.items,
                max_ext_len=1, max_str_len=limits.header_bytes, max_bin_len=limits.header_bytes,
            )
        except ProtocolError:
            raise
        except Exception as error:  # whatever bytes can provoke is the sender's fault
            raise ProtocolError(f"a frame that cannot be read: {type(error).__name__}: {error}") from None
        finally:
            used, self._buffers = self._next, ()
        if used != len(frame.buffers):
            raise ProtocolError("a frame with buffers that no array names")
        _check_depth(value, limits.depth)
        return value

    def _list(self, items: list[Any]) -> Any:
        if not items or type(items[0]) is not _Mark:
            return items
        return self._build[self._tags[id(items[0])]](items)

    def _build_tuple(self, items: list[Any]) -> tuple[Any, ...]:
        return tuple(items[1:])

    def _build_set(self, items: list[Any]) -> set[Any]:
        _check_keys(items[1:])
        return set(items[1:])

    def _build_frozenset(self, items: list[Any]) -> frozenset[Any]:
        _check_keys(items[1:])
        return frozenset(items[1:])

    def _build_complex(self, items: list[Any]) -> complex:
        _, real, imaginary = items
        return complex(_exactly(real, float), _exactly(imaginary, float))

    def _build_int(self, items: list[Any]) -> int:
        _, data = items
        if len(_exactly(data, bytes)) > MAX_INT_BYTES:
            raise ProtocolError(f"an integer of {len(data)} bytes")
        return int.from_bytes(data, "little", signed=True)

    def _build_array(self, items: list[Any]) -> np.ndarray:
        _, dtype, data, *dims = items
        if _exactly(dtype, str) not in DTYPES:
            raise ProtocolError(f"an array of dtype {dtype[:20]!r}")
        kind = np.dtype(dtype)
        _check_dims(dims)
        content = self._take(data, math.prod(dims) * kind.itemsize)
        array = np.frombuffer(content, kind).reshape(dims)
        if kind == np.bool_ and array.size and np.frombuffer(content, np.uint8).max() > 1:
            raise ProtocolError("a bool array that holds other bytes than 0 and 1")
        return array

    def _build_scalar(self, items: list[Any]) -> Any:
        _, dtype, data = items
        return self._build_array([None, dtype, data])[()]

    def _build_tensor(self, items: list[Any]) -> Any:
        _, name, data, grad, *dims = items
        itemsize = tensors.ITEMSIZE.get(_exactly(name, str))
        if itemsize is None:
            raise ProtocolError(f"a tensor of dtype {name[:20]!r}")
        _check_dims(dims)
        content = self._take(data, math.prod(dims) * itemsize)
        return tensors.load(name, content, dims, grad is True and self._trusting)

    def _build_reference(self, items: list[Any]) -> Any:
        if self._references is None:
            raise ProtocolError("a reference where only data may be")
        return self._references.resolve(items[1:])

    def _build_course(self, items: list[Any]) -> Any:
        if not self._trusting:
            raise ProtocolError("an object that only the grader may send")
        return course_data.load(items[1:])

    def _take(self, data: Any, nbytes: int) -> bytearray:
        """Return the writable bytes of an array: its own in the header, or the next buffer."""
        if data is None:
            if self._next >= len(self._buffers):
                raise ProtocolError("an array without its buffer")
            data = self._buffers[self._next]
            self._next += 1
        elif type(data) is not bytes:
            raise ProtocolError("an array whose content is not bytes")
        if len(data) != nbytes:
            raise ProtocolError(f"an array of {len(data)} bytes where its shape needs {nbytes}")
        return data if type(data) is bytearray else bytearray(data)


def _mark(code: int, data: bytes) -> _Mark:
    if code != 1 or data[0] >= len(_MARKS):
        raise ProtocolError("an unknown kind of value")
    return _MARKS[data[0]]


def _dict(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    if len(pairs) > HASH_SAMPLE:
        _check_keys([key for key, _ in pairs])
    return dict(pairs)


def _check_keys(keys: list[Any]) -> None:
    """Refuse many keys of one hash: building the dict would take quadratic time."""
    if len(keys) > HASH_SAMPLE and 2 * len(set(map(hash, keys))) < len(keys):
        raise ProtocolError("a dict or set whose keys collide")


def _exactly(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ProtocolError(f"a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def _check_dims(dims: list[Any]) -> None:
    if len(dims) > MAX_DIMS or any(type(d) is not int or not 0 <= d < 2**48 for d in dims):
        raise ProtocolError("an array whose shape is not a few sizes")


def _check_depth(value: Any, depth: int) -> None:
    """Walk containers only; the types in a container are collected at C speed."""
    level = [value]
    for _ in range(depth + 1):
        deeper: list[Any] = []
        for item in level:
            if type(item) is dict:
                deeper += _nested(item.keys()) + _nested(item.values())
            elif type(item) in _CONTAINERS:
                deeper += _nested(item)
            elif type(item) is _Mark:
                raise ProtocolError("a mark outside its list")
        if not deeper:
            return
        level = deeper
    raise ProtocolError(f"a value nested deeper than {depth}")


_WALKED = _CONTAINERS | {_Mark}


def _nested(items: Any) -> list[Any]:
    if _WALKED.isdisjoint(map(type, items)):
        return []
    return [item for item in items if type(item) in _WALKED]


def _big_int(value: int) -> list[Any]:
    size = value.bit_length() // 8 + 1
    if size > MAX_INT_BYTES:
        raise EncodeError(f"an integer of {value.bit_length()} bits, at most {8 * MAX_INT_BYTES}")
    return [_PACKED["int"], value.to_bytes(size, "little", signed=True)]


def _plain_dtype(array: np.ndarray) -> np.ndarray:
    """Return the array in a dtype that may cross: little-endian numbers and booleans."""
    dtype = array.dtype
    if dtype.str in DTYPES:
        return array
    if dtype.kind in "fc" and dtype.itemsize > 8 * (1 + (dtype.kind == "c")):
        return array.astype("<f8" if dtype.kind == "f" else "<c16")  # long double
    if dtype.kind in "iufc" and dtype.newbyteorder("<").str in DTYPES:
        return array.astype(dtype.newbyteorder("<"))
    raise EncodeError(f"an array of dtype {dtype}, expected bool, int, float or complex; is it ragged?")


def _too_large(what: str, got: int, limit: int) -> str:
    return f"{what} of {got / 2**20:.0f} MB in one value, at most {limit / 2**20:.0f} MB"


# Subclasses cross as what they are based on, read with the base's own methods.
_PLAIN: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (int, int.__pos__),
    (float, float.__pos__),
    (complex, lambda v: [_PACKED["complex"], (z := complex.__pos__(v)).real, z.imag]),
    (str, str.__str__),
    (bytes, lambda v: bytes.__getitem__(v, slice(None))),
    (bytearray, lambda v: bytes(bytearray.__getitem__(v, slice(None)))),
    (memoryview, memoryview.tobytes),
    (tuple, lambda v: [_PACKED["tuple"], *tuple.__iter__(v)]),
    (list, lambda v: list.__getitem__(v, slice(None))),
    (dict, lambda v: dict(dict.items(v))),
    (set, lambda v: [_PACKED["set"], *set.__iter__(v)]),
    (frozenset, lambda v: [_PACKED["frozenset"], *frozenset.__iter__(v)]),
    ((deque, range, KeysView, ValuesView, ItemsView), list),
    (MappingProxyType, dict),
)
