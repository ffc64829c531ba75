from __future__ import annotations

import enum
import sys
import types
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass

import msgpack
import numpy as np
import pytest

from autograder.sandbox.codec import Decoder, EncodeError, Encoder, Frame, FrameLimits
from autograder.sandbox.errors import ProtocolError
from tests.autograder.fuzz.values import same


def crossed(value, **sides):
    grader_side = sides.pop("grader_side", False)
    frame = Encoder(grader_side=grader_side).encode(value)
    return Decoder(trusting=grader_side).decode(frame)


def test_large_arrays_travel_outside_the_header_and_come_back_writable():
    array = np.arange(100_000.0).reshape(10, -1)
    frame = Encoder().encode([array, array[:, ::2], np.ones(2)])
    assert len(frame.buffers) == 2 and len(frame.header) < 200
    first, second, third = Decoder().decode(frame)
    assert np.array_equal(first, array) and np.array_equal(second, array[:, ::2])
    first[0, 0] = third[0] = -1  # writable, and nobody else's
    assert array[0, 0] == 0 and not np.shares_memory(first, second)


def test_layout_is_forgotten_and_byte_order_is_ours():
    assert crossed(np.asfortranarray(np.arange(6).reshape(2, 3))).flags.c_contiguous
    big_endian = np.arange(3, dtype=">f4")
    assert crossed(big_endian).dtype == np.dtype("<f4") and np.array_equal(crossed(big_endian), big_endian)
    assert crossed(np.longdouble(1.5)).dtype == np.float64


class Sneaky(np.ndarray):
    def __eq__(self, other):
        return True

    __hash__ = None

    def __array_finalize__(self, other):
        pass


class Level(enum.IntEnum):
    LOW = 1


class LyingList(list):
    def __iter__(self):
        return iter([1, 2, 3])

    def __len__(self):
        return 100


def make(base, value):
    return type("Sub", (base,), {"__eq__": lambda a, b: True, "__hash__": lambda a: 1, "__len__": lambda a: 7})(value)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.ones(2).view(Sneaky), np.ones(2)),
        (Level.LOW, 1),
        (make(str, "text"), "text"),
        (make(float, -0.0), -0.0),
        (make(int, 3), 3),
        (make(bytes, b"ab"), b"ab"),
        (make(dict, {"a": 1}), {"a": 1}),
        (LyingList([4]), [4]),
        (OrderedDict(a=1), {"a": 1}),
        (deque([1, 2]), [1, 2]),
        (range(3), [0, 1, 2]),
        ({"a": 1}.keys(), ["a"]),
        (namedtuple("Pair", "x y")(1, 2), (1, 2)),
        (bytearray(b"xy"), b"xy"),
        (memoryview(b"xy"), b"xy"),
        (np.str_("up"), "up"),
        (np.bytes_(b"up"), b"up"),
        (np.array([0, 1, 2], np.uint8).view(bool), np.array([False, True, True])),
        (np.array([2], np.uint8).view(bool)[0], np.True_),
    ],
)
def test_subclasses_arrive_as_the_plain_type(value, plain):
    assert same(crossed(value), plain)


def test_text_that_is_no_text_is_shown_not_refused():
    assert crossed("a\udc80b") == "a\\udc80b"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.array([1, None], object), "dtype object, expected bool, int, float or complex; is it ragged?"),
        (np.array(["a"]), "dtype <U1"),
        (np.array(["2020"], "M8[D]"), "datetime64"),
        (object(), "an object of type object is not data"),
        (lambda: 1, "type function is not data"),
        (2**5000, "5001 bits, at most 4096"),
        (["x" * 20] * 900_000, "18 MB in one value, at most 8 MB"),
    ],
)
def test_what_cannot_cross_is_refused_in_words(value, words):
    with pytest.raises(EncodeError, match=words.replace("?", r"\?")):
        Encoder().encode(value)


def test_an_encoder_works_on_after_a_refusal():
    encoder = Encoder()
    with pytest.raises(EncodeError):
        encoder.encode([np.ones(5000), object()])
    assert Decoder().decode(encoder.encode([1])) == [1]


def test_a_value_within_itself_is_refused():
    loop: list = []
    loop.append((loop,))
    with pytest.raises(EncodeError, match="recursion"):
        Encoder().encode(loop)


SMALL = FrameLimits(
    header_bytes=1000, buffer_bytes=10_000, arrays=2, small_arrays=3, depth=4, items=50, containers=60
)


def deep(levels, wrap=lambda inner: [inner]):
    value: object = 1
    for _ in range(levels):
        value = wrap(value)
    return value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (deep(6), "nested deeper than 4"),
        (deep(6, lambda inner: (inner,)), "nested deeper than 4"),
        (deep(6, lambda inner: {"k": inner}), "nested deeper than 4"),
        (list(range(51)), "max_array_len"),
        (dict.fromkeys(range(51)), "max_map_len"),
        ("x" * 2000, "larger than the limits"),
        ([np.ones(200)] * 3, "larger than the limits"),
        ([[[]] * 40, [[]] * 30], "more than 60 lists"),
        ([[set()] * 40, [{}] * 20, ()], "more than 60 lists"),
        ([np.ones(1)] * 4, "more than 3 small arrays"),
    ],
)
def test_limits_are_enforced_when_decoding(value, words):
    with pytest.raises(ProtocolError, match=words):
        Decoder(limits=SMALL).decode(Encoder().encode(value))
    assert Decoder(limits=SMALL).decode(Encoder().encode(deep(4))) == [[[[1]]]]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.ones(2000), "arrays of 0 MB in one value"),
        ([np.ones(130)] * 3, "3 arrays in one value, at most 2"),
        ([np.ones(1)] * 4, "4 small arrays in one value, at most 3; stack them"),
        (deep(6), "nested deeper than 4"),
        (deep(6, lambda inner: deque([inner])), "nested deeper than 4"),
        (deep(3, lambda inner: namedtuple("Pair", "x y")(1, {1: inner})), "nested deeper than 4"),
        (list(range(51)), "a list of 51 items, at most 50; use an array"),
        (range(51), "a list of 51 items"),
        (dict.fromkeys(range(51)), "a list of 51 items"),
        ([[[]] * 40, [()] * 30], "more than 60 lists; use arrays"),
        ({range(3): 1}, "a range cannot be a key in the other process"),
        ({make(list, [1])}, "a Sub cannot be a key"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_limits_are_told_to_an_honest_sender(value, words):
    with pytest.raises(EncodeError, match=words):
        Encoder(limits=SMALL).encode(value)


@pytest.mark.parametrize(
    "value", [deep(4), list(range(50)), [[]] * 50, [np.ones(1)] * 3, [np.float64(1)] * 50, {(1, frozenset((2,))): 3}],
)  # fmt: skip
def test_what_an_encoder_lets_out_a_decoder_with_the_same_limits_takes(value):
    assert same(Decoder(limits=SMALL).decode(Encoder(limits=SMALL).encode(value)), value)


def mark(tag):
    return msgpack.ExtType(1, bytes([tag]))


ARRAY = 5


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([mark(ARRAY), "|O", b"\0" * 8, 1], "an array of dtype '|O'"),
        ([mark(ARRAY), "<U4", b"\0" * 16, 1], "an array of dtype"),
        ([mark(ARRAY), "V8", b"\0" * 8, 1], "an array of dtype"),
        ([mark(ARRAY), "<f8", b"\0" * 8, 2], "8 bytes where its shape needs 16"),
        ([mark(ARRAY), "<f8", b"", -1], "shape is not a few sizes"),
        ([mark(ARRAY), "<f8", b"", True], "shape is not a few sizes"),
        ([mark(ARRAY), "<f8", b"", *[1] * 40], "shape is not a few sizes"),
        ([mark(ARRAY), "<f8", None, 2000], "an array without its buffer"),
        ([mark(ARRAY), "<f8", "text", 1], "content is not bytes"),
        ([mark(ARRAY), "|b1", b"\x07", 1], "other bytes than 0 and 1"),
        ([mark(ARRAY), "<f8"], "cannot be read"),
        ([mark(3), 1, 2], "a int where a float belongs"),
        ([mark(4), b"\1" * 600], "an integer of 600 bytes"),
        ([mark(7), "object", b"", False, 0], "a tensor of dtype 'object'"),
        ([mark(8), "handle", 1], "a reference where only data may be"),
        ([mark(9), "dataclass", "os", "system", {}], "only the grader may send"),
        ([mark(200)], "an unknown kind"),
        ([msgpack.ExtType(7, b"x")], "an unknown kind"),
        ([1, mark(0)], "a mark outside its list"),
        ({"k": mark(0)}, "a mark outside its list"),
        ({1: 2, "x": [mark(1), [1]]}, "unhashable"),
    ],
)
def test_forged_values_are_refused(items, words):
    with pytest.raises(ProtocolError, match=words.replace("|", r"\|")):
        Decoder().decode(Frame(msgpack.packb(items), ()))


def test_buffers_that_no_array_names_are_refused():
    with pytest.raises(ProtocolError, match="no array names"):
        Decoder().decode(Frame(msgpack.packb([1]), (bytearray(8),)))


def test_keys_that_collide_are_refused_before_the_dict_is_built():
    modulus = 2**61 - 1
    keys = [k * modulus for k in range(5000)]
    with pytest.raises(ProtocolError, match="keys collide"):
        Decoder().decode(Encoder().encode({key: 0 for key in keys[:200]}))
    with pytest.raises(ProtocolError, match="keys collide"):
        Decoder().decode(Encoder().encode(set(keys[:200])))
    half = [*keys[:5000], *range(1, 5002)]  # most hashes differ, and the rest still take quadratic time
    with pytest.raises(ProtocolError, match="keys collide"):
        Decoder().decode(Encoder().encode(dict.fromkeys(half)))
    assert len(crossed({k: 0 for k in range(5000)})) == 5000


@pytest.mark.parametrize("error", [MemoryError, TimeoutError])
def test_what_this_process_runs_out_of_is_not_the_senders_fault(error):
    class Short:
        def resolve(self, fields):
            raise error

    with pytest.raises(error):
        Decoder(Short()).decode(Frame(msgpack.packb([mark(8), "handle", 1]), ()))


def test_tensors_come_back_as_tensors_and_gradients_stay_here():
    torch = pytest.importorskip("torch")
    for dtype in (torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.complex64):
        tensor = torch.ones(2, 3).to(dtype)
        back = crossed([tensor])[0]
        assert back.dtype == dtype and torch.equal(back, tensor)
    leaf = torch.ones(3, requires_grad=True)
    assert crossed(leaf, grader_side=True).requires_grad
    assert not crossed(leaf * 2).requires_grad
    assert crossed(torch.tensor(2.5)).shape == () and crossed(torch.empty(0, 3)).shape == (0, 3)
    assert torch.equal(crossed(torch.arange(6).reshape(2, 3).T), torch.arange(6).reshape(2, 3).T)


def test_the_grader_sends_generators_in_their_state():
    rng = np.random.default_rng(3)
    rng.normal()
    copy = crossed(rng, grader_side=True)
    assert copy.normal() == rng.normal()
    with pytest.raises(EncodeError):
        Encoder().encode(rng)


def test_the_grader_sends_spaces():
    spaces = pytest.importorskip("gymnasium.spaces")
    box = spaces.Box(-1, np.array([1.0, 2.0], np.float32))
    given = [box, spaces.Discrete(3, start=1), spaces.MultiDiscrete([2, 3]), spaces.Dict(a=box)]
    assert crossed(given, grader_side=True) == given


def test_the_grader_sends_dataclasses_of_the_environments_only(monkeypatch):
    @dataclass
    class Here:
        x: int

    with pytest.raises(EncodeError):
        Encoder(grader_side=True).encode(Here(1))

    @dataclass(frozen=True)
    class Spec:
        table: np.ndarray
        gamma: float = 0.9

    module = types.ModuleType("environments.for_this_test")
    module.Spec = Spec
    Spec.__module__, Spec.__qualname__ = module.__name__, "Spec"
    monkeypatch.setitem(sys.modules, module.__name__, module)
    back = crossed(Spec(np.eye(2)), grader_side=True)
    assert type(back) is Spec and np.array_equal(back.table, np.eye(2)) and back.gamma == 0.9
