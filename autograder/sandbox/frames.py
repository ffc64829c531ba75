"""Frames on a stream socket: a prefix of lengths, the header, the buffers.

The worker's end blocks. The grader's end, :class:`TimedStream`, never waits past its deadline, takes no more
than its limits allow, and reads what the worker prints in the meantime.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time

from autograder.sandbox.clock import CpuMeter
from autograder.sandbox.codec import Frame, FrameLimits
from autograder.sandbox.errors import ProtocolError

_PREFIX = struct.Struct("<II")  # bytes of the header, number of buffers
_CHUNK = 1 << 16
_TAIL = 1 << 13


class Closed(Exception):
    """The other end is gone."""


class WallSpent(Exception):
    """The time that the grader may wait is used up."""


class CpuSpent(Exception):
    """The CPU time that the other end may use is used up."""


class Stream:
    """Frames over a blocking socket."""

    def __init__(self, sock: socket.socket, limits: FrameLimits | None = None) -> None:
        self._sock = sock
        self._limits = limits or FrameLimits()
        self._pending = bytearray()

    def write(self, frame: Frame) -> None:
        """Send one frame; Closed when nobody reads."""
        lengths = struct.pack(f"<{len(frame.buffers)}Q", *(len(b) for b in frame.buffers))
        start = _PREFIX.pack(len(frame.header), len(frame.buffers)) + lengths + frame.header
        self._send(memoryview(start))
        for buffer in frame.buffers:
            self._send(memoryview(buffer))

    def read(self) -> Frame:
        """Receive one frame.

        Raises:
            Closed: the other end is gone.
            ProtocolError: it is larger than the limits.
        """
        header_bytes, num_buffers = _PREFIX.unpack(self._take(_PREFIX.size))
        if header_bytes > self._limits.header_bytes or num_buffers > self._limits.arrays:
            self.forget()  # where the next frame begins, nobody knows
            raise ProtocolError("a frame larger than the limits")
        lengths = struct.unpack(f"<{num_buffers}Q", self._take(8 * num_buffers))
        if sum(lengths) > self._limits.buffer_bytes:
            self.forget()
            raise ProtocolError("a frame larger than the limits")
        header = bytes(self._take(header_bytes))
        return Frame(header, tuple(self._take(n) for n in lengths))

    @property
    def has_pending(self) -> bool:
        """Whether bytes came that belong to no frame read so far."""
        return bool(self._pending)

    def forget(self) -> None:
        """Drop bytes that came and belong to no frame."""
        self._pending.clear()

    def _take(self, size: int) -> bytearray:
        if size == 0:
            return bytearray()
        pending = self._pending
        while len(pending) < size <= _CHUNK:
            pending += self._receive(_CHUNK)
        if len(pending) >= size:
            data = pending[:size]
            del pending[:size]
            return data
        data = bytearray(size)  # large: straight to its place
        got = len(pending)
        data[:got] = pending
        pending.clear()
        view = memoryview(data)
        while got < size:
            got += self._receive_into(view[got:])
        return data

    def _receive(self, size: int) -> bytes:
        try:
            data = self._sock.recv(size)
        except OSError as error:
            raise Closed(str(error)) from None
        if not data:
            raise Closed("end of stream")
        return data

    def _receive_into(self, view: memoryview) -> int:
        try:
            got = self._sock.recv_into(view)
        except OSError as error:
            raise Closed(str(error)) from None
        if not got:
            raise Closed("end of stream")
        return got

    def _send(self, data: memoryview) -> None:
        try:
            self._sock.sendall(data)
        except OSError as error:
            raise Closed(str(error)) from None


class TimedStream(Stream):
    """The grader's end: waits within a budget of wall time, and drains the worker's output.

    Attributes:
        waited_s: wall time spent waiting so far.
        budget_s: how much may be spent in all.
        meter: keeps the other end to its CPU time; None where its time cannot be read.
        last_output: the end of what the worker printed.
    """

    def __init__(
        self,
        sock: socket.socket,
        output_fd: int,
        output_bytes: int = 1 << 16,
        limits: FrameLimits | None = None,
        meter: CpuMeter | None = None,
    ) -> None:
        super().__init__(sock, limits)
        self.meter = meter
        sock.setblocking(False)
        os.set_blocking(output_fd, False)
        self.waited_s = 0.0
        self.budget_s = 0.0
        self._output_fd = output_fd
        self._output_room = output_bytes
        self._output = bytearray()
        self.last_output = b""
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._poll.register(output_fd, select.POLLIN)

    @property
    def output(self) -> bytes:
        """What the worker printed so far, cut to its room."""
        return bytes(self._output)

    def room(self, num_bytes: int) -> None:
        """Keep at most ``num_bytes`` of output."""
        self._output_room = num_bytes

    def drain(self) -> None:
        """Read what the worker has printed; beyond the room it is dropped."""
        for _ in range(4):  # bounded: who prints without end must not keep the grader here
            try:
                data = os.read(self._output_fd, _CHUNK)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._poll.unregister(self._output_fd)
                self._output_fd = -1
                return
            self.last_output = (self.last_output + data)[-_TAIL:]
            self._output += data[: max(0, self._output_room - len(self._output))]
            if len(data) < _CHUNK:
                return

    def close(self) -> None:
        """Close the socket; the output's descriptor belongs to who opened it."""
        if self._output_fd >= 0:
            self.drain()
        self._sock.close()

    def _wait(self, event: int) -> None:
        """Wait until the socket is ready; WallSpent or CpuSpent when the time ends first."""
        sock_fd = self._sock.fileno()
        self._poll.modify(sock_fd, event) if event != select.POLLIN else None
        start = time.monotonic()
        before_s, waited_s, meter = self.waited_s, self.waited_s, self.meter
        try:
            while True:
                left = self.budget_s - waited_s
                pause = left if meter is None else min(left, meter.look_s - waited_s)
                ready = dict(self._poll.poll(max(0.0, pause) * 1000))
                if ready.get(self._output_fd):
                    self.drain()
                if ready.get(sock_fd):
                    return
                if left <= 0:
                    raise WallSpent
                waited_s = before_s + time.monotonic() - start
                if meter is not None and meter.is_spent(waited_s):
                    raise CpuSpent
        finally:
            self.waited_s += time.monotonic() - start
            if event != select.POLLIN:
                self._poll.modify(sock_fd, select.POLLIN)

    def _receive(self, size: int) -> bytes:
        self._wait(select.POLLIN)
        return super()._receive(size)

    def _receive_into(self, view: memoryview) -> int:
        self._wait(select.POLLIN)
        return super()._receive_into(view)

    def _send(self, data: memoryview) -> None:
        while data.nbytes:
            try:
                data = data[self._sock.send(data) :]
            except BlockingIOError:
                self._wait(select.POLLOUT)
            except OSError as error:
                raise Closed(str(error)) from None
