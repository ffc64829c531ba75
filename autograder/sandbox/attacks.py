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
    """Find what lies in the folder in which the grader was started; in tier B, read or list it."""
    found = [path for path in here["hidden_paths"] if os.path.lexists(path)]
    if here["tier"] == "B":
        found = [path for path in (*here["hidden_paths"], *here["secrets"]) if can_read(path)]
    if not found:
        raise OSError("none found")
    return found


def can_read(path: str) -> bool:
    """Tell whether there is something in a file or a folder that can be read."""
    try:
        if os.path.isdir(path):
            return bool(os.listdir(path))
        with open(path, "rb", buffering=0) as file:
            return bool(file.read(1))
    except OSError:
        return False


def see_other_processes(here: dict[str, Any]) -> object:
    """Find a process that is not this one; in tier B, where all see all, look into one."""
    names = ("environ", "maps", "mem", "fd", "auxv") if here["tier"] == "B" else ("cmdline",)
    others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    readable = [path for pid in others for name in names if can_read(path := f"/proc/{pid}/{name}")]
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


def reach_neighbour(here: dict[str, Any]) -> object:
    """Read what another worker wrote, or reach it with a signal."""
    got = [path for path in here["neighbours_files"] if can_read(path)]
    try:
        if here["tier"] == "B":  # elsewhere the number means nothing here
            os.kill(here["neighbour"], 0)
            got.append(f"process {here['neighbour']}")
    except OSError:
        pass
    if not got:
        raise OSError("nothing of another's")
    return got


def read_environment(here: dict[str, Any]) -> object:
    """Find a variable of the grader's environment."""
    if here["environment"] not in os.environ:
        raise OSError("only what it was given")
    return sorted(os.environ)


def find_descriptors(here: dict[str, Any]) -> object:
    """Find an open descriptor beyond standard input, output, error and the socket."""
    found = []
    for fd in range(4, 256):
        try:
            os.fstat(fd)
            found.append(fd)
        except OSError:
            pass
    if not found:
        raise OSError("none is open")
    return found


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


def abstract_socket(here: dict[str, Any]) -> object:
    """Open a socket that another process of this machine could speak to."""
    return call("socket", int(socket.AF_UNIX), int(socket.SOCK_DGRAM), 0)


def system_v(here: dict[str, Any]) -> object:
    """Make memory, messages or semaphores that another process could share."""
    got, failed = [], OSError("none")
    calls = (("shmget", (0, 4096, 0o600)), ("msgget", (0, 0o600)), ("semget", (0, 1, 0o600)))
    for function, arguments in calls:
        try:
            number = call(function, *arguments)
        except OSError as error:
            failed = error
            continue
        got.append(function)
        libc[function.replace("get", "ctl")](number, 0, 0, 0)  # remove it again
    if not got:
        raise failed
    return got


def keyring(here: dict[str, Any]) -> object:
    """Look for the keys of the session."""
    keyctl = {"x86_64": 250, "aarch64": 219}.get(os.uname().machine)
    if keyctl is None:
        raise OSError("the number of keyctl is not known here")
    get_keyring_id, session = 0, -3
    return call("syscall", keyctl, get_keyring_id, session, 1, 0, 0)


def become_root(here: dict[str, Any]) -> object:
    """Become user 0, as the kernel counts users here."""
    if os.getuid() == 0:
        return "it is root"
    return call("setresuid", 0, 0, 0)


def map_memory(here: dict[str, Any]) -> object:
    """Have more memory than is allowed; none of it is touched."""
    none, private_nameless_unreserved = 0, 0x4022
    libc.mmap.restype = ctypes.c_void_p
    size = ctypes.c_size_t(here["memory_mb"] << 20)
    place = libc.mmap(None, size, none, private_nameless_unreserved, -1, ctypes.c_long(0))
    if place is None or place == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    libc.munmap(ctypes.c_void_p(place), size)
    return f"{here['memory_mb']} MB"


def large_file(here: dict[str, Any]) -> object:
    """Make a file larger than is allowed; it is a hole."""
    with open("hole", "wb") as file:
        try:
            file.truncate(here["file_mb"] << 20)
        finally:
            os.unlink("hole")
    return f"{here['file_mb']} MB"


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
    for folder in (*here["outside"], os.path.dirname(os.__file__)):
        path = os.path.join(folder, "left-behind")
        try:
            with open(path, "w"):
                left.append(folder)
            os.unlink(path)
        except OSError:
            pass
    if not left:
        raise OSError("no folder to write in")
    return left


ATTACKS = (
    read_hidden_file, find_hidden_files, see_other_processes, signal_grader, reach_neighbour,
    read_environment, find_descriptors, fork, execute, open_socket, abstract_socket, system_v, keyring,
    become_root, map_memory, large_file, nameless_file, new_namespace, trace, write_outside,
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
