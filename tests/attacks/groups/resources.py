"""Resources: time, memory, processes, threads, descriptors, disk, output, and ends that nobody expects."""

from __future__ import annotations

from autograder.sandbox.defences import Defence
from tests.attacks.attack import CRASHED, FAILED, LOST, OUT_OF_MEMORY, TIMED_OUT, Attack, Layer, Own
from tests.attacks.evidence import Evidence

CPU, WALL, MEMORY = Defence.CPU_LIMIT, Defence.WALL_LIMIT, Defence.MEMORY_LIMIT
FORKING = (Defence.SECCOMP, Defence.THREAD_LIMIT)


def greedy(tries: str, body: str, outcome: str, *defences: Layer, accident: bool = True, **more: object) -> Attack:
    """Return an attack that takes what it wants, bounded by itself, and then gives the right answer."""
    code = f"{body.strip()}\nreturn x + x"
    own: dict[str, object] = {"bodies": {"1.1": code}, "expected": {"1.1": outcome}, "accident": accident}
    return Attack(tries, defences, **{**own, **more})  # type: ignore[arg-type]


def taking(tries: str, body: str, *defences: Layer, **more: object) -> Attack:
    """Return an attack that is refused what it wants, and gives the right answer only if it is not."""
    code = f"""
if not TAKEN:
    try:
{_indented(body, 8)}
        TAKEN.append(True)
    except BaseException as error:
        print(repr(error))
return x + x if TAKEN else 0 * x
"""
    own: dict[str, object] = {"above": "TAKEN = []", "bodies": {"1.1": code}, "expected": {"1.1": FAILED}}
    return Attack(tries, defences, **{**own, **more})  # type: ignore[arg-type]


def _indented(body: str, by: int) -> str:
    return "\n".join(" " * by + line for line in body.strip("\n").split("\n"))


# Loops that the student's CPU time ends. The limit is 1 s; the kernel rounds it up, and grants a second more to who
# ignores its signal. Without it, a busy machine may need longer than the wall limit.
TIME = (CPU, WALL)
_SPIN = "import time\nwhile time.process_time() < START + 3.6: pass"
_START = "import time\nSTART = time.process_time()\n"
_TIME = {
    "a loop": greedy("loops in Python", _SPIN, TIMED_OUT, *TIME, above=_START),
    "a loop in C": greedy(
        "loops inside one call into C, where no signal handler of Python runs",
        "sum(range(300_000_000 * (len(x) == 1)))", TIMED_OUT, *TIME,
    ),
    "a regular expression": greedy(
        "hands a regular expression a text on which it tries everything",
        "import re\nre.match(r'(a+)+$', 'a' * 27 + 'b') if len(x) == 1 else None", TIMED_OUT, *TIME,
    ),
    "a huge power": greedy(
        "computes a number of millions of digits", "str(3 ** 1_100_000)[:0] if not __import__('sys').set_int_max_str_digits(0) and len(x) == 1 else ''",
        TIMED_OUT, *TIME,
    ),
    "ignored signals": greedy(
        "ignores and blocks every signal, then loops",
        f"""
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
{_SPIN}
""", TIMED_OUT, *TIME, above=_START,
    ),
    "a raised limit": greedy(
        "raises its own limits before it loops",
        f"""
import resource
for name in (resource.RLIMIT_CPU, resource.RLIMIT_AS):
    for bound in ((-1, -1), (resource.getrlimit(name)[1],) * 2):
        try:
            resource.setrlimit(name, bound)
        except (OSError, ValueError):
            pass
{_SPIN}
""", TIMED_OUT, *TIME, above=_START, accident=False,
    ),
    "a stopped clock": greedy(
        "stops the clocks that the worker itself reads before it loops",
        """
for name in ("time", "perf_counter", "monotonic", "process_time", "thread_time"):
    setattr(time, name, lambda: 0.0)
while honest() < START + 3.6: pass
""", TIMED_OUT, *TIME, above=_START + "honest = time.process_time", accident=False,
    ),
    "threads that loop": greedy(
        "loops in many threads at once, each with little time of its own",
        """
import threading
def spin(): sum(range(40_000_000))
threads = [threading.Thread(target=spin) for _ in range(6 * (len(x) == 1))]
[t.start() for t in threads]
[t.join() for t in threads]
""", TIMED_OUT, *TIME,
    ),
    "a sleep": greedy("waits for longer than it may", "import time\ntime.sleep(7 * (len(x) == 1))", TIMED_OUT, WALL),
    "a lock": greedy(
        "waits for a lock that nobody opens",
        "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire(timeout=7) if len(x) == 1 else None",
        TIMED_OUT, WALL,
    ),
    "an import that loops": Attack(
        "loops in its top level, which is loaded again without it", TIME,
        above=_START + _SPIN + "\nDONE = bool(time.time())",
        bodies={"1.1": "return x + x if DONE else 0 * x"}, expected={"1.1": FAILED}, accident=True,
    ),
    "an import that waits": Attack(
        "waits in its top level", (WALL,), above="import time\ntime.sleep(4.5)\nDONE = bool(time.time())",
        bodies={"1.1": "return x + x if DONE else 0 * x"}, expected={"1.1": FAILED}, accident=True,
    ),
    "callbacks": greedy(
        "spends the grader's time: calls back again and again and catches every refusal",
        "pass", TIMED_OUT, *TIME,
        bodies={"1.2": """
while time.process_time() < START + 1.8:  # most of its time is the grader's: this takes several times as long
    try:
        env.step(1)
    except BaseException:
        pass
"""}, above=_START, expected={"1.2": TIMED_OUT}, wins={"1.2": FAILED}, accident=False,
    ),
}  # fmt: skip

_FILLING = (MEMORY, *TIME)  # on a busy machine the kernel takes its time to hand out so much
_MEMORY = {
    "lists": greedy("fills lists", "rows = [[0.0] * 1_000_000 for _ in range(36)]", OUT_OF_MEMORY, *_FILLING),
    "arrays": greedy("fills arrays", "rows = [np.ones((1024, 1024)) for _ in range(36)]", OUT_OF_MEMORY, *_FILLING),
    "one allocation": greedy("asks for everything at once", "np.ones(400 << 17)", OUT_OF_MEMORY, *_FILLING),
    "anonymous maps": taking(
        "maps memory by itself, which no allocator counts",
        "import mmap\nheld = [mmap.mmap(-1, 64 << 20) for _ in range(7)]", MEMORY,
    ),
    "the C library": taking(
        "asks the C library and ignores that it says no",
        """
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
assert all(libc.malloc(ctypes.c_size_t(64 << 20)) for _ in range(7))
""", MEMORY,
    ),
    "thread stacks": taking(
        "hides memory in the stacks of threads",
        """
import threading, time
threading.stack_size(64 << 20)
threads = [threading.Thread(target=time.sleep, args=(0.2,)) for _ in range(7)]
[t.start() for t in threads]
[t.join() for t in threads]
""", MEMORY,
    ),
    "a nameless file": taking(
        "keeps memory in a file that has no name",
        """
import os
fd = os.memfd_create("hoard")
os.write(fd, bytes(1 << 20))
""", Defence.SECCOMP,
    ),
    "while loading": Attack(
        "fills memory in its top level", _FILLING, above="rows = [np.ones((1024, 1024)) for _ in range(36)]\nDONE = len(rows) + 0 * len(str(rows[0]))",
        bodies={"1.1": "return x + x if DONE else 0 * x"}, expected={"1.1": FAILED}, accident=True,
    ),
}  # fmt: skip

_PROCESSES = {
    "a fork": taking(
        "forks through the C library, past Python's own refusal",
        """
import ctypes, os
pid = ctypes.CDLL(None, use_errno=True).fork()
if pid == 0:
    os._exit(0)
assert pid > 0
os.waitpid(pid, 0)
""", Defence.SECCOMP,
    ),
    "a fork bomb": taking(
        "forks sixty times",
        """
import ctypes, os, time
libc, pids = ctypes.CDLL(None, use_errno=True), []
for _ in range(60):
    pid = libc.fork()
    if pid == 0:
        time.sleep(0.3)
        os._exit(0)
    if pid < 0:
        break
    pids.append(pid)
[os.waitpid(pid, 0) for pid in pids]
assert len(pids) == 60
""", *FORKING,
    ),
    "vfork, clone and clone3": taking(
        "makes processes by the system calls beneath fork",
        """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
made = 0
for number, *arguments in ((56, 17, 0, 0, 0, 0), (57,)):
    pid = libc.syscall(number, *arguments)
    if pid == 0:
        os._exit(0)
    if pid > 0:
        os.waitpid(pid, 0)
        made += 1
libc.syscall(435, 0, 0)
assert made and ctypes.get_errno() != errno.ENOSYS
""", Defence.SECCOMP,
    ),
    "another program": taking(
        "runs another program in its place",
        """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
libc.execve(b"/not/there", None, None)
assert ctypes.get_errno() == errno.ENOENT
""", Defence.SECCOMP,
    ),
    "a namespace of its own": taking(
        "becomes root in a namespace of its own",
        "import ctypes\nassert ctypes.CDLL(None, use_errno=True).unshare(0x10000000) == 0", Defence.SECCOMP,
    ),
    "tracing": taking(
        "asks to be traced, as a debugger's child is",
        "import ctypes\nassert ctypes.CDLL(None, use_errno=True).ptrace(0, 0, 0, 0) == 0", Defence.SECCOMP,
    ),
    "another's memory": taking(
        "reads memory by the call that reads another process's",
        """
import ctypes, os
held, read = ctypes.create_string_buffer(b"mine"), ctypes.create_string_buffer(4)
class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
here, there = (Iovec(ctypes.addressof(b), 4) for b in (read, held))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.process_vm_readv(os.getpid(), ctypes.byref(here), 1, ctypes.byref(there), 1, 0) == 4
""", Defence.SECCOMP,
    ),
    "kernel rings": taking(
        "asks for a ring of io_uring, which makes system calls that no filter sees",
        """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
result = libc.syscall(425, 4, ctypes.create_string_buffer(120))
assert result >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS)
""", Defence.SECCOMP,
    ),
    "threads": taking(
        "starts two hundred threads",
        """
import threading, time
threading.stack_size(1 << 16)
threads = [threading.Thread(target=time.sleep, args=(0.5,), daemon=True) for _ in range(200)]
[t.start() for t in threads]
""", Defence.THREAD_LIMIT, accident=True,
    ),
    "priorities": taking(
        "changes how important it is to the scheduler",
        """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
assert libc.setpriority(0, 0, 19) == 0
""", Defence.SECCOMP,
    ),
}  # fmt: skip


def _printed(seen: Evidence) -> bool:
    return seen.result is not None and any(len(q.stdout) > 400_000 for q in seen.result.questions)


_THINGS = {
    "descriptors": taking(
        "opens a thousand files at once",
        "import os\nfds = [os.open('/dev/null', os.O_RDONLY) for _ in range(1000)]\n[os.close(fd) for fd in fds]",
        Defence.DESCRIPTOR_LIMIT, accident=True,
    ),
    "a large file": taking(
        "writes a file of a hundred megabytes",
        """
block = bytes(1 << 20)
with open("large", "wb") as file:
    for _ in range(100):
        file.write(block)
""", Defence.DISK_LIMIT, accident=True,
    ),
    "many large files": taking(
        "writes ten files of ten megabytes, none of which is large",
        """
block = bytes(10 << 20)
for number in range(10):
    with open(f"part{number}", "wb") as file:
        file.write(block)
""", Defence.DISK_LIMIT,
    ),
    "shared memory": taking(
        "fills /dev/shm",
        """
block = bytes(1 << 20)
with open("/dev/shm/large", "wb") as file:
    for _ in range(40):
        file.write(block)
""", Defence.DISK_LIMIT, Defence.LANDLOCK,  # in B it is the machine's, and nobody's to write
    ),
    "a file full of nothing": taking(
        "makes a file of a thousand gigabytes with nothing in it",
        "import os\nwith open('sparse', 'wb') as file:\n    os.ftruncate(file.fileno(), 300 << 20)", Defence.DISK_LIMIT,
    ),
    "inodes": taking(
        "makes more empty files than there is room for",
        """
import os
os.mkdir("many")
os.chdir("many")
for number in range(21_000):
    os.symlink("x", str(number))
""", Defence.INODE_LIMIT,
    ),
    "output": Attack(
        "prints without end", (Defence.OUTPUT_LIMIT,), accident=True,
        bodies={"1.1": "for _ in range(30):\n    print('PASSED 4 of 4 ' * 2000)\nreturn x + x"}, won=_printed,
    ),
    "output past Python": Attack(
        "writes to both of its outputs without end, past Python", (Defence.OUTPUT_LIMIT,),
        bodies={"1.1": "import os\nfor _ in range(30):\n    os.write(1, b'z' * 30_000)\n    os.write(2, b'y' * 1000)\nreturn x + x"}, won=_printed,
    ),
}  # fmt: skip

# Ends that would take a grader along.
_EVERYTHING = {"1.2": LOST, "1.3": LOST}
_ENDS = {
    "a segmentation fault": Attack(
        "reads address zero", (Own.BOUNDARY,), bodies={"1.1": "import ctypes\nreturn ctypes.string_at(0)"},
        expected={"1.1": CRASHED}, wins=_EVERYTHING, says="SIGSEGV", accident=True,
    ),
    "an abort": Attack(
        "has the C library end the process", (Own.BOUNDARY,), bodies={"1.1": "import ctypes\nctypes.CDLL(None).abort()"},
        expected={"1.1": CRASHED}, wins=_EVERYTHING, accident=True,
    ),
    "recursion in C": Attack(
        "nests objects until the C stack is full", (Own.BOUNDARY,),
        bodies={"1.1": "import sys\nsys.setrecursionlimit(10 ** 9)\ndeep = []\nfor _ in range(200_000):\n    deep = [deep]\nrepr(deep)"},
        expected={"1.1": CRASHED}, wins=_EVERYTHING, accident=True,
    ),
    "recursion": Attack(
        "calls itself without end, with the limit out of the way", (Own.BOUNDARY,),
        bodies={"1.1": "import sys\nsys.setrecursionlimit(10 ** 9)\nclass Deep:\n    def __getattr__(self, name): return getattr(self, name + 'x')\nreturn Deep().a"},
        expected={"1.1": f"{CRASHED}|{OUT_OF_MEMORY}|{FAILED}|{TIMED_OUT}"}, wins=_EVERYTHING, accident=True,
    ),
    "a thread that stays": Attack(
        "leaves a thread that the interpreter waits for at its end", (Own.BOUNDARY,),
        bodies={"1.1": "import threading, time\nthreading.Thread(target=time.sleep, args=(20,)).start()\nreturn x + x"},
        wins={"1.1": LOST, **_EVERYTHING}, accident=True,
    ),
    "closed descriptors": Attack(
        "closes every descriptor, its way back to the grader among them", (Own.BOUNDARY,),
        bodies={"1.1": "import os\nos.closerange(0, 256)\nreturn x + x"}, expected={"1.1": CRASHED},
        wins={}, won=lambda seen: seen.result is None and not seen.output,  # whatever the grader would have said is lost
    ),
    "signals to everybody": Attack(
        "sends every deadly signal to every process that it can think of", (Own.BOUNDARY,),
        bodies={"1.1": """
import os, signal
for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
    for pid in (os.getppid(), -1, 1, *range(2, 50), 0):
        for send in (os.kill, os.killpg):
            try:
                send(pid, number)
            except (OSError, OverflowError):
                pass
return 0 * x
"""},
        expected={"1.1": f"{FAILED}|{CRASHED}|{OUT_OF_MEMORY}"}, wins={"1.1": LOST, **_EVERYTHING},
    ),
    "an interrupt": Attack(
        "raises what Ctrl-C raises", (Own.BOUNDARY,), bodies={"1.1": "raise KeyboardInterrupt"},
        expected={"1.1": FAILED}, wins={"1.1": "PASSED|LOST"}, accident=True,
    ),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {**_TIME, **_MEMORY, **_PROCESSES, **_THINGS, **_ENDS}
