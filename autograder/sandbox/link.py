"""The grader's link to one worker process: sends requests, keeps the clock, and says why a worker died."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograder.course import Limits
from autograder.errors import SandboxError
from autograder.sandbox import protocol as p
from autograder.sandbox.bounds import EncodeError
from autograder.sandbox.cgroups import Group, Groups
from autograder.sandbox.clock import CpuMeter
from autograder.sandbox.code import Usage, WorkerCode
from autograder.sandbox.codec import Frame
from autograder.sandbox.defences import Defence, inodes, open_files, shm_mb, tmp_mb
from autograder.sandbox.errors import (
    ProtocolError,
    StudentError,
    WorkerBlocked,
    WorkerCrashed,
    WorkerDied,
    WorkerOutOfMemory,
    WorkerTimedOut,
)
from autograder.sandbox.frames import Closed, CpuSpent, TimedStream, WallSpent
from autograder.sandbox.launch import REAP_S, Exit, Process
from autograder.sandbox.remote import Link, OutOfMemoryReply
from autograder.sandbox.trust import StandIns, as_stand_in

_SETUP_S = 120.0  # a worker confines itself in milliseconds; one that imports first takes seconds
_LEAVES_S = 2.0  # a process that closed its socket has this long to be gone
_SHOWS_S = 0.5  # a process out of time has this long to show where it was
_MAX_NAMES = 10_000
_NO_MEMORY_WORDS = ("bad_alloc", "MemoryError", "out of memory", "Cannot allocate memory")
_STACK = re.compile(
    r"\n?(?:Current thread|Stack|Thread) [^\n]*\(most recent call first\):\n((?:  [^\n]*\n?)*)"
)
_FATAL = re.compile(r"Fatal Python error: [^\n]*\n|\n?Extension modules: [^\n]*\n")
_FRAME = re.compile(r'  File "([^"]+)", line (\d+) in (\S+)')

_ENDS = (Closed, WallSpent, CpuSpent)
CellFailure = tuple[str, str, str, str]  # cell id, type name, message, traceback


@dataclass
class _Phase:
    """What the worker is doing and may use while doing it."""

    name: str = "setup"  # setup, loading, calls
    limits: Limits = field(default_factory=Limits)
    cell_id: str = ""


class WorkerLink(Link):
    """Requests to a process, which may lie, hang, print, and die."""

    def __init__(
        self, process: Process, without: Collection[Defence] = (), groups: Groups | None = None
    ) -> None:
        super().__init__(without)
        self._groups = groups
        self._group: Group | None = None
        self.died: WorkerDied | None = None
        self._process = process
        self._phase = _Phase()
        self._exit: Exit | None = None
        self._closed = False
        self._ran_out = False  # of what its group may hold
        self._stream = TimedStream(process.sock, process.output_fd, limits=self.frame_limits)

    # Loading.

    def load(
        self,
        code: WorkerCode,
        limits: Limits,
        load_limits: Limits,
        stand_ins: StandIns,
        lost: Mapping[str, int],
    ) -> tuple[list[CellFailure], list[tuple[str, bool]]]:
        """Send the submission and wait until it is loaded; return the cells that failed, and the names.

        Raises:
            WorkerDied: with the id of the cell in progress.
            SandboxError: the worker could not confine itself.
        """
        number = self._draw_id()
        settings = _settings(code, limits, load_limits, self._process.home, lost) | {
            "tmp_mb": tmp_mb(self._without) + (sum(map(len, code.files.values())) >> 20),
            "shm_mb": shm_mb(self._without),
            "inodes": inodes(self._without) + len(code.files),
            "open_files": open_files(self._without),
        }
        self._admit(settings)
        bound = {name: as_stand_in(function) for name, function in stand_ins.items()}
        try:
            frame = self.encoder.encode([p.SETUP, number, settings, bound])
        except EncodeError as error:
            raise SandboxError(f"a submission cannot be sent to its worker: {error}") from None
        self._stream.room(2 * (limits.output_kb << 10))
        self._stream.budget_s = _SETUP_S
        self._phase = _Phase("setup", load_limits)
        known = {cell.id for cell in code.cells}
        try:
            self._stream.write(frame)
            while (report := self._loaded(number, known, load_limits)) is None:
                pass
        except (*_ENDS, ProtocolError) as error:
            raise self._die(error) from None
        self._phase = _Phase("calls", limits)
        self._allow(limits)
        self.names = frozenset(name for name, _ in report[1])
        return report

    def _loaded(
        self, number: int, known: set[str], limits: Limits
    ) -> tuple[list[CellFailure], list[tuple[str, bool]]] | None:
        """Read one message of a worker that loads; return what it reports at the end, None before."""
        try:
            match self.read_message(self._stream.read()):
                case [p.CELL, int(echo), str(cell_id)] if echo == number and cell_id in known:
                    if self._phase.name == "setup":
                        self._allow(limits)
                    self._phase = _Phase("loading", limits, cell_id)
                case [p.READY, int(echo), list(failed), list(names)] if echo == number:
                    return _failures(failed, known), _names(names)
                case _:
                    raise ProtocolError("a message of no known kind while loading")
        except ProtocolError as error:
            self._violated(error)
        return None

    def _admit(self, settings: Mapping[str, Any]) -> None:
        """Have the kernel count what the process uses, before it starts anything."""
        if self._groups is not None and (pid := self._process.pid()) > 0:
            memory_mb = settings["memory_mb"] + settings["tmp_mb"] + settings["shm_mb"]
            self._group = self._groups.admit(pid, memory_mb, settings["threads"] + 1)

    def _allow(self, limits: Limits) -> None:
        """Start the clocks of a phase."""
        if self._stream.meter is None and (clock := self._process.cpu_clock()) is not None:
            self._stream.meter = CpuMeter(clock)
        self._stream.budget_s = self._stream.waited_s + limits.wall_s
        if self._stream.meter is not None:
            self._stream.meter.allow(limits.cpu_s, self._stream.waited_s)

    # Requests.

    def request(self, kind: int, *fields: Any) -> Any:
        """Make one request; see :meth:`Link.request`."""
        if self.died is not None:
            raise self.died
        if self._closed:
            raise SandboxError("this worker is closed")
        try:
            return super().request(kind, *fields)
        except ProtocolError as error:
            if Defence.VIOLATIONS in self._without:
                raise StudentError("ProtocolError", str(error)) from None
            raise self._die(error) from None
        except (*_ENDS, OutOfMemoryReply) as error:
            raise self._die(error) from None

    def converse(self, frame: Frame) -> list[Any]:
        """Send a request, answer callbacks meanwhile, and return the reply's message."""
        try:
            if self._stream.has_pending:
                self._violated(ProtocolError("a message that nobody asked for"))
                self._stream.forget()
            self._stream.write(frame)
            while True:
                try:
                    message = self.read_message(self._stream.read())
                    if message[0] not in (p.CALLBACK, p.FETCH):
                        if message[1] != self._requests[-1]:
                            raise ProtocolError("a reply that answers no request")
                        return message
                    self._stream.write(self.answer(message))
                except ProtocolError as error:
                    self._violated(error)
        except (*_ENDS, ProtocolError, OutOfMemoryReply, WorkerDied):
            raise
        except BaseException:
            self.close()  # the worker still waits for an answer that will not come
            raise

    def _violated(self, error: ProtocolError) -> None:
        """Give up a worker that broke the protocol; in a trial, let it go on."""
        if Defence.VIOLATIONS not in self._without:
            raise error

    # The end.

    @property
    def printed(self) -> str:
        """What the worker printed, without what the interpreter adds when it is stopped or crashes."""
        return _FATAL.sub("", _STACK.sub("", self._stream.output.decode("utf-8", "replace")))

    @property
    def usage(self) -> Usage:
        """What was used, so far as is known."""
        if self._exit is None:
            return Usage(wall_s=self._stream.waited_s)
        return Usage(self._exit.cpu_s, self._stream.waited_s, self._exit.max_rss_mb)

    def close(self) -> None:
        """Kill the process and wait until it is gone."""
        if self._closed:
            return
        self._closed = True
        if self._exit is None:
            self._process.signal(signal.SIGKILL)
            self._exit = self._process.wait(REAP_S)
        if self._group is not None and self._groups is not None:
            self._ran_out = self._group.ran_out()
            self._groups.remove(self._group)
        self._stream.close()
        self._process.close()

    def _die(self, cause: Exception) -> Exception:
        """End the process and return the error that says why."""
        if self.died is not None:
            return self.died
        if isinstance(cause, WallSpent | CpuSpent):
            self._show_where()
        elif isinstance(cause, Closed):
            self._exit = self._process.wait(_LEAVES_S)
            if self._exit is None:
                cause = ProtocolError("it closed its connection and went on")
        self.close()
        error = self._verdict(cause)
        if isinstance(error, WorkerDied):
            self.died = error
        return error

    def _show_where(self) -> None:
        """Have the process print its stack."""
        self._process.signal(signal.SIGUSR1)
        end = time.monotonic() + _SHOWS_S
        while time.monotonic() < end and "most recent call first" not in self._tail():
            time.sleep(0.005)
            self._stream.drain()

    def _tail(self) -> str:
        return self._stream.last_output.decode("utf-8", "replace")

    def _verdict(self, cause: Exception) -> Exception:
        phase, ended = self._phase, self._exit or Exit(lost=True)
        where = self._where()
        if phase.name == "setup" and not ended.lost:
            reason = self._tail().strip() or f"{type(cause).__name__} {cause} {ended}"
            return SandboxError(f"a worker could not confine itself: {reason}")
        if isinstance(cause, WallSpent):
            limit = f"{phase.limits.wall_s:g} s"
            return self._error(WorkerTimedOut, f"it ran longer than {limit}{where}")
        if isinstance(cause, CpuSpent):
            return self._out_of_cpu(where)
        if isinstance(cause, OutOfMemoryReply):
            return self._error(WorkerOutOfMemory, self._memory_words(where))
        if isinstance(cause, ProtocolError):
            return self._error(WorkerBlocked, f"it broke the protocol: {cause}")
        if ended.lost:
            return SandboxError("a worker is lost, and with it the warm parent.\n  Next: grade it again.")
        return self._verdict_of_exit(ended, where)

    def _verdict_of_exit(self, ended: Exit, where: str) -> WorkerDied:
        if ended.excess:
            return self._error(WorkerBlocked, ended.excess)
        if self._ran_out:
            return self._error(WorkerOutOfMemory, self._memory_words(where))
        if ended.signal == signal.SIGXCPU or (ended.signal == signal.SIGKILL and self._spent_cpu(ended)):
            return self._out_of_cpu(where)
        if ended.signal == signal.SIGKILL or ended.code == p.EXIT_NO_MEMORY:
            return self._error(WorkerOutOfMemory, self._memory_words(where))
        if ended.signal == signal.SIGSYS:
            return self._error(WorkerBlocked, "it made a system call that the sandbox forbids")
        if ended.signal:
            if any(words in self._tail() for words in _NO_MEMORY_WORDS):
                return self._error(WorkerOutOfMemory, self._memory_words(where))
            name = _signal_name(ended.signal)
            if "Fatal Python error: Aborted" in self._tail():
                name = "SIGABRT"  # a namespace's first process cannot die of it, and dies of what follows
            return self._error(WorkerCrashed, f"its process was killed by {name}{where}")
        words = f"its process left with exit code {ended.code}; is there an os._exit?"
        return self._error(WorkerCrashed, words)

    def _spent_cpu(self, ended: Exit) -> bool:
        """Tell whether the limit of CPU time killed it: it showed its stack, or used about that much.

        The limit counts the clock's ticks, the usage counts what ran between them. Where a hypervisor takes
        the processor away, the first may be far ahead of the second.
        """
        return ended.cpu_s >= self._phase.limits.cpu_s / 2 or bool(_STACK.search(self._tail()))

    def _error(self, kind: type[WorkerDied], message: str) -> WorkerDied:
        return kind(message, self._phase.cell_id)

    def _out_of_cpu(self, where: str) -> WorkerDied:
        words = f"it used more than {self._phase.limits.cpu_s:g} s of CPU time{where}"
        return self._error(WorkerTimedOut, words)

    def _memory_words(self, where: str) -> str:
        return f"it needed more memory than {self._phase.limits.memory_mb} MB{where}"

    def _where(self) -> str:
        """Return where the code was: the first frame of a cell or file in the stack that it printed."""
        stacks = _STACK.findall(self._tail())
        for path, line, function in _FRAME.findall(stacks[-1]) if stacks else ():
            name = path.removeprefix(self._process.home + "/")
            if not name.startswith(("/", "<")):
                return f"; it was at {name}, line {line}, in {function}"[: p.NAME_CHARS]
        return ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _settings(
    code: WorkerCode, limits: Limits, load_limits: Limits, home: str, lost: Mapping[str, int]
) -> dict[str, Any]:
    cells = [
        [c.id, c.source, "added" if lost.get(c.id) else c.kind, [], c.label]
        for c in code.cells
        if lost.get(c.id, 0) < 2
    ]
    return {
        "cells": cells,
        "files": {name: np.frombuffer(content, np.uint8) for name, content in code.files.items()},
        "home": home,
        "cpu_s": limits.cpu_s,
        "load_cpu_s": load_limits.cpu_s,
        "memory_mb": max(limits.memory_mb, load_limits.memory_mb),
        "threads": limits.threads,
        "output_kb": limits.output_kb,
    }


def _failures(failed: list[Any], known: set[str]) -> list[CellFailure]:
    checked: list[CellFailure] = []
    for item in failed[: 2 * len(known)]:
        match item:
            case (str(cell_id), str(kind), str(message), str(text)) if cell_id in known:
                checked.append(
                    (cell_id, kind[: p.NAME_CHARS], message[: p.MESSAGE_CHARS], text[: p.TRACEBACK_CHARS])
                )
            case _:
                raise ProtocolError("a report on a cell that is none")
    return checked


def _names(names: list[Any]) -> list[tuple[str, bool]]:
    checked: list[tuple[str, bool]] = []
    for item in names[:_MAX_NAMES]:
        match item:
            case [str(name), bool(is_function)]:
                checked.append((name[: p.NAME_CHARS], is_function))
            case _:
                raise ProtocolError("a name that is none")
    return checked
