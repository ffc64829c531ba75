"""Frames as bytes on the wire, and what damage or malice makes of them."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

import msgpack
from hypothesis import strategies as st

from autograder.sandbox.bounds import FrameLimits
from autograder.sandbox.codec import DTYPES, Decoder, Encoder, Frame
from autograder.sandbox.errors import ProtocolError
from autograder.sandbox.frames import Closed, Stream
from autograder.sandbox.marks import NAMES

READ = (ProtocolError, Closed)  # what reading a frame may raise, and nothing else


class Wire:
    """A socket from which given bytes come, in pieces; then the other end is gone."""

    def __init__(self, data: bytes = b"", piece: int = 1 << 16) -> None:
        self.sent = bytearray()
        self._data, self._piece = data, piece

    def recv(self, size: int) -> bytes:
        size = min(size, self._piece)
        data, self._data = self._data[:size], self._data[size:]
        return data

    def recv_into(self, view: memoryview) -> int:
        data = self.recv(view.nbytes)
        view[: len(data)] = data
        return len(data)

    def sendall(self, data: memoryview) -> None:
        self.sent += data


def wire(frame: Frame) -> bytes:
    """Return a frame as it travels."""
    there = Wire()
    Stream(there).write(frame)  # type: ignore[arg-type]
    return bytes(there.sent)


def read(data: bytes, decoder: Decoder | None = None, limits: FrameLimits | None = None, piece: int = 1 << 16) -> Any:
    """Read one value off the wire; raises what reading raises."""
    frame = Stream(Wire(data, piece), limits).read()  # type: ignore[arg-type]
    return (decoder or Decoder(limits=limits)).decode(frame)


# Damage that knows nothing of the content

INTERESTING = (0, 1, 127, 128, 129, 255, 256, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)


def _flip(data: bytearray, chance: random.Random, other: bytes) -> None:
    for _ in range(chance.choice((1, 1, 2, 8))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _overwrite(data: bytearray, chance: random.Random, other: bytes) -> None:
    data[chance.randrange(len(data))] = chance.choice((0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xC0, 0xC1, 0xC6, 0xC9, 0xD4, 0xDD, 0xDF, 0xFF))


def _truncate(data: bytearray, chance: random.Random, other: bytes) -> None:
    del data[chance.randrange(len(data)) :]


def _delete(data: bytearray, chance: random.Random, other: bytes) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.randrange(1, 20)]


def _insert(data: bytearray, chance: random.Random, other: bytes) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = chance.randbytes(chance.randrange(1, 20))


def _repeat(data: bytearray, chance: random.Random, other: bytes) -> None:
    start = chance.randrange(len(data))
    part = data[start : start + chance.randrange(1, 40)]
    data[start:start] = part * chance.choice((1, 2, 50))


def _splice(data: bytearray, chance: random.Random, other: bytes) -> None:
    start = chance.randrange(len(other) + 1)
    data[chance.randrange(len(data)) :] = other[start:]


def _lie(data: bytearray, chance: random.Random, other: bytes) -> None:
    """Put another length into the prefix, the lengths of the buffers, or anywhere."""
    start = chance.choice((0, 4, 8, 16, chance.randrange(len(data))))
    form = chance.choice(["<I", "<Q", ">I", ">H"])
    number = chance.choice(INTERESTING) % (1 << 8 * struct.calcsize(form))
    data[start : start + struct.calcsize(form)] = struct.pack(form, number)


def _nest(data: bytearray, chance: random.Random, other: bytes) -> None:
    levels = chance.choice((10, 33, 511, 513, 5000))
    data[8:8] = b"\x91" * levels
    data[:4] = struct.pack("<I", (struct.unpack("<I", data[:4])[0] + levels) % (1 << 32) if len(data) >= 4 else 0)


DAMAGES: Sequence[Callable[[bytearray, random.Random, bytes], None]] = (
    _flip, _overwrite, _truncate, _delete, _insert, _repeat, _splice, _lie, _nest,
)  # fmt: skip


def damaged(data: bytes, chance: random.Random, other: bytes = b"") -> bytes:
    """Return the bytes of a frame with one to four damages."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        if changed:
            chance.choice(DAMAGES)(changed, chance, other)
    return bytes(changed)


# Frames that a liar builds: msgpack of the right grammar, marks where they please

NAMED = (
    *sorted(DTYPES), "|O", "<U3", ">f8", "float32", "bool", "bfloat16", "handle", "trusted", "function",
    "generator", "dataclass", "Box", "",
)  # fmt: skip
FORGED_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(max_size=6), st.binary(max_size=40),
    st.sampled_from(NAMED), st.integers(0, 40), st.sampled_from((2**48, 2**47, 2**31, -1)),
    st.integers(0, 255).map(lambda tag: msgpack.ExtType(1, bytes([tag]))),
    st.integers(0, len(NAMES) - 1).map(lambda tag: msgpack.ExtType(1, bytes([tag]))),
    st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=2)),
)  # fmt: skip


def _marked(name: str, items: list[Any]) -> list[Any]:
    return [msgpack.ExtType(1, bytes([NAMES.index(name)])), *items]


@st.composite
def _array_like(draw: st.DrawFn) -> list[Any]:
    """Draw an array, scalar or tensor of which one field may be wrong."""
    name = draw(st.sampled_from(("array", "scalar", "tensor")))
    dims = draw(st.lists(st.integers(0, 3) | st.sampled_from((2**47, -1, True, 1.0)), max_size=4))
    content = draw(st.one_of(st.none(), st.binary(max_size=33), st.text(max_size=3)))
    fields: list[Any] = [draw(st.sampled_from(NAMED)), content]
    if name == "tensor":
        fields.append(draw(st.booleans()))
    return _marked(name, fields + ([] if name == "scalar" else dims))


FORGED = st.recursive(
    FORGED_LEAVES | _array_like(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.builds(_marked, st.sampled_from(NAMES), st.lists(inner, max_size=5)),
        st.dictionaries(FORGED_LEAVES, inner, max_size=4),
    ),
    max_leaves=20,
)
BUFFERS = st.lists(st.binary(max_size=64).map(bytearray), max_size=3).map(tuple)


def forged(value: Any, buffers: tuple[Any, ...] = ()) -> Frame:
    """Return the frame of a forged value."""
    return Frame(msgpack.packb(value, strict_types=False), buffers)


# Eight megabytes of the same: what costs most to build for its size


def _mark(name: str) -> bytes:
    return bytes((0xD4, 1, NAMES.index(name)))


DEAR = {
    "empty lists": b"\x90", "empty dicts": b"\x80", "dicts of one": b"\x81\x01\x01",
    "sets": b"\x91" + _mark("set"), "sets of five": b"\x96" + _mark("set") + b"\x01\x02\x03\x04\x05",
    "frozensets": b"\x91" + _mark("frozenset"), "tuples": b"\x91" + _mark("tuple"),
    "text": b"\xa3\xe4\xbd\xa0", "integers": b"\xcd\x7f\xff", "floats": b"\xca\x3f\x80\x01\x00", "bytes": b"\xc4\x02ab",
    "arrays": b"\x94" + _mark("array") + b"\xa3|b1\xc4\x00\x00",
    "arrays without axes": b"\x93" + _mark("array") + b"\xa3|b1\xc4\x01\x00",
    "scalars": b"\x93" + _mark("scalar") + b"\xa3|b1\xc4\x01\x00",
    "tensors": b"\x95" + _mark("tensor") + b"\xa4bool\xc4\x00\xc2\x00",
    "long integers": b"\x92" + _mark("int") + b"\xc4\x09" + b"\x01" * 9,
    "complex numbers": b"\x93" + _mark("complex") + (b"\xcb" + b"\1" * 8) * 2,
}  # fmt: skip


def filled(unit: bytes, size: int, per_list: int) -> bytes:
    """Return a header of ``size`` bytes that repeats one value, in lists of at most ``per_list``."""
    count, lists = (size - 256) // len(unit), []
    while count > 0:
        number = min(count, per_list)
        lists.append(b"\xdd" + number.to_bytes(4, "big") + unit * number)
        count -= number
    return b"\xdd" + len(lists).to_bytes(4, "big") + b"".join(lists)


def encoded(value: Any) -> bytes:
    """Return a value as an honest sender puts it on the wire."""
    return wire(Encoder().encode(value))
