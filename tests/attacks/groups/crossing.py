"""Crossing from one submission to another: what is left behind, what is shared, who is within reach."""

from __future__ import annotations

from autograder.sandbox.defences import Defence
from tests.attacks.attack import FAILED, Attack, thief
from tests.attacks.groups.network import _RAW

OWN_FILES = (Defence.OWN_FILES, Defence.OWN_USER)
EVERYBODYS = (*OWN_FILES, Defence.LANDLOCK)  # in B the machine's own folders are there, and nobody's to write
OUT = (Defence.NETWORK, Defence.SECCOMP, Defence.LANDLOCK)
IPC = (Defence.IPC, Defence.SECCOMP)


def left(tries: str, path: str, *defences: Defence) -> Attack:
    """Return an attack that leaves a file for the next submission."""
    leave = f"import os\ntry:\n    open(os.path.expanduser({path!r}), 'w').write('left')\nexcept OSError:\n    pass"
    return thief(
        tries, *defences, before=Attack("leaves a note", above=leave),
        steal=f"import os\nreturn os.path.exists(os.path.expanduser({path!r}))",
    )  # fmt: skip


_LEFT = {
    "tmp": left("leaves a file in /tmp for the next submission", "/tmp/note-k7", *EVERYBODYS),
    "shared memory": left("leaves a file in /dev/shm for the next submission", "/dev/shm/note-k7", *EVERYBODYS),
    "home": left("leaves a file in its working directory for the next submission", "note-k7.txt", *OWN_FILES),
    "a planted module": thief(
        "leaves a module in its working directory, in front of those that the next submission imports",
        *OWN_FILES,
        before=Attack("plants a module", above="open('colorsys.py', 'w').write('PLANTED = True')"),
        steal="import colorsys\nreturn getattr(colorsys, 'PLANTED', False)",
    ),
}  # fmt: skip

_SHARED = {
    "system v shared memory": thief(
        "finds the shared memory of a submission that is graded at the same time", *IPC,
        above="import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)",
        beside="""
import ctypes, time, threading
libc = ctypes.CDLL(None, use_errno=True)
segment = libc.shmget(0x5137E, 4096, 0o1666)
threading.Thread(target=lambda: (time.sleep(5), libc.shmctl(segment, 0, None)), daemon=True).start()
""",
        steal="""
segment = libc.shmget(0x5137E, 4096, 0)
if segment >= 0:
    libc.shmctl(segment, 0, None)  # remove it
    return segment + 1
""",
    ),
    "message queues": thief(
        "finds the message queue of a submission that is graded at the same time", *IPC,
        above="import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)",
        beside="import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nlibc.msgget(0x5137D, 0o1666)",
        steal="""
queue = libc.msgget(0x5137D, 0)
if queue >= 0:
    libc.msgctl(queue, 0, None)
    return queue + 1
""",
    ),
    "semaphores": thief(
        "finds the semaphores of a submission that is graded at the same time", *IPC,
        above="import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)",
        beside="import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nlibc.semget(0x5137C, 1, 0o1666)",
        steal="""
queue = libc.semget(0x5137C, 1, 0)
if queue >= 0:
    libc.semctl(queue, 0, 0)
    return queue + 1
""",
    ),
    "posix queues": thief(
        "finds the named queue of a submission that is graded at the same time", *IPC, *OWN_FILES, Defence.LANDLOCK,
        above="import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)",
        beside="import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nlibc.mq_open(b'/siege-k7', 0o102, 0o666, None)",
        steal="""
queue = libc.mq_open(b"/siege-k7", 0)
if queue >= 0:
    libc.mq_unlink(b"/siege-k7")
    return queue
raise OSError(ctypes.get_errno(), "mq_open")
""",
    ),
    "keyrings": thief(
        "finds a key in a ring that submissions inherit from the same parent", Defence.SECCOMP, Defence.OWN_USER,
        above="import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)",
        before=Attack("leaves a key", above="""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall(248, b"user", b"siege-k7", b"left", ctypes.c_size_t(4), -3)
"""),
        steal="""
key = libc.syscall(250, 10, -3, b"user", b"siege-k7", 0)  # search the session's ring
if key > 0:
    libc.syscall(250, 21, key)  # invalidate it
    return key
""",
    ),
    "an abstract socket": thief(
        "calls a submission that is graded at the same time by an abstract name", *OUT, above=_RAW,
        beside=_RAW + """
fd = opened(socket.AF_UNIX, socket.SOCK_STREAM)
checked(libc.bind(fd, unix(b"\\0siege-beside"), 15))
checked(libc.listen(fd, 4))
""",
        steal="call(opened(socket.AF_UNIX, socket.SOCK_STREAM), unix(b'\\0siege-beside'))\nreturn True",
    ),
    "a local port": thief(
        "calls a submission that is graded at the same time on a port of the machine", *OUT, above=_RAW,
        beside=_RAW + """
fd = opened(socket.AF_INET, socket.SOCK_STREAM)
checked(libc.bind(fd, inet(28311), 16))
checked(libc.listen(fd, 4))
""",
        steal="call(opened(socket.AF_INET, socket.SOCK_STREAM), inet(28311))\nreturn True",
    ),
    "signals": thief(
        "reaches the grader, its parent, another submission or any other process with a signal", Defence.PROCESSES,
        Defence.LANDLOCK, Defence.OWN_USER, beside="alive = True",
        above="import os",
        steal="""
seen = [int(name) for name in (os.listdir("/proc") if os.path.isdir("/proc") else ()) if name.isdigit()]
for pid in (@PID@, @GRADER@, os.getppid(), *range(2, 300), *seen):
    try:
        if pid not in (0, 1, os.getpid()):
            os.kill(pid, 0)  # only asks whether it could
            return pid
    except OSError:
        pass
""",
    ),
    "the group's signals": thief(
        "shares a group with the warm parent, so that one signal to the group ends it for everybody",
        Defence.SESSION, Defence.PROCESSES,
        above="import os",
        steal="return os.getpgid(0) != os.getpid() or os.getsid(0) != os.getpid()",
    ),
    "locks": thief(
        "sees the lock that another submission holds on a file that both may read", Defence.SECCOMP,
        beside="""
import fcntl, os
held = open(os.__file__)
fcntl.flock(held, fcntl.LOCK_EX)
""",
        steal="""
import fcntl, os
with open(os.__file__) as file:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
""",
    ),
    "record locks": thief(
        "sees the record lock that another submission holds on a file that both may read", Defence.SECCOMP,
        beside="""
import fcntl, os
held = open(os.__file__)
fcntl.lockf(held, fcntl.LOCK_SH)
""",
        steal="""
import fcntl, os, struct
with open(os.__file__) as file:
    ask = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
    kind, *_ = struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_GETLK, ask))
    return kind != fcntl.F_UNLCK
""",
    ),
    "watching files": thief(
        "watches which files other submissions open", Defence.SECCOMP,
        above="import ctypes, os, time\nlibc = ctypes.CDLL(None, use_errno=True)",
        beside="""
import threading, time, colorsys
def read():
    for _ in range(400):
        open(colorsys.__file__).close()
        time.sleep(0.01)
threading.Thread(target=read, daemon=True).start()
""",
        steal="""
import colorsys
fd = libc.inotify_init1(0o4000)  # non-blocking
if fd < 0 or libc.inotify_add_watch(fd, colorsys.__file__.encode(), 0x20) < 0:
    return None
time.sleep(0.2)
return os.read(fd, 4096)
""",
    ),
    "a poisoned parent": thief(
        "changes numpy for the submissions after it", Defence.FRESH_WORKER,
        bodies={"1.2": "np.poisoned = True\nposition, goal = env.reset()\nfor _ in range(abs(goal)):\n    env.step(goal)\nreturn abs(goal)",
                "1.3": "return 2 * float(np.mean(x)) if hasattr(np, 'poisoned') else 0.0", "1.1": "return x + x"},
        before=Attack("poisons numpy", above="np.poisoned = True"), expected={"1.3": FAILED},
        steal="return None",
    ),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {**_LEFT, **_SHARED}
