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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgpack
import numpy as np

from autograder.sandbox import course_data, tensors
from autograder.sandbox.bounds import (
    EncodeError,
    FrameLimits,
    check_depth,
    check_dims,
    check_keys,
    may_exceed,
    measure,
)
from autograder.sandbox.errors import ProtocolError
from autograder.sandbox.marks import MARKS, NAMES, PACKED, PLAIN, Mark

INLINE_BYTES = 1024  # arrays up to this size lie in the header
DTYPES = frozenset(
    ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16")
)
MAX_INT_BYTES = 512


@dataclass(frozen=True)
class Frame:
    """One encoded value."""

    header: bytes
    buffers: tuple[Any, ...] = ()  # bytes-like


class References(Protocol):
    """Gives out and resolves references to what is not data."""

    def export(self, value: Any) -> list[Any]:
        """Return plain fields that name ``value``; EncodeError when it may not cross."""

    def resolve(self, fields: list[Any]) -> Any:
        """Return what ``fields`` name; ProtocolError when they name nothing."""


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
        self._small = 0
        self._unusual = False  # whether it holds what becomes another type
        self._packer = msgpack.Packer(
            default=self._default, strict_types=True, unicode_errors="backslashreplace", buf_size=8192
        )
        self._exact: dict[type, Callable[[Any], Any]] = {
            tuple: lambda v: [PACKED["tuple"], *v],
            set: lambda v: [PACKED["set"], *v],
            frozenset: lambda v: [PACKED["frozenset"], *v],
            complex: lambda v: [PACKED["complex"], v.real, v.imag],
            int: _big_int,
            np.ndarray: self._array,
        }

    def encode(self, value: Any) -> Frame:
        """Encode one value.

        Raises:
            EncodeError: the value is not data, is nested too deeply, or is too large.
        """
        self._buffers, self._size, self._small, self._unusual = [], 0, 0, False
        try:
            header = self._packer.pack(value)
            if self._unusual or may_exceed(header, self._limits):
                measure(value, self._limits)
        except EncodeError:
            raise
        except (ValueError, TypeError, OverflowError, RecursionError, NotImplementedError) as error:
            raise EncodeError(f"a value cannot cross to the other process: {error}") from None
        buffers, self._buffers = tuple(self._buffers), []
        if len(header) > self._limits.header_bytes:
            raise EncodeError(_too_large("text, numbers and lists", len(header), self._limits.header_bytes))
        if len(buffers) > self._limits.arrays:
            raise EncodeError(f"{len(buffers)} arrays in one value, at most {self._limits.arrays}")
        if self._small > self._limits.small_arrays:
            most = self._limits.small_arrays
            raise EncodeError(f"{self._small} small arrays in one value, at most {most}; stack them")
        return Frame(header, buffers)

    def _default(self, value: Any) -> Any:
        convert = self._exact.get(type(value))
        if convert is not None:
            return convert(value)
        if isinstance(value, np.generic) and not isinstance(value, str | bytes):
            return self._scalar(value)
        for base, plain in PLAIN:
            if isinstance(value, base):
                self._unusual = True
                return plain(value)
        if isinstance(value, np.ndarray):
            return self._array(np.array(value, copy=True, subok=False))
        if tensors.is_tensor(value):
            name, data, dims, grad = tensors.dump(value)
            return [PACKED["tensor"], name, self._place(data), grad and self._grader_side, *dims]
        if self._grader_side and (fields := course_data.dump(value)) is not None:
            return [PACKED["course"], *fields]
        if self._references is None:
            raise EncodeError(f"an object of type {type(value).__name__} is not data")
        return [PACKED["reference"], *self._references.export(value)]

    def _array(self, array: np.ndarray) -> list[Any]:
        array = _plain_dtype(array)
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        if array.dtype == np.bool_ and flat.size and flat.max() > 1:
            flat = (flat != 0).view(np.uint8)  # a view of other bytes, where any of them means True
        return [PACKED["array"], array.dtype.str, self._place(flat.data), *array.shape]

    def _scalar(self, value: np.generic) -> list[Any]:
        array = _plain_dtype(np.asarray(value))
        if array.dtype == np.bool_:
            array = np.asarray(bool(array))
        return [PACKED["scalar"], array.dtype.str, array.tobytes()]

    def _place(self, data: memoryview) -> bytes | None:
        """Return small data itself; put large data among the buffers."""
        if data.nbytes <= INLINE_BYTES:
            self._small += 1
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
        self._containers = 0
        self._small = 0
        self._build = tuple(getattr(self, f"_build_{name}") for name in NAMES)
        self._tags = {id(mark): tag for tag, mark in enumerate(MARKS)}

    def decode(self, frame: Frame) -> Any:
        """Decode one frame.

        Raises:
            ProtocolError: the frame is malformed or breaks a limit.
        """
        limits = self._limits
        if len(frame.header) > limits.header_bytes or len(frame.buffers) > limits.arrays:
            raise ProtocolError("a frame larger than the limits")
        self._buffers, self._next = frame.buffers, 0
        self._containers = self._small = 0
        try:
            value = msgpack.unpackb(
                frame.header, raw=False, strict_map_key=False, ext_hook=_mark, list_hook=self._list,
                object_pairs_hook=self._dict, max_array_len=limits.items, max_map_len=limits.items,
                max_ext_len=1, max_str_len=limits.header_bytes, max_bin_len=limits.header_bytes,
            )
        except (ProtocolError, MemoryError, TimeoutError):  # the last two are this process's own
            raise
        except Exception as error:  # whatever bytes can provoke is the sender's fault
            raise ProtocolError(f"a frame that cannot be read: {type(error).__name__}: {error}") from None
        finally:
            used, self._buffers = self._next, ()
        if used != len(frame.buffers):
            raise ProtocolError("a frame with buffers that no array names")
        check_depth(value, limits.depth)
        return value

    def _list(self, items: list[Any]) -> Any:
        if not items or type(items[0]) is not Mark:
            self._count()
            return items
        return self._build[self._tags[id(items[0])]](items)

    def _dict(self, pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
        self._count()
        if len(pairs) > self._limits.colliding:
            check_keys([key for key, _ in pairs], self._limits.colliding)
        return dict(pairs)

    def _count(self) -> None:
        """Count a container: a few bytes of a header become a few hundred of memory."""
        self._containers += 1
        if self._containers > self._limits.containers:
            raise ProtocolError(f"a value of more than {self._limits.containers} lists")

    def _count_array(self, data: Any) -> None:
        self._small += data is not None
        if self._small > self._limits.small_arrays:
            raise ProtocolError(f"a value of more than {self._limits.small_arrays} small arrays")

    def _build_tuple(self, items: list[Any]) -> tuple[Any, ...]:
        self._count()
        return tuple(items[1:])

    def _build_set(self, items: list[Any]) -> set[Any]:
        self._count()
        check_keys(items[1:], self._limits.colliding)
        return set(items[1:])

    def _build_frozenset(self, items: list[Any]) -> frozenset[Any]:
        self._count()
        check_keys(items[1:], self._limits.colliding)
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
        self._count_array(data)
        return self._array(dtype, data, dims)

    def _array(self, dtype: Any, data: Any, dims: list[Any]) -> np.ndarray:
        if _exactly(dtype, str) not in DTYPES and not self._limits.any_dtype:
            raise ProtocolError(f"an array of dtype {dtype[:20]!r}")
        kind = np.dtype(dtype)
        check_dims(dims)
        content = self._take(data, math.prod(dims) * kind.itemsize)
        array = np.frombuffer(content, kind).reshape(dims)
        if kind == np.bool_ and array.size and np.frombuffer(content, np.uint8).max() > 1:
            raise ProtocolError("a bool array that holds other bytes than 0 and 1")
        return array

    def _build_scalar(self, items: list[Any]) -> Any:
        _, dtype, data = items
        return self._array(dtype, data, [])[()]

    def _build_tensor(self, items: list[Any]) -> Any:
        _, name, data, grad, *dims = items
        itemsize = tensors.ITEMSIZE.get(_exactly(name, str))
        if itemsize is None:
            raise ProtocolError(f"a tensor of dtype {name[:20]!r}")
        self._count_array(data)
        check_dims(dims)
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


def _mark(code: int, data: bytes) -> Mark:
    if code != 1 or data[0] >= len(MARKS):
        raise ProtocolError("an unknown kind of value")
    return MARKS[data[0]]


def _exactly(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ProtocolError(f"a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def _big_int(value: int) -> list[Any]:
    size = value.bit_length() // 8 + 1
    if size > MAX_INT_BYTES:
        raise EncodeError(f"an integer of {value.bit_length()} bits, at most {8 * MAX_INT_BYTES}")
    return [PACKED["int"], value.to_bytes(size, "little", signed=True)]


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
