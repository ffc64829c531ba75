"""The system calls that a worker may not make, as a filter compiled once and loaded by each worker.

Threads stay possible: ``clone`` with CLONE_THREAD is allowed, and ``clone3`` answers ENOSYS, so that the C
library falls back to ``clone``, whose flags a filter can read. Unknown architectures kill the process.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

_CLONE_THREAD = 0x10000
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


def compile_filter() -> bytes:
    """Compile the filter to BPF with libseccomp.

    Raises:
        NoSeccomp: pyseccomp or libseccomp is missing.
    """
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError) as error:
        raise NoSeccomp(f"pyseccomp with libseccomp2 is needed: {error}") from None
    refuse = pyseccomp.ERRNO(errno.EPERM)
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in _REFUSED:
        try:
            rules.add_rule(refuse, name)
        except (OSError, ValueError):  # this architecture, or this libseccomp, does not know the call
            continue
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    not_a_thread = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, _CLONE_THREAD, 0)
    rules.add_rule(refuse, "clone", not_a_thread)
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
