"""Whatever crosses comes back the same; whatever bytes arrive, they are read or refused, soon and in bounds."""

from __future__ import annotations

import random
import time
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
import torch  # tensors cross only where torch is loaded
from hypothesis import given
from hypothesis import strategies as st

from autograder.sandbox.bounds import FrameLimits
from autograder.sandbox.codec import Decoder, EncodeError, Encoder, Frame
from autograder.sandbox.errors import ProtocolError
from tests.autograder.fuzz import frames
from tests.autograder.fuzz.effort import tries
from tests.autograder.fuzz.values import LEAVES, TENSORS_OF_ANY_KIND, VALUES, plain, same, values

torch.set_num_threads(1)
TIGHT = FrameLimits(
    header_bytes=600, buffer_bytes=8000, arrays=2, small_arrays=4, depth=3, items=8, containers=12
)
CPU_S = 1.0  # what one small frame may take; milliseconds are usual


@given(VALUES, st.integers(1, 50))
@tries(80)
def test_every_value_arrives_as_what_it_is(value: Any, piece: int) -> None:
    data = frames.wire(Encoder().encode(value))
    assert same(frames.read(data, piece=piece), plain(value))


@given(values(LEAVES | TENSORS_OF_ANY_KIND, max_leaves=5))
@tries(50)
def test_tensors_arrive_with_every_bit(value: Any) -> None:
    assert same(Decoder().decode(Encoder().encode(value)), plain(value))


@given(VALUES)
@tries(50)
def test_what_an_encoder_lets_out_its_decoder_takes(value: Any) -> None:
    try:
        frame = Encoder(limits=TIGHT).encode(value)
    except EncodeError:
        return
    assert same(Decoder(limits=TIGHT).decode(frame), plain(value))


class Names:
    """Resolves every reference to its fields, as text."""

    def export(self, value: Any) -> list[Any]:
        raise EncodeError("no references here")

    def resolve(self, fields: list[Any]) -> Any:
        return f"reference {len(fields)}"


def is_read_or_refused(data: bytes) -> None:
    """Read a frame; what is read can be sent on, and is the same when it arrives."""
    began = time.process_time()
    with suppress(*frames.READ):
        value = frames.read(data, Decoder(Names()))
        with suppress(EncodeError):  # a key that numbers were: NaN, say, or a tensor's place in a set
            again = Decoder(Names()).decode(Encoder().encode(value))
            assert same(again, value)
    assert time.process_time() - began < CPU_S


@given(VALUES, VALUES, st.integers(0, 2**32))
@tries(80)
def test_a_damaged_frame_is_read_or_refused(value: Any, other: Any, seed: int) -> None:
    is_read_or_refused(frames.damaged(frames.encoded(value), random.Random(seed), frames.encoded(other)))


@given(frames.FORGED, frames.BUFFERS)
@tries(80)
def test_a_forged_frame_is_read_or_refused(value: Any, buffers: tuple[Any, ...]) -> None:
    is_read_or_refused(frames.wire(frames.forged(value, buffers)))


@given(st.binary(max_size=300))
@tries(80)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    is_read_or_refused(data)
    is_read_or_refused(len(data).to_bytes(4, "little") + bytes(4) + data)


SMALL = FrameLimits(header_bytes=1 << 18, containers=300_000 >> 5, small_arrays=100_000 >> 5, items=1_000_000 >> 5)
MEMORY_PER_BYTE = 48  # 384 MB for the largest header


@pytest.mark.parametrize("kind", frames.DEAR)
def test_a_header_takes_no_more_memory_than_so_many_times_its_size(kind: str) -> None:
    """The limits of a frame, all divided by 32."""
    header = frames.filled(frames.DEAR[kind], SMALL.header_bytes, SMALL.items)
    decoder = Decoder(limits=SMALL)
    tracemalloc.start()
    try:
        with suppress(ProtocolError):
            decoder.decode(Frame(header))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY_PER_BYTE * SMALL.header_bytes


@pytest.mark.slow
@pytest.mark.parametrize("kind", frames.DEAR)
def test_the_largest_header_takes_seconds_at_most(kind: str) -> None:
    limits = FrameLimits()
    began = time.process_time()
    with suppress(ProtocolError):
        Decoder().decode(Frame(frames.filled(frames.DEAR[kind], limits.header_bytes, limits.items)))
    assert time.process_time() - began < 10


def test_what_this_test_calls_dear_is_read_where_limits_allow() -> None:
    """The measure above would show nothing if the headers were refused for their form."""
    for kind, unit in frames.DEAR.items():
        value = Decoder().decode(Frame(frames.filled(unit, 600, 20)))
        assert sum(map(len, value)) >= 10, kind
