"""What a hostile submission tries first. Runs as a submission's cell inside a worker; see ``probes``.

Each attack returns what it got, which is its success, or raises, which is its failure.
"""

import ctypes
import os
import socket

libc = ctypes.CDLL(None, use_errno=True)


def call(function, *arguments):
    """Call into the C library, past Python's own checks."""
    result = getattr(libc, function)(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def read_hidden_file(here):
    """Read a file of the grader's."""
    with open(here["hidden_file"]) as file:
        return file.read()


def find_hidden_files(here):
    """Find what lies in the folder in which the grader was started."""
    found = [path for path in here["hidden_paths"] if os.path.lexists(path)]
    if not found:
        raise OSError("none found")
    return found


def see_other_processes(here):
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


def signal_grader(here):
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


def fork(here):
    """Start a process."""
    pid = call("fork")
    if pid == 0:
        libc._exit(0)
    return pid


def execute(here):
    """Run another program in this one's place."""
    # A file that is not there: ENOENT would mean that the call itself is allowed.
    result = libc.execve(b"/not/there", None, None)
    number = ctypes.get_errno()
    if result == -1 and number == 1:
        raise OSError(number, os.strerror(number))
    return os.strerror(number)


def open_socket(here):
    """Open a network socket."""
    return call("socket", int(socket.AF_INET), int(socket.SOCK_STREAM), 0)


def nameless_file(here):
    """Make a file in memory that could be executed."""
    return call("memfd_create", b"x", 0)


def new_namespace(here):
    """Become root in a namespace of one's own."""
    return call("unshare", 0x10000000)


def trace(here):
    """Ask to be traced."""
    return call("ptrace", 0, 0, 0, 0)


def write_outside(here):
    """Leave something behind for the next submission."""
    left = []
    for folder in ("/", "/usr", "/packages", "/dev/shm", "/var/tmp", os.path.dirname(os.__file__)):
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


def attack(here):
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
