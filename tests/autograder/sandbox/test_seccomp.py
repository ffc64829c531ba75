"""The filter of system calls, for both architectures: interpreted here, and met by a worker."""

from __future__ import annotations

import errno
import fcntl
import platform
import struct

import pytest

from autograder.sandbox import StudentError, WorkerBlocked, seccomp

ALLOW, KILL = "allow", "kill"
EPERM, ENOSYS = errno.EPERM, errno.ENOSYS
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386 = 0x40000003

# name: number on x86-64, on aarch64 (-1: there is none), first argument, verdict. From the kernel's tables
# arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
CALLS = {
    "read": (0, 63, 0, ALLOW), "write": (1, 64, 0, ALLOW), "openat": (257, 56, 0, ALLOW),
    "mmap": (9, 222, 0, ALLOW), "munmap": (11, 215, 0, ALLOW), "futex": (202, 98, 0, ALLOW),
    "exit_group": (231, 94, 0, ALLOW), "rt_sigreturn": (15, 139, 0, ALLOW), "kill": (62, 129, 0, ALLOW),
    "socketpair": (53, 199, 1, ALLOW), "prctl": (157, 167, 15, ALLOW), "getrandom": (318, 278, 0, ALLOW),
    "clone of a thread": (56, 220, 0x3D0F00, ALLOW), "set_mempolicy_home_node": (450, 450, 0, ALLOW),
    "clone of a process": (56, 220, 0x1200011, EPERM), "clone into a namespace": (56, 220, 0x10000000, EPERM),
    "clone3": (435, 435, 0, ENOSYS), "fork": (57, -1, 0, EPERM), "vfork": (58, -1, 0, EPERM),
    "execve": (59, 221, 0, EPERM), "execveat": (322, 281, 0, EPERM), "memfd_create": (319, 279, 0, EPERM),
    "memfd_secret": (447, 447, 0, EPERM), "socket": (41, 198, 2, EPERM), "connect": (42, 203, 0, EPERM),
    "bind": (49, 200, 0, EPERM), "listen": (50, 201, 0, EPERM), "accept4": (288, 242, 0, EPERM),
    "ptrace": (101, 117, 16, EPERM), "process_vm_readv": (310, 270, 0, EPERM),
    "process_vm_writev": (311, 271, 0, EPERM), "pidfd_open": (434, 434, 0, EPERM),
    "pidfd_getfd": (438, 438, 0, EPERM), "pidfd_send_signal": (424, 424, 0, EPERM),
    "unshare": (272, 97, 0, EPERM), "setns": (308, 268, 0, EPERM), "mount": (165, 40, 0, EPERM),
    "umount2": (166, 39, 0, EPERM), "pivot_root": (155, 41, 0, EPERM), "chroot": (161, 51, 0, EPERM),
    "move_mount": (429, 429, 0, EPERM), "open_tree": (428, 428, 0, EPERM), "mount_setattr": (442, 442, 0, EPERM),
    "mknodat": (259, 33, 0, EPERM), "open_by_handle_at": (304, 265, 0, EPERM), "bpf": (321, 280, 0, EPERM),
    "perf_event_open": (298, 241, 0, EPERM), "userfaultfd": (323, 282, 0, EPERM),
    "io_uring_setup": (425, 425, 0, EPERM), "io_uring_enter": (426, 426, 0, EPERM),
    "add_key": (248, 217, 0, EPERM), "request_key": (249, 218, 0, EPERM), "keyctl": (250, 219, 0, EPERM),
    "shmget": (29, 194, 0, EPERM), "shmat": (30, 196, 0, EPERM), "msgget": (68, 186, 0, EPERM),
    "semget": (64, 190, 0, EPERM), "mq_open": (240, 180, 0, EPERM), "setuid": (105, 146, 0, EPERM),
    "setresuid": (117, 147, 0, EPERM), "setgroups": (116, 159, 0, EPERM), "capset": (126, 91, 0, EPERM),
    "setpriority": (141, 140, 0, EPERM), "prctl(PR_SET_PDEATHSIG)": (157, 167, 1, EPERM),
    "prctl(PR_SET_PDEATHSIG), disguised": (157, 167, 1 | 1 << 32, EPERM),
    "inotify_init1": (294, 26, 0, EPERM), "inotify_add_watch": (254, 27, 0, EPERM), "flock": (73, 32, 0, 0),
    "fchmodat2": (452, 452, 0, ENOSYS), "listmount": (458, 458, 0, ENOSYS), "one to come": (999, 999, 0, ENOSYS),
}  # fmt: skip


def interpret(program: bytes, number: int, arch: int, first: int = 0, second: int = 0) -> str | int:
    """Run classic BPF on one system call; return what the kernel would do."""
    steps = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    data = struct.pack("=IIQ6Q", number, arch, 0, first, second, 0, 0, 0, 0)
    value = place = 0
    compare = {0x15: int.__eq__, 0x25: int.__gt__, 0x35: int.__ge__, 0x45: int.__and__}
    while True:
        code, if_true, if_false, k = steps[place]
        place += 1
        if code == 0x20:  # load a word of the call
            (value,) = struct.unpack_from("=I", data, k)
        elif code == 0x54:  # and
            value &= k
        elif code == 0x05:  # jump
            place += k
        elif code in compare:
            place += if_true if compare[code](value, k) else if_false
        elif code == 0x06:  # give the verdict
            return {0x7FFF0000: ALLOW, 0x80000000: KILL, 0x00050000: k & 0xFFFF}[k & 0xFFFF0000]
        else:
            raise AssertionError(f"an instruction that no filter of ours needs: {code:#x}")


@pytest.fixture(scope="module", params=["x86_64", "aarch64"])
def machine(request):
    return request.param, seccomp.compile_filter(request.param)


@pytest.mark.parametrize("name", CALLS)
def test_what_each_call_answers(machine, name):
    arch, program = machine
    on_x86, on_arm, first, verdict = CALLS[name]
    number = on_x86 if arch == "x86_64" else on_arm
    if number >= 0:
        assert interpret(program, number, ARCH[arch], first) == verdict


# Commands of fcntl, from include/uapi/asm-generic/fcntl.h: F_DUPFD, F_SETFL, F_DUPFD_CLOEXEC; locks; who locks.
COMMANDS = {
    ALLOW: (0, 1, 2, 3, 4, 1030), 0: (6, 7, 37, 38, 6 | 1 << 32), EPERM: (5, 36, 1024, 1025, 1026, 5 | 1 << 32),
}  # fmt: skip


@pytest.mark.parametrize(("verdict", "commands"), COMMANDS.items())
def test_locks_do_nothing_and_tell_nothing(machine, verdict, commands):
    arch, program = machine
    number = 72 if arch == "x86_64" else 25
    assert {interpret(program, number, ARCH[arch], 3, command) for command in commands} == {verdict}


LOCKING = """
import fcntl, os, sqlite3
def lock(path):
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
def held(path):
    with open(path) as file:
        return fcntl.fcntl(file, fcntl.F_GETLK, bytes(32))
def database():
    with sqlite3.connect("a.db") as db:
        db.execute("create table t (x)")
        db.executemany("insert into t values (?)", [(1,), (2,)])
    return db.execute("select sum(x) from t").fetchall()
"""


def test_no_worker_sees_anothers_locks_and_a_database_works(start):
    one, other = start(LOCKING).student, start(LOCKING).student
    path = struct.__file__
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # as another submission might
        assert one.lock(path) is None and other.lock(path) is None
    with pytest.raises(StudentError, match="PermissionError"):
        one.held(path)
    assert one.database() == [(3,)]


def test_another_architectures_calls_kill(machine):
    arch, program = machine
    others = {*ARCH.values(), I386} - {ARCH[arch]}
    assert {interpret(program, number, other) for other in others for number in (0, 1, 63, 64)} == {KILL}
    if arch == "x86_64":
        assert interpret(program, 0x40000000 | 1, ARCH[arch]) == KILL  # x32


def test_the_filter_of_this_machine_is_the_one_that_is_loaded():
    here = platform.machine()
    assert seccomp.compile_filter() == seccomp.compile_filter(here)
    assert len(seccomp.compile_filter()) % 8 == 0 and 100 < len(seccomp.compile_filter()) < 60_000


# mov eax, 20 (getpid of i386); int 0x80; ret   and   mov eax, 0x40000027 (getpid of x32); syscall; ret
FOREIGN = {"i386": b"\xb8\x14\0\0\0\xcd\x80\xc3", "x32": b"\xb8\x27\0\0\x40\x0f\x05\xc3"}
SOURCE = """
import ctypes, mmap
def run(code):
    place = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    place.write(code)
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(place)))()
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="machine code of x86-64")
@pytest.mark.parametrize("kind", FOREIGN)
def test_a_worker_that_calls_in_a_foreign_way_is_killed(start, kind):
    assert start(SOURCE).student.run(b"\xb8\x05\0\0\0\xc3") == 5  # mov eax, 5; ret
    worker = start(SOURCE)
    with pytest.raises(WorkerBlocked, match="a system call that the sandbox forbids"):
        worker.student.run(FOREIGN[kind])
