"""The warm parent: imports once, forks one worker per request, and tells how each ended.

In tier A it runs inside bubblewrap; in tier B as root, and gives each worker a user of its own. It holds no
secret: workers inherit its memory. A request is one datagram with three descriptors: the worker's socket, the
worker's output, and a status socket on which this process says ``started`` (with a pidfd and the worker's
home) and, at the end, how the worker ended and what it used. Student code never passes through here.
"""

from __future__ import annotations

import array
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from autograder.sandbox import confinement, isolation, landlock, worker
from autograder.sandbox import protocol as p
from autograder.sandbox.confinement import Confinement
from autograder.sandbox.defences import Defence
from autograder.sandbox.seats import (
    Seat,
    Seats,
    WrongAccess,
    check_access,
    closed_to_this_user,
    excess,
    require_open,
)

EXITED = struct.Struct("<idd")  # wait status, CPU seconds, largest resident set in MB; then why it was killed
STARTED, FAILED, ENDED = b"S", b"F", b"E"
_WATCH_MS = 50  # how often folders are looked at that no mount keeps small
_STRAYS_S = 5.0


@dataclass
class _Child:
    pid: int
    pidfd: int
    status: socket.socket
    seat: Seat | None
    excess: str = ""


def main() -> NoReturn:
    """Prepare, then serve until the grader goes away. Settings are JSON in the first argument."""
    settings = json.loads(sys.argv[1])
    without = frozenset(Defence(name) for name in settings["without"])
    control = socket.socket(fileno=settings["socket"])
    try:
        seats = None
        if settings["users"]:
            seats = _become_keeper_of_users(settings, without)
            confined = confinement.as_user(settings["readable"], without)
        else:
            if settings["user"]:
                isolation.step_down(settings["user"])
                require_open(closed_to_this_user(filter(os.path.exists, settings["readable"])))
            _become_first_of_a_namespace(without)
            confined = confinement.in_namespaces(settings["readable"], settings["kept"], without)
        _preload(settings["preload"])
    except BaseException as error:
        words = str(error) if isinstance(error, WrongAccess) else f"{type(error).__name__}: {error}"
        control.send(FAILED + words.encode()[:4000])
        os._exit(1)
    about = {"landlock": landlock.abi(), "mounts": bool(seats and seats.mounts)}
    control.send(STARTED + json.dumps(about).encode())
    _Zygote(control, confined, seats).serve()


def _become_first_of_a_namespace(without: Collection[Defence]) -> None:
    """Fork into user and pid namespaces of our own, of which the child may make further ones."""
    uid, gid = os.getuid(), os.getgid()
    own_pids = 0 if Defence.PROCESSES in without else isolation.NEWPID
    isolation.unshare(isolation.NEWUSER | own_pids)
    isolation.map_user(uid, gid)
    if not own_pids:
        isolation.adopt_orphans()
        return
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    isolation.die_with_parent(0)


def _become_keeper_of_users(settings: dict[str, Any], without: Collection[Defence]) -> Seats:
    """Prepare to give workers users of their own; orphans come here, so that none is overlooked."""
    isolation.adopt_orphans()
    isolation.die_with_parent(os.getppid())
    seats = Seats(settings["users"], settings["place"], without)
    os.umask(0o022)
    if seats.mounts:
        isolation.open_ways(settings["interpreter"])
    check_access(settings["users"] + 1, settings["secrets"], settings["readable"])
    sys.path[:] = [path for path in sys.path if any(_lies_in(path, top) for top in settings["readable"])]
    return seats


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


def _preload(names: list[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            raise ImportError(f"cannot preload {name!r}: {type(error).__name__}: {error}") from None
        worker.limit_threads()
        if not _is_alone():
            raise RuntimeError(f"importing {name!r} started a thread; a parent with threads cannot be forked")


def _is_alone() -> bool:
    """Tell whether this process has one thread; some imports start one that ends at once."""
    for _ in range(100):
        if isolation.num_tasks() == 1:
            return True
        time.sleep(0.01)
    return False


class _Zygote:
    def __init__(self, control: socket.socket, confined: Confinement, seats: Seats | None) -> None:
        self._control = control
        self._confined = confined
        self._seats = seats
        self._libc = isolation.libc()
        self._own_pids = -1  # no worker has a pid namespace of its own
        if seats is None and confined.no_proc:
            self._own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._children: dict[int, _Child] = {}  # pidfd -> child
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        gc.collect()
        gc.freeze()  # children share these pages for good

    def serve(self) -> NoReturn:
        """Fork and reap until the control socket closes; leaving takes every worker along."""
        while True:
            for fd, _ in self._poll.poll(self._pause()):
                if fd == self._control.fileno():
                    self._request()
                else:
                    self._reap(self._children.pop(fd))
            self._watch()

    def _pause(self) -> int | None:
        watched = any(child.seat and not child.seat.mounts for child in self._children.values())
        return _WATCH_MS if watched else None

    def _watch(self) -> None:
        """Kill whoever wrote more than it may."""
        for child in self._children.values():
            if child.seat and not child.excess and (words := excess(child.seat)):
                child.excess = words
                os.kill(child.pid, signal.SIGKILL)

    def _request(self) -> None:
        fds = array.array("i")
        size = fds.itemsize
        room = socket.CMSG_SPACE(3 * size)
        data, ancillary, _, _ = self._control.recvmsg(64, room, socket.MSG_CMSG_CLOEXEC)
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(content[: len(content) - len(content) % size])
        if not data:
            self._leave(0)
        if len(fds) != 3:
            self._leave(1)
        status = socket.socket(fileno=fds[2])
        try:
            pid, seat = self._fork(fds[0], fds[1])
            pidfd = os.pidfd_open(pid)
        except OSError as error:
            status.send(FAILED + str(error).encode())
            status.close()
        else:
            home = f"{seat.folder}/work" if seat else isolation.HOME
            socket.send_fds(status, [STARTED + home.encode()], [pidfd])
            self._children[pidfd] = _Child(pid, pidfd, status, seat)
            self._poll.register(pidfd, select.POLLIN)
        os.close(fds[0])
        os.close(fds[1])

    def _leave(self, code: int) -> NoReturn:
        """End every worker that no namespace ends, and this process."""
        for child in self._children.values():
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
        for child in list(self._children.values()):
            if self._own_pids < 0:
                self._reap(child)
        if self._seats and self._seats.share_files:
            self._seats.sweep()
        os._exit(code)

    def _fork(self, sock_fd: int, output_fd: int) -> tuple[int, Seat | None]:
        """Fork a worker: with a user of its own, or as the first process of a pid namespace."""
        if not _is_alone():
            raise OSError("the warm parent has more than one thread")
        seat = self._seats.take() if self._seats else None
        if self._own_pids >= 0:
            isolation.unshare(isolation.NEWPID)
        pid = os.fork()
        if pid == 0:
            _worker(sock_fd, output_fd, replace(self._confined, seat=seat))
        # This process stays in its own namespace.
        if self._own_pids >= 0 and self._libc.setns(self._own_pids, isolation.NEWPID) != 0:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise OSError(ctypes.get_errno(), "setns to the warm parent's pid namespace")
        return pid, seat

    def _reap(self, child: _Child) -> None:
        self._poll.unregister(child.pidfd)
        os.close(child.pidfd)
        _, status, usage = os.wait4(child.pid, 0)
        if self._own_pids < 0:
            self._clear(child)
        report = EXITED.pack(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
        with suppress(OSError):  # the grader may have stopped listening
            child.status.send(ENDED + report + child.excess.encode())
        child.status.close()

    def _clear(self, child: _Child) -> None:
        """End what a worker started and remove what it left, where no namespace does it."""
        known = {other.pid for other in self._children.values()}
        strays = set(isolation.children()) - known
        if self._seats and child.seat:
            self._seats.clear(child.seat, strays)
            if not self._confined.landlock and not self._seats.share_files:
                self._seats.sweep(child.seat)
        isolation.end_children(known, _STRAYS_S)


def _worker(sock_fd: int, output_fd: int, confined: Confinement) -> NoReturn:
    try:
        os.dup2(output_fd, 1)
        os.dup2(output_fd, 2)
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        fd = worker.own_socket(sock_fd, alone=confined.alone)
        worker.main(socket.socket(fileno=fd), confined)
    finally:
        os._exit(p.EXIT_SETUP)
