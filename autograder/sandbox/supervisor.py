"""The sandbox and its workers, as the grader uses them."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from weakref import WeakSet

from autograder.course import Limits
from autograder.errors import SandboxError
from autograder.sandbox import cgroups
from autograder.sandbox.code import CellError, LoadReport, Usage, WorkerCode
from autograder.sandbox.defences import Defence, relaxed
from autograder.sandbox.errors import (
    WorkerBlocked,
    WorkerCrashed,
    WorkerDied,
    WorkerOutOfMemory,
    WorkerTimedOut,
)
from autograder.sandbox.launch import Launcher, Plan, WarmLauncher
from autograder.sandbox.link import WorkerLink
from autograder.sandbox.remote import RemoteStudent
from autograder.sandbox.spawn import FreshLauncher, SpawnLauncher
from autograder.sandbox.tiers import STRONG, STRONGER, Tier, TierReport
from autograder.sandbox.trust import StandIns
from autograder.sandbox.users import UserLauncher

_MANY = 20  # questions that one worker serves, in a trial
MAX_RELOADS = 4  # cells that may end the process while loading before the submission is given up
_LAUNCHERS: dict[Tier, Callable[[Plan], Launcher]] = {
    Tier.A: WarmLauncher, Tier.A_PRIME: FreshLauncher, Tier.B: UserLauncher, Tier.C: SpawnLauncher,
}  # fmt: skip
_LOST_AS = {
    WorkerTimedOut: "TimedOut", WorkerOutOfMemory: "OutOfMemory", WorkerCrashed: "Crashed",
    WorkerBlocked: "Blocked",
}  # fmt: skip


class Sandbox:
    """Gives out workers. A context manager; safe to share between threads, not between processes.

    Args:
        preload: modules that every worker has already imported.
        tier: the tier to use and no other; None takes A, else A', else B (as root). C only when asked for.
        read_only: further files and folders that student code may read, at their own paths.
        packages: import packages of the course that student code may use.
        secrets: files and folders that it must not read; tier B, which rests on permissions, checks them.
        without: defences to leave out, for a trial of the sandbox itself; never for a grade.

    Raises:
        SandboxError: no tier that was asked for is available here; the message says why.
    """

    def __init__(
        self,
        preload: Sequence[str] = ("numpy",),
        tier: Tier | str | None = None,
        read_only: Sequence[str | os.PathLike[str]] = (),
        packages: Sequence[str] = ("environments",),
        secrets: Sequence[str | os.PathLike[str]] = (),
        without: Collection[Defence] = (),
    ) -> None:
        self._plan = Plan(
            preload=tuple(preload),
            packages=tuple(dict.fromkeys(("autograder", *packages))),
            read_only=tuple(os.path.realpath(path) for path in read_only),
            secrets=tuple(os.path.realpath(path) for path in secrets if os.path.exists(path)),
            without=frozenset(Defence(defence) for defence in without),
        )
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._links: WeakSet[WorkerLink] = WeakSet()
        self._lent: tuple[WorkerCode, Worker] | None = None
        self._groups = cgroups.find()
        self.report, self._launcher = self._choose(None if tier is None else Tier(tier))

    @property
    def tier(self) -> Tier:
        """The tier in use."""
        return self.report.tier

    @property
    def processes(self) -> tuple[int, ...]:
        """Ids of the processes that stay between workers."""
        return self._launcher.processes

    def _choose(self, asked: Tier | None) -> tuple[TierReport, Launcher]:
        refused: list[tuple[Tier, str]] = []
        for tier in STRONG if asked is None else (asked,):
            try:
                return self._try(tier, tuple(refused))
            except SandboxError as error:
                refused.append((tier, str(error)))
        reasons = "".join(f"\n  Tier {tier}: {reason}" for tier, reason in refused)
        raise SandboxError(
            f"student code cannot be kept apart on this machine.{reasons}\n"
            f"  Next: {STRONGER}. Tier C stops accidents only."
        )

    def _try(self, tier: Tier, refused: tuple[tuple[Tier, str], ...]) -> tuple[TierReport, Launcher]:
        from autograder.sandbox.probes import probe, reservations

        launcher = self._launch(tier)
        try:
            found = probe(launcher, self._plan) if tier is not Tier.C else ()
        except BaseException:
            launcher.close()
            raise
        without = tuple(sorted(self._plan.without))
        reserved = reservations(tier, found)
        return TierReport(tier, refused, found, launcher.landlock, without, reserved), launcher

    def _launch(self, tier: Tier) -> Launcher:
        return _LAUNCHERS[tier](self._plan)

    def worker(
        self,
        code: WorkerCode,
        limits: Limits | None = None,
        load_limits: Limits | None = None,
        stand_ins: StandIns | None = None,
        skip_cells: Collection[str] = (),
    ) -> Worker:
        """Start a worker and load a submission in it.

        A cell in which loading dies (an endless loop, a crash, memory) is loaded again for its definitions
        only, and left out if that dies too; ``worker.load`` says so.

        Args:
            code: the submission's.
            limits: for the calls together, after loading.
            load_limits: for loading; ``limits`` by default.
            stand_ins: name -> function of the grader that answers for the submission's own.
            skip_cells: the ``load.lost_cells`` of an earlier worker with the same code, to save its time.

        Raises:
            WorkerDied: loading died again and again.
            SandboxError: no worker can be started here.
        """
        limits, load_limits = limits or Limits(), load_limits or limits or Limits()
        if Defence.FRESH_WORKER in self._plan.without:
            return self._only_worker(code, limits, load_limits)
        return self._new_worker(code, limits, load_limits, stand_ins or {}, skip_cells)

    def _only_worker(self, code: WorkerCode, limits: Limits, load_limits: Limits) -> Worker:
        """Return the one worker of a submission, as if it were new: in a trial, questions share it."""
        if self._lent is None or self._lent[0] is not code:
            roomy = replace(limits, cpu_s=_MANY * limits.cpu_s, wall_s=_MANY * limits.wall_s)
            self._put_lent_away()
            self._lent = code, self._new_worker(code, roomy, load_limits, {}, ())
        return _LentWorker(self._lent[1])

    def _put_lent_away(self) -> None:
        if self._lent is not None:
            self._lent[1].close()

    def _new_worker(
        self,
        code: WorkerCode,
        limits: Limits,
        load_limits: Limits,
        stand_ins: StandIns,
        skip_cells: Collection[str],
    ) -> Worker:
        limits, load_limits = (relaxed(one, self._plan.without) for one in (limits, load_limits))
        lost = Counter(skip_cells)
        errors = [_skipped(code, cell_id) for cell_id in lost]
        for attempt in range(MAX_RELOADS + 1):
            worker = Worker(self._start(), limits, load_limits)
            try:
                worker._load(code, lost, stand_ins, errors)
                return worker
            except WorkerDied as error:
                worker.close()
                if not error.cell_id or lost[error.cell_id] > 1 or attempt == MAX_RELOADS:
                    raise
                if not lost[error.cell_id]:
                    errors.append(_lost(code, error))
                lost[error.cell_id] += 1
            except BaseException:
                worker.close()
                raise
        raise AssertionError("the loop returns or raises")

    def _start(self) -> WorkerLink:
        if os.getpid() != self._pid:
            raise SandboxError("a sandbox belongs to the process that made it.\n  Next: make one here.")
        try:
            return self._linked()
        except SandboxError:
            with self._lock:
                if not self._launcher.is_gone():
                    raise
                self._launcher.close()
                self._launcher = self._launch(self.tier)  # the warm parent was killed: warm up another
            return self._linked()

    def _linked(self) -> WorkerLink:
        link = WorkerLink(self._launcher.start(), self._plan.without, self._groups)
        self._links.add(link)
        return link

    def close(self) -> None:
        """End the warm parent and every worker; no call is answered after this."""
        for link in list(self._links):
            link.close()
        self._launcher.close()
        if self._groups is not None:
            self._groups.tidy()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Worker:
    """One process with one submission's code. A context manager.

    Attributes:
        student: what tests call.
        load: how loading went.
    """

    def __init__(self, link: WorkerLink, limits: Limits, load_limits: Limits) -> None:
        self._link = link
        self._limits = limits
        self._load_limits = load_limits
        self.student = RemoteStudent(link)
        self.load = LoadReport()

    def _load(
        self, code: WorkerCode, lost: Mapping[str, int], stand_ins: StandIns, errors: Sequence[CellError]
    ) -> None:
        failed, names = self._link.load(code, self._limits, self._load_limits, stand_ins, lost)
        dead = {error.cell_id for error in errors}
        known = {cell.id: cell for cell in code.cells}
        found = tuple(
            CellError(*fields, label=known[fields[0]].label, defines=defined_names(known[fields[0]].source))
            for fields in failed
            if fields[0] not in dead
        )
        position = {cell.id: i for i, cell in enumerate(code.cells)}
        report = tuple(sorted((*errors, *found), key=lambda e: position[e.cell_id]))
        ended = {e.cell_id: e.type_name for e in errors}
        self.load = LoadReport(
            errors=report,
            lost_cells=tuple(Counter(lost).elements()),
            names=tuple(name for name, _ in names),
            hung_cell=next((c for c, why in ended.items() if why == "TimedOut"), ""),
            crashed_cell=next((c for c, why in ended.items() if why not in ("TimedOut", "Skipped")), ""),
        )
        self._link.cell_errors = report
        self.student = RemoteStudent(self._link, [name for name, is_function in names if is_function])

    @property
    def stdout(self) -> str:
        """What the code printed, loading included, cut to the limit."""
        return self._link.printed

    @property
    def usage(self) -> Usage:
        """What was used so far; complete once closed."""
        return self._link.usage

    @property
    def died(self) -> WorkerDied | None:
        """Why the process is gone; None while it is there, or when it was closed in peace."""
        return self._link.died

    def close(self) -> None:
        """Kill the process and all that it started. What it printed and used can still be read."""
        self._link.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _LentWorker(Worker):
    """A worker that outlives who closes it."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(worker._link, worker._limits, worker._load_limits)
        self.student, self.load = worker.student, worker.load

    def close(self) -> None:
        """Leave it to the next."""


def defined_names(source: str) -> tuple[str, ...]:
    """Return the names that a cell's top level would define, read even where it is not valid Python."""
    import re

    pattern = r"^(?:(?:async\s+)?def|class)\s+(\w+)|^(\w+)\s*(?::[^=\n]+)?=(?!=)"
    return tuple(dict.fromkeys(a or b for a, b in re.findall(pattern, source, re.MULTILINE)))


def _lost(code: WorkerCode, error: WorkerDied) -> CellError:
    cell = next(cell for cell in code.cells if cell.id == error.cell_id)
    return CellError(
        cell.id, _LOST_AS.get(type(error), "Crashed"), error.message, label=cell.label,
        defines=defined_names(cell.source),
    )  # fmt: skip


def _skipped(code: WorkerCode, cell_id: str) -> CellError:
    for cell in code.cells:
        if cell.id == cell_id:
            message = "loading ended in this cell before; only its definitions were kept"
            names = defined_names(cell.source)
            return CellError(cell_id, "Skipped", message, label=cell.label, defines=names)
    raise ValueError(f"skip_cells names {cell_id!r}, and the code has no such cell")


__all__ = ["Sandbox", "Worker"]
