"""What a hostile submission tries first. Runs as a submission's cell inside a worker; see ``probes``.

Each attack returns what it got, which is its success, or raises, which is its failure.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from typing import Any

libc = ctypes.CDLL(None, use_errno=True)


def call(function: str, *arguments: Any) -> int:
    """Call into the C library, past Python's own checks."""
    result = int(libc[function](*arguments))
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def read_hidden_file(here: dict[str, Any]) -> object:
    """Read a file of the grader's."""
    with open(here["hidden_file"]) as file:
        return file.read()


def find_hidden_files(here: dict[str, Any]) -> object:
    """Find what lies in the folder in which the grader was started."""
    found = [path for path in here["hidden_paths"] if os.path.lexists(path)]
    if not found:
        raise OSError("none found")
    return found


def see_other_processes(here: dict[str, Any]) -> object:
    """Find a process that is not this one."""
    others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    readable = []
    for pid in others:
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                readable.append(file.read())
        except OSError:
            pass
    if not readable:
        raise OSError("nothing to see")
    return readable


def signal_grader(here: dict[str, Any]) -> object:
    """Reach the grader, or the process that started this one, with a signal."""
    reached = []
    for pid in {here["grader_pid"], os.getppid() or -1} - {-1, 1, os.getpid()}:
        try:
            os.kill(pid, 0)
            reached.append(pid)
        except OSError:
            pass
    if not reached:
        raise OSError("nobody to reach")
    return reached


def fork(here: dict[str, Any]) -> object:
    """Start a process."""
    pid = call("fork")
    if pid == 0:
        libc._exit(0)
    os.waitpid(pid, 0)
    return pid


def refused(function: str, *arguments: Any) -> str:
    """Make a call that cannot succeed, and tell whether it was refused or only failed: EPERM or another."""
    libc[function](*arguments)
    number = ctypes.get_errno()
    if number == errno.EPERM:
        raise OSError(number, os.strerror(number))
    return os.strerror(number)


def execute(here: dict[str, Any]) -> object:
    """Run another program in this one's place."""
    return refused("execve", b"/not/there", None, None)


def open_socket(here: dict[str, Any]) -> object:
    """Open a network socket."""
    return call("socket", int(socket.AF_INET), int(socket.SOCK_STREAM), 0)


def nameless_file(here: dict[str, Any]) -> object:
    """Make a file in memory that could be executed."""
    return call("memfd_create", b"x", 0)


def new_namespace(here: dict[str, Any]) -> object:
    """Become root in a namespace of one's own."""
    return call("unshare", 0x10000000)


def trace(here: dict[str, Any]) -> object:
    """Trace another process."""
    attach, nobody = 16, 2**30
    return refused("ptrace", attach, nobody, 0, 0)


def write_outside(here: dict[str, Any]) -> object:
    """Leave something behind for the next submission."""
    left = []
    for folder in ("/", "/usr", "/packages", "/dev", "/var/tmp", os.path.dirname(os.__file__)):
        try:
            with open(os.path.join(folder, "left-behind"), "w"):
                left.append(folder)
        except OSError:
            pass
    if not left:
        raise OSError("no folder to write in")
    return left


ATTACKS = (
    read_hidden_file, find_hidden_files, see_other_processes, signal_grader, fork, execute, open_socket,
    nameless_file, new_namespace, trace, write_outside,
)  # fmt: skip


def attack(here: dict[str, Any]) -> dict[str, str]:
    """Try everything; return attack -> how it was stopped, or ``!! `` and what it got."""
    results = {}
    for one in ATTACKS:
        try:
            got = one(here)
        except OSError as error:
            results[one.__name__] = f"{type(error).__name__}: {error.strerror or error}"
        else:
            results[one.__name__] = f"!! {str(got)[:100]}"
    return results
