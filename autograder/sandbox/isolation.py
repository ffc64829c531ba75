"""What a worker does to itself before it touches student code.

Namespaces, a private tmpfs, resource limits, Landlock, seccomp: each a function, applied in this order, all
in the worker's only thread. Tier A does all; in A' bubblewrap made the namespaces; tier C has limits only.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import sys
from collections.abc import Iterable

NEWNS, NEWUTS, NEWIPC = 0x20000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
_NOSUID, _NODEV, _NOEXEC, _RDONLY = 2, 4, 8, 1
_REMOUNT, _BIND, _REC, _PRIVATE = 0x20, 0x1000, 0x4000, 0x40000

TMP = "/tmp"
SHM = "/dev/shm"  # semaphores live here
HOME = "/tmp/work"  # a worker's working directory
TMP_MB = 64


def libc() -> ctypes.CDLL:
    """Return the C library, with errno kept."""
    return ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Leave namespaces; OSError says which could not be left."""
    if libc().unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"unshare({flags:#x}): {os.strerror(number)}")


def map_user(uid: int, gid: int) -> None:
    """Map this process's user and group to themselves in the user namespace just made."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        fd = os.open(f"/proc/self/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


def own_namespaces() -> None:
    """Make user, mount, ipc, network and host name namespaces of this process's own."""
    uid, gid = os.getuid(), os.getgid()
    unshare(NEWUSER | NEWNS | NEWIPC | NEWNET | NEWUTS)
    map_user(uid, gid)


def private_mounts(size_mb: int, shown: Iterable[str] = ()) -> None:
    """Put a sized tmpfs at /tmp and /dev/shm, and at /proc next to nothing: other processes are not seen.

    Args:
        size_mb: of /tmp.
        shown: what stays visible; some of it may lie below /tmp, where the course itself was unpacked.
    """
    mount(None, "/", None, _REC | _PRIVATE)
    kept = {path: os.open(path, os.O_PATH) for path in shown if path.startswith((TMP + "/", "/proc/"))}
    plain = _NOSUID | _NODEV | _NOEXEC
    mount("tmpfs", TMP, "tmpfs", plain, f"size={size_mb}m,mode=700,nr_inodes=20000")
    mount("tmpfs", SHM, "tmpfs", plain, "size=16m,mode=700,nr_inodes=1000")
    proc = os.open("/proc/self/fd", os.O_PATH)  # still there for the mounts below, once it is covered
    mount("tmpfs", "/proc", "tmpfs", plain, "size=16k,mode=755")
    for path, fd in kept.items():
        if path.startswith("/proc/"):
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        else:
            os.makedirs(path, exist_ok=True)
        os.fchdir(proc)
        mount(str(fd), path, None, _BIND | _REC)
        os.close(fd)
    os.close(proc)
    mount("tmpfs", "/proc", None, _REMOUNT | _RDONLY | plain)


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Call mount(2)."""
    arguments = [text.encode() if text is not None else None for text in (source, target, kind)]
    if libc().mount(*arguments, ctypes.c_ulong(flags), data.encode() if data else None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {target}: {os.strerror(number)}")


def limit_resources(
    *, cpu_s: float, memory_mb: int, mapped: int, threads: int, file_mb: int, own_users: bool
) -> None:
    """Set hard limits.

    Args:
        cpu_s: CPU time from the process's start, of all its threads.
        memory_mb: address space beyond ``mapped``.
        mapped: bytes of address space in use before student code.
        threads: how many threads there may be, where they can be counted for this worker alone.
        file_mb: the largest file.
        own_users: a user namespace is this worker's own, so that RLIMIT_NPROC counts its threads only.
    """
    limits = {
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_FSIZE: file_mb << 20,
        resource.RLIMIT_CORE: 0,
    }
    if own_users:
        limits[resource.RLIMIT_NPROC] = threads + 1
    if sys.platform == "linux":
        limits[resource.RLIMIT_AS] = mapped + (memory_mb << 20)
    for name, value in limits.items():
        _set_limit(name, value, value)
    limit_cpu(cpu_s)


def limit_cpu(cpu_s: float) -> None:
    """Limit CPU time, from the process's start: SIGXCPU first, the end a second later."""
    seconds = max(1, math.ceil(cpu_s))
    _set_limit(resource.RLIMIT_CPU, seconds, seconds + 1)


def _set_limit(name: int, soft: int, hard: int) -> None:
    bound = resource.getrlimit(name)[1]
    if bound != resource.RLIM_INFINITY:
        soft, hard = min(soft, bound), min(hard, bound)
    resource.setrlimit(name, (soft, hard))


def mapped_bytes() -> int:
    """Return this process's address space."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def num_tasks() -> int:
    """Return how many threads this process has."""
    return len(os.listdir("/proc/self/task"))


def close_descriptors_from(first: int) -> None:
    """Close every descriptor from ``first`` on."""
    os.closerange(first, 65536)
