"""Maps a function over processes of this machine, or over any executor, and outlives their deaths.

Every process has a job of its own and nothing queued behind it, so that a process that dies (killed by the
kernel for memory, say) names the one job that killed it. That job is tried once more in a fresh process.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import util
from typing import Any, Generic, TypeVar

from autograder.errors import AutograderError, SandboxError, UsageError
from autograder.sandbox import mapping

Item = TypeVar("Item")
Value = TypeVar("Value")

TICK_S = 0.2  # how often a caller that shows progress hears from an idle pool, seconds
AGAIN_S = 0.02  # until a process that is asked to stop while its sandbox starts is asked again, seconds
GRACE_S = 5.0  # how long a stopped process may take to put its sandbox away, seconds

_PR_SET_PDEATHSIG = 1
_closers: list[Callable[[], None]] = []


@dataclass(frozen=True)
class Done(Generic[Value]):
    """A job's result."""

    value: Value


@dataclass(frozen=True)
class Failure:
    """A job that gave no result: its process died twice, or the function raised."""

    why: str
    detail: str = ""  # a traceback, for the TA


@dataclass(frozen=True)
class _Stop:
    """A job found something that stops the whole run and that a person can mend."""

    error: type[AutograderError]
    message: str


@dataclass
class _Slot:
    """One job at a time; a process of its own unless the executor was given."""

    executor: Executor
    pid: Future[int] | None = None


@dataclass(frozen=True)
class _Running(Generic[Item]):
    slot: _Slot
    number: int
    item: Item
    tries: int


class Pool:
    """Runs jobs in ``jobs`` processes, or ``jobs`` at a time on a given executor.

    Args:
        jobs: how many run at once.
        executor: any executor; without one, processes of this machine are started and stopped here.
    """

    def __init__(self, jobs: int, executor: Executor | None = None) -> None:
        self.jobs = max(1, jobs)
        self._given = executor
        # fork: what the parent has collected is inherited; elsewhere (macOS) each process collects anew.
        self._context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")

    def run(
        self,
        function: Callable[[Item], Value],
        items: Sequence[Item],
        *,
        tick: Callable[[], None] = lambda: None,
    ) -> Iterator[tuple[int, Done[Value] | Failure]]:
        """Yield (index of the item, result or failure) as they come.

        Args:
            function: a picklable function of one item; called in another process.
            items: the jobs.
            tick: called several times a second, also while nothing ends.

        Raises:
            AutograderError: a job raised one; the run stops.
            KeyboardInterrupt: passed on once every process is stopped.
        """
        waiting = deque((number, item, 1) for number, item in enumerate(items))
        idle = [self._start() for _ in range(min(self.jobs, len(items)))]
        running: dict[Future[Any], _Running[Item]] = {}
        finished = False
        try:
            while waiting or running:
                while waiting and idle:
                    slot, (number, item, tries) = idle.pop(), waiting.popleft()
                    future = slot.executor.submit(_guarded, function, item)
                    running[future] = _Running(slot, number, item, tries)
                ended, _ = wait(running, timeout=TICK_S, return_when=FIRST_COMPLETED)
                tick()
                for future in ended:
                    run = running.pop(future)
                    outcome, alive = _outcome(future)
                    idle.append(run.slot if alive else self._restart(run.slot))
                    if isinstance(outcome, _Stop):
                        raise outcome.error(outcome.message)
                    if not alive and run.tries == 1:
                        waiting.appendleft((run.number, run.item, 2))
                    else:
                        yield run.number, outcome
            finished = True
        finally:
            self._stop([*idle, *(r.slot for r in running.values())], at_once=not finished)

    def _start(self) -> _Slot:
        if self._given is not None:
            return _Slot(self._given)
        executor = ProcessPoolExecutor(1, self._context, initializer=_begin, initargs=(os.getpid(),))
        return _Slot(executor, executor.submit(os.getpid))

    def _restart(self, slot: _Slot) -> _Slot:
        if slot.executor is self._given:
            return slot
        slot.executor.shutdown(wait=True, cancel_futures=True)
        return self._start()

    def _stop(self, slots: Sequence[_Slot], *, at_once: bool) -> None:
        if self._given is not None:
            return
        pids = [
            slot.pid.result() for slot in slots if slot.pid and slot.pid.done() and not slot.pid.exception()
        ]
        if at_once:
            _kill(pids)
        for slot in slots:
            slot.executor.shutdown(wait=True, cancel_futures=True)


def at_exit(close: Callable[[], None]) -> None:
    """Have ``close`` called when this process of a pool ends or is stopped."""
    _closers.append(close)


def _guarded(function: Callable[[Item], Value], item: Item) -> Done[Value] | Failure | _Stop:
    """Call the function; errors travel as data, because not every exception survives pickling."""
    try:
        return Done(function(item))
    except AutograderError as error:
        kinds: tuple[type[AutograderError], ...] = (UsageError, SandboxError, AutograderError)
        return _Stop(next(kind for kind in kinds if isinstance(error, kind)), str(error))
    except Exception as error:
        return Failure(f"the grader raised {type(error).__name__}: {error}", traceback.format_exc())


def _outcome(future: Future[Any]) -> tuple[Any, bool]:
    """Return what a job came to, and whether its process still lives."""
    try:
        return future.result(), True
    except BrokenExecutor:
        return Failure("the grading process died twice, perhaps killed for lack of memory"), False
    except Exception as error:
        return Failure(f"the result could not be brought back: {type(error).__name__}: {error}"), True


def _begin(parent: int) -> None:
    """Set up a process: Ctrl-C is the parent's to handle, and nobody outlives the parent."""
    _closers.clear()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminated)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
    util.Finalize(None, _close_all, exitpriority=10)


def _terminated(number: int, frame: object) -> None:
    """Put the sandbox away and leave; first let one that is half started come up, or a part would stay."""
    if mapping.is_starting():
        threading.Timer(AGAIN_S, os.kill, (os.getpid(), number)).start()
        return
    _close_all()
    os._exit(128 + number)


def _close_all() -> None:
    while _closers:
        with contextlib.suppress(Exception):
            _closers.pop()()


def _kill(pids: Sequence[int]) -> None:
    """Stop processes: asked first, so that they put their sandboxes away, then killed."""
    for number, patience in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, GRACE_S)):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        until = time.monotonic() + patience
        while any(map(_alive, pids)) and time.monotonic() < until:
            time.sleep(0.01)


def _alive(pid: int) -> bool:
    if any(child.pid == pid for child in multiprocessing.active_children()):
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
