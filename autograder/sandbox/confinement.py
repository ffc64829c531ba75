"""Which of the kernel's defences a worker takes on, in each tier, and the order in which it does.

Namespaces and mounts, or a user of its own; resource limits; Landlock; seccomp. All in the worker's only
thread, before it touches student code: Landlock and seccomp bind the thread that calls.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from autograder.sandbox import isolation, landlock, seccomp
from autograder.sandbox.defences import Defence
from autograder.sandbox.seats import Seat, furnish


@dataclass(frozen=True)
class Confinement:
    """What confines a worker; by default only limits, which is tier C.

    Attributes:
        namespaces: flags of the namespaces that it makes, a user namespace among them; 0 for none.
        own_tmp: mounts a /tmp and a /dev/shm of its own, if it may.
        has_capabilities: has some in its own namespaces, which it gives up before student code.
        steps_down_to: becomes this user inside bubblewrap; 0 stays who it is.
        no_proc: sees next to nothing of /proc.
        own_users: RLIMIT_NPROC counts its threads alone.
        new_session: leaves its parent's session and process group.
        alone: closes every descriptor but its own.
        shown: files and folders that may be read.
        kept: those of them, and in a trial others, that must survive a mount over /tmp or /proc.
        writable: folders and files that may be written.
        landlock: is confined to those with Landlock too.
        seccomp_program: the compiled filter; empty for none.
        seat: becomes this user, in its folder; None stays who it is.
        reads_all: as that user, still reads past permissions; for trials.
    """

    namespaces: int = 0
    own_tmp: bool = False
    has_capabilities: bool = False
    steps_down_to: int = 0
    no_proc: bool = False
    own_users: bool = False
    new_session: bool = True
    alone: bool = True
    shown: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    writable: tuple[str, ...] = ("/dev/null",)
    landlock: bool = False
    seccomp_program: bytes = b""
    seat: Seat | None = None
    reads_all: bool = False

    def apply(self, settings: dict[str, Any], spent_s: float, write_files: Callable[[], None]) -> None:
        """Give up everything that student code does not need.

        Args:
            settings: the limits, as the grader sends them.
            spent_s: CPU time that this process has used.
            write_files: writes the submission's files; called when they belong to it, before doors close.
        """
        mapped = isolation.mapped_bytes() if sys.platform == "linux" else 0
        parent = os.getppid()
        if self.new_session and os.getsid(0) != os.getpid():
            os.setsid()
        self._move_in(settings)
        if self.seat:
            furnish(self.seat, settings["tmp_mb"], settings["inodes"])
            isolation.become_user(self.seat.uid, reads_all=self.reads_all)
        if self.namespaces or self.seat:
            isolation.die_with_parent(parent)  # now: becoming somebody else undoes it
        write_files()
        # Open files without a name are in no folder: where no mount counts them, there is room for fewer.
        share = 4 if self.seat and not self.seat.mounts else 1
        isolation.limit_resources(
            cpu_s=spent_s + settings["load_cpu_s"] + settings["cpu_s"],
            memory_mb=settings["memory_mb"], mapped=mapped, threads=settings["threads"],
            open_files=settings["open_files"] // share, file_mb=settings["tmp_mb"] // share,
            own_users=self.own_users,
        )  # fmt: skip
        if self.landlock:
            folder = (self.seat.folder,) if self.seat else ()
            landlock.restrict((*self.shown, *folder), (*self.writable, *folder))
        if self.seccomp_program:
            seccomp.load_filter(self.seccomp_program)

    def _move_in(self, settings: dict[str, Any]) -> None:
        """Make the namespaces and the view of files, and give up what that needed."""
        if self.namespaces:
            isolation.own_namespaces(self.namespaces)
            isolation.own_mounts()
        if self.own_tmp:
            try:
                self._mount_tmp(settings)
            except PermissionError:
                if self.namespaces:
                    raise
                # Some machines let bubblewrap mount and nobody in it: its own /tmp, without room for files
                # counted, stays.
        if self.no_proc:
            isolation.hide_processes([path for path in self.kept if path.startswith("/proc/")])
        if self.steps_down_to:
            isolation.step_down(self.steps_down_to)
        elif self.has_capabilities:
            isolation.drop_capabilities()

    def _mount_tmp(self, settings: dict[str, Any]) -> None:
        kept = [path for path in self.kept if path.startswith(isolation.TMP + "/")]
        isolation.private_mounts(
            settings["tmp_mb"], settings["inodes"], settings["shm_mb"], kept, self.steps_down_to or None
        )


def _writable(without: Collection[Defence]) -> tuple[str, ...]:
    # Where the host's files are shown, some lie below /tmp: there only the fence keeps them from a worker.
    tmp = isolation.HOME if Defence.FILES in without else isolation.TMP
    return tmp, isolation.SHM, "/dev/null"


def in_bubblewrap(
    shown: Collection[str], kept: Collection[str], user: int, without: Collection[Defence]
) -> Confinement:
    """Return what confines a worker of tier A', which bubblewrap has put into namespaces."""
    return Confinement(
        own_tmp=Defence.OWN_FILES not in without,
        has_capabilities=True,
        steps_down_to=user,
        kept=(*shown, *kept),
        writable=_writable(without),
        **_fences(shown, without),
    )


def as_user(shown: Collection[str], without: Collection[Defence]) -> Confinement:
    """Return what confines a worker of tier B; the seat is for the warm parent to fill in."""
    return Confinement(reads_all=Defence.FILES in without, **_fences(shown, without))


def _fences(shown: Collection[str], without: Collection[Defence]) -> dict[str, Any]:
    return {
        "own_users": True,
        "new_session": Defence.SESSION not in without,
        "alone": Defence.DESCRIPTORS not in without,
        "shown": tuple(shown),
        "landlock": landlock.abi() > 0 and Defence.LANDLOCK not in without,
        "seccomp_program": b"" if Defence.SECCOMP in without else seccomp.compile_filter(),
    }


def in_namespaces(shown: Collection[str], kept: Collection[str], without: Collection[Defence]) -> Confinement:
    """Return what confines a worker of tier A, which makes its own namespaces."""
    flags = isolation.NEWNS | isolation.NEWUTS
    flags |= 0 if Defence.IPC in without else isolation.NEWIPC
    flags |= 0 if Defence.NETWORK in without else isolation.NEWNET
    return Confinement(
        namespaces=flags,
        own_tmp=Defence.OWN_FILES not in without,
        has_capabilities=True,
        no_proc=Defence.PROCESSES not in without,
        kept=(*shown, *kept),
        writable=_writable(without),
        **_fences(shown, without),
    )
