"""A worker that is honest until its n-th message, and the conversation that it spoils.

It runs in a thread: what counts is what the grader's end makes of the bytes.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from autograder.course import Limits
from autograder.sandbox import Cell, Trusted, WorkerCode
from autograder.sandbox import protocol as p
from autograder.sandbox.codec import Frame
from autograder.sandbox.errors import StudentError
from autograder.sandbox.frames import Closed, Stream
from autograder.sandbox.host import Host
from autograder.sandbox.launch import Exit, Process
from autograder.sandbox.link import WorkerLink
from autograder.sandbox.remote import RemoteStudent
from tests.autograder.fuzz import frames

SOURCE = """
class Box:
    def __init__(self, value): self.value = value
    def swap(self, value):
        old, self.value = self.value, value
        return old
def same(x): return x
def each(f, items): return [f(item) for item in items]
def look(env): return env.size, env.step(1)
def fail(): raise ValueError("no")
"""
NUM_MESSAGES = 21  # that an honest worker sends in :func:`converse`
PATIENCE_S = 20.0  # for an honest worker on a busy machine

Spoil = Callable[[Frame], list[bytes]]  # what is sent in place of one frame


class Here(Process):
    """A process that is a thread."""

    def __init__(self, when: int, spoil: Spoil, then: str) -> None:
        ours, self._theirs = socket.socketpair()
        output, self._printed = os.pipe()
        super().__init__(ours, output, "/nowhere")
        self._when, self._spoil, self._then = when, spoil, then
        self.sent = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def signal(self, number: int) -> None:
        with suppress(OSError):
            self._theirs.shutdown(socket.SHUT_RDWR)

    def wait(self, timeout_s: float = 0.0) -> Exit:
        return Exit(code=1)

    def pid(self) -> int:
        return 0

    def close(self) -> None:
        super().close()
        self._thread.join(5)
        self._theirs.close()
        os.close(self._printed)

    def _run(self) -> None:
        module = types.ModuleType("submission")
        exec(compile(SOURCE, "cell 0", "exec"), module.__dict__)
        stream = Stream(self._theirs)
        host = Host(module.__dict__, lambda frame: self._ask(stream, host, frame))
        with suppress(Exception):  # it is lost once the grader stops listening
            _, number, *_ = host.decoder.decode(stream.read())
            self._send(host.encoder.encode([p.CELL, number, "c0"]))
            names = [[name, name.islower()] for name in vars(module) if not name.startswith("__")]
            self._send(host.encoder.encode([p.READY, number, [], names]))
            while True:
                self._send(host.serve(host.decoder.decode(stream.read())))

    def _ask(self, stream: Stream, host: Host, frame: Frame) -> list[Any]:
        self._send(frame)
        while True:
            message: list[Any] = host.decoder.decode(stream.read())
            if message[0] in (p.RETURN, p.RAISE):
                return message
            self._send(host.serve(message))

    def _send(self, frame: Frame) -> None:
        self.sent += 1
        pieces = self._spoil(frame) if self.sent == self._when else [frames.wire(frame)]
        for piece in pieces:
            self._theirs.sendall(piece)
        if self.sent == self._when and self._then != "go on":
            if self._then == "close":
                self._theirs.shutdown(socket.SHUT_RDWR)
            raise Closed


class Room:
    """Something of the grader's that student code may read and call."""

    size = 3

    def step(self, action: Any) -> Any:
        return action


def converse(process: Here, wall_s: float = PATIENCE_S) -> list[Any]:
    """Load, call, call back, read, set and fail, as tests do; return what came of each."""
    link = WorkerLink(process)
    code, limits = WorkerCode((Cell("c0", SOURCE),)), Limits(cpu_s=5, wall_s=wall_s)
    try:
        link.load(code, limits, limits, {}, {})
        student = RemoteStudent(link)
        room = Trusted(Room(), methods=["step"], attributes=["size"])
        box = student.Box([1, 2])
        came: list[Any] = [student.same({"x": (1, 2.5)}), student.each(lambda x: [x, x], [1, "two"])]
        came += [student.look(room), box.value, box.swap(3)]
        box.value = (4,)
        try:
            student.fail()
        except StudentError as error:
            came.append(error.type_name)
        return [*came, box.value]
    finally:
        link.close()


HONEST = [{"x": (1, 2.5)}, [[1, 1], ["two", "two"]], (3, 1), [1, 2], [1, 2], "ValueError", (4,)]


def damage(seed: int) -> Spoil:
    """Return a spoiler that damages the bytes."""
    return lambda frame: [frames.damaged(frames.wire(frame), random.Random(seed), b"\x93\x0d\x01\x01")]


def replace_by(value: Any, echo: bool, kind: int | None) -> Spoil:
    """Return a spoiler that sends a forged message, under the right id and a kind of choice if wanted."""

    def spoil(frame: Frame) -> list[bytes]:
        message = value
        if kind is not None and isinstance(value, list):
            number = _id_of(frame) if echo else 7
            message = [kind, number, *value]
        return [frames.wire(frames.forged(message))]

    return spoil


def twice(frame: Frame) -> list[bytes]:
    """Send a message two times."""
    return [frames.wire(frame)] * 2


def nothing(frame: Frame) -> list[bytes]:
    """Send no message."""
    return []


def honest(frame: Frame) -> list[bytes]:
    """Send the message."""
    return [frames.wire(frame)]


def _id_of(frame: Frame) -> int:
    import msgpack

    message = msgpack.unpackb(frame.header, strict_map_key=False)
    return int(message[2] if message[0] in (p.CALLBACK, p.FETCH) else message[1])
