"""The warm parent: imports once, forks one worker per request, and tells how each ended.

It runs inside bubblewrap and holds no secret: workers inherit its memory. A request is one datagram with
three descriptors: the worker's socket, the worker's output, and a status socket on which this process says
``started`` (with a pidfd) and, at the end, how the worker ended and what it used. Student code never passes
through here.
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
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from autograder.sandbox import isolation, landlock, seccomp, worker
from autograder.sandbox import protocol as p

EXITED = struct.Struct("<idd")  # wait status, CPU seconds, largest resident set in MB
STARTED, FAILED, ENDED = b"S", b"F", b"E"
_PR_SET_PDEATHSIG = 1


@dataclass
class _Child:
    pid: int
    pidfd: int
    status: socket.socket


def main() -> NoReturn:
    """Prepare, then serve until the grader goes away. Settings are JSON in the first argument."""
    settings = json.loads(sys.argv[1])
    control = socket.socket(fileno=settings["socket"])
    try:
        _become_first_of_a_namespace()
        _preload(settings["preload"])
        defences = worker.Defences(
            namespaces=True,
            shown=tuple(settings["readable"]),
            landlock=landlock.abi() > 0,
            seccomp_program=seccomp.compile_filter(),
            own_users=True,
        )
    except BaseException as error:
        control.send(FAILED + f"{type(error).__name__}: {error}".encode()[:4000])
        os._exit(1)
    control.send(STARTED + json.dumps({"landlock": landlock.abi()}).encode())
    _Zygote(control, defences).serve()


def _become_first_of_a_namespace() -> None:
    """Fork into user and pid namespaces of our own, of which the child may make further ones."""
    uid, gid = os.getuid(), os.getgid()
    isolation.unshare(isolation.NEWUSER | isolation.NEWPID)
    isolation.map_user(uid, gid)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    isolation.libc().prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


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
    def __init__(self, control: socket.socket, defences: worker.Defences) -> None:
        self._control = control
        self._defences = defences
        self._libc = isolation.libc()
        self._own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._children: dict[int, _Child] = {}  # pidfd -> child
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        gc.collect()
        gc.freeze()  # children share these pages for good

    def serve(self) -> NoReturn:
        """Fork and reap until the control socket closes; leaving takes every worker along."""
        while True:
            for fd, _ in self._poll.poll():
                if fd == self._control.fileno():
                    self._request()
                else:
                    self._reap(self._children.pop(fd))

    def _request(self) -> None:
        fds = array.array("i")
        size = fds.itemsize
        room = socket.CMSG_SPACE(3 * size)
        data, ancillary, _, _ = self._control.recvmsg(64, room, socket.MSG_CMSG_CLOEXEC)
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(content[: len(content) - len(content) % size])
        if not data:
            os._exit(0)
        if len(fds) != 3:
            os._exit(1)
        status = socket.socket(fileno=fds[2])
        try:
            pid = self._fork(fds[0], fds[1])
            pidfd = os.pidfd_open(pid)
        except OSError as error:
            status.send(FAILED + str(error).encode())
            status.close()
        else:
            socket.send_fds(status, [STARTED], [pidfd])
            self._children[pidfd] = _Child(pid, pidfd, status)
            self._poll.register(pidfd, select.POLLIN)
        os.close(fds[0])
        os.close(fds[1])

    def _fork(self, sock_fd: int, output_fd: int) -> int:
        """Fork a worker as the first process of a pid namespace; this process stays in its own."""
        if not _is_alone():
            raise OSError("the warm parent has more than one thread")
        isolation.unshare(isolation.NEWPID)
        pid = os.fork()
        if pid == 0:
            _worker(sock_fd, output_fd, self._defences)
        if self._libc.setns(self._own_pids, isolation.NEWPID) != 0:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise OSError(ctypes.get_errno(), "setns to the warm parent's pid namespace")
        return pid

    def _reap(self, child: _Child) -> None:
        self._poll.unregister(child.pidfd)
        os.close(child.pidfd)
        _, status, usage = os.wait4(child.pid, 0)
        report = EXITED.pack(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
        with suppress(OSError):  # the grader may have stopped listening
            child.status.send(ENDED + report)
        child.status.close()


def _worker(sock_fd: int, output_fd: int, defences: worker.Defences) -> NoReturn:
    try:
        os.dup2(output_fd, 1)
        os.dup2(output_fd, 2)
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        fd = os.dup2(sock_fd, 3) if sock_fd != 3 else 3
        isolation.close_descriptors_from(4)
        worker.main(socket.socket(fileno=fd), defences)
    finally:
        os._exit(p.EXIT_SETUP)
