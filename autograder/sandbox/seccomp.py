"""The system calls that a worker may not make, as a filter compiled once and loaded by each worker.

Threads stay possible: ``clone`` with CLONE_THREAD is allowed, and ``clone3`` answers ENOSYS, so that the C
library falls back to ``clone``, whose flags a filter can read. Calls newer than the list below answer ENOSYS
too: nobody has thought about them. A call in the way of another architecture (x32, i386) kills the process.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import Any

_CLONE_THREAD = 0x10000
_X32 = 0x40000000  # a bit of x86-64's numbers
_NEWEST = 450  # set_mempolicy_home_node, Linux 5.17
_LOCKS = (6, 7, 37, 38)  # F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW
_SEES_LOCKS = (5, 36, 1024, 1025, 1026)  # F_GETLK, F_OFD_GETLK, F_SETLEASE, F_GETLEASE, F_NOTIFY
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_MODE_FILTER = 2

# Refused with EPERM, so that Python raises PermissionError where it happened.
_REFUSED = """
    fork vfork execve execveat
    memfd_create memfd_secret
    socket connect bind listen accept accept4
    ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp
    pidfd_open pidfd_getfd pidfd_send_signal rt_sigqueueinfo rt_tgsigqueueinfo
    unshare setns mount umount2 pivot_root chroot move_mount open_tree fsopen fsconfig fsmount fspick
    mount_setattr mknod mknodat name_to_handle_at open_by_handle_at fanotify_init fanotify_mark
    inotify_init inotify_init1 inotify_add_watch
    bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
    add_key request_key keyctl
    init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct
    settimeofday clock_settime clock_adjtime adjtimex stime sethostname setdomainname
    quotactl quotactl_fd syslog lookup_dcookie nfsservctl vhangup personality modify_ldt iopl ioperm
    shmget shmat shmctl msgget msgsnd msgrcv msgctl semget semop semctl semtimedop
    mq_open mq_unlink setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset
    setpriority ioprio_set sched_setscheduler sched_setattr sched_setparam
""".split()  # noqa: SIM905


class NoSeccomp(Exception):
    """The filter cannot be built here; the message says why."""


def compile_filter(machine: str = "") -> bytes:
    """Compile the filter to BPF with libseccomp.

    Args:
        machine: ``x86_64`` or ``aarch64``, whichever machine this is; by default this one.

    Raises:
        NoSeccomp: pyseccomp or libseccomp is missing.
    """
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError) as error:
        raise NoSeccomp(f"pyseccomp with libseccomp2 is needed: {error}") from None
    refuse = pyseccomp.ERRNO(errno.EPERM)
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    rules.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    if machine and (arch := getattr(pyseccomp.Arch, machine.upper())) != pyseccomp.system_arch():
        rules.add_arch(arch)
        rules.remove_arch(pyseccomp.Arch.NATIVE)
    for name in _REFUSED:
        try:
            rules.add_rule(refuse, name)
        except (OSError, ValueError):  # this architecture, or this libseccomp, does not know the call
            continue
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    not_a_thread = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, _CLONE_THREAD, 0)
    rules.add_rule(refuse, "clone", not_a_thread)
    _separate(rules, pyseccomp)
    # A worker that is told to outlive its warm parent would.
    outlive = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, 0xFFFFFFFF, _PR_SET_PDEATHSIG)  # the kernel reads 32 bits
    rules.add_rule(refuse, "prctl", outlive)
    return _refusing_the_newer() + _exported(rules)


def _separate(rules: Any, pyseccomp: Any) -> None:
    """Let no worker see another's locks on a file that both may read: within one process they mean nothing.

    To lock succeeds and does nothing; to ask who holds a lock, or a lease, is refused.
    """
    rules.add_rule(pyseccomp.ERRNO(0), "flock")
    for answer, commands in ((0, _LOCKS), (errno.EPERM, _SEES_LOCKS)):
        for command in commands:
            of_kind = pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, command)
            rules.add_rule(pyseccomp.ERRNO(answer), "fcntl", of_kind)


def _refusing_the_newer() -> bytes:
    """Return BPF that stands before a filter; from 424 on, numbers are the same on every architecture."""
    load_number, jump_if_above, give = 0x20, 0x25, 0x06
    answer_enosys = 0x00050000 | errno.ENOSYS
    steps = (
        (load_number, 0, 0, 0),
        (jump_if_above, 2, 0, _X32 - 1),  # to the filter, which kills
        (jump_if_above, 0, 1, _NEWEST),
        (give, 0, 0, answer_enosys),
    )
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _exported(rules: Any) -> bytes:
    read_end, write_end = os.pipe()
    try:
        with os.fdopen(write_end, "wb") as sink:  # some 4 kB: less than a pipe holds
            rules.export_bpf(sink)
        program = b""
        while chunk := os.read(read_end, 1 << 16):
            program += chunk
    finally:
        os.close(read_end)
    return program


def load_filter(program: bytes) -> None:
    """Bind this thread, and all it starts, to a compiled filter for good; OSError when refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: unsigned short length in instructions of 8 bytes; pointer
    fprog = struct.pack("HL", len(program) // 8, ctypes.addressof(code))
    for option, first, second in ((_PR_SET_NO_NEW_PRIVS, 1, 0), (_PR_SET_SECCOMP, _MODE_FILTER, fprog)):
        if libc.prctl(option, first, second, 0, 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"seccomp: {os.strerror(number)}")
