"""The kernel's calls with which a process confines itself: namespaces, mounts, another user, limits.

Each is a function that binds the calling process; ``confinement`` says which of them a tier uses.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import stat
import struct
import sys
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

NEWNS, NEWUTS, NEWIPC = 0x20000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
_NOSUID, _NODEV, _NOEXEC, _RDONLY = 2, 4, 8, 1
_REMOUNT, _BIND, _REC, _PRIVATE = 0x20, 0x1000, 0x4000, 0x40000

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_KEEPCAPS, _PR_CAPBSET_DROP = 1, 4, 8, 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_CHILD_SUBREAPER = 36
_CAPABILITY_VERSION = 0x20080522
_CAP_DAC_READ_SEARCH = 2

TMP = "/tmp"
SHM = "/dev/shm"  # semaphores live here
HOME = "/tmp/work"  # a worker's working directory


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


def own_namespaces(flags: int) -> None:
    """Make namespaces of this process's own, a user namespace among them."""
    uid, gid = os.getuid(), os.getgid()
    unshare(NEWUSER | flags)
    map_user(uid, gid)


def own_mounts() -> None:
    """Let no mount made from here on reach anybody else."""
    mount(None, "/", None, _REC | _PRIVATE)


def private_mounts(
    size_mb: int, inodes: int, shm_mb: int, kept: Iterable[str] = (), uid: int | None = None
) -> None:
    """Put a sized tmpfs at /tmp and /dev/shm.

    Args:
        size_mb: of /tmp.
        inodes: files that /tmp has room for.
        shm_mb: of /dev/shm.
        kept: what stays visible below /tmp, where the course itself may have been unpacked.
        uid: whose they are; by default this process's.
    """
    held = {}
    for path in kept:
        with suppress(FileNotFoundError):  # others may come and go below /tmp
            held[path] = os.open(path, os.O_PATH)
    sized_tmpfs(TMP, size_mb, inodes, uid)
    sized_tmpfs(SHM, shm_mb, 1000, uid)
    _bind(held)


def hide_processes(kept: Iterable[str]) -> None:
    """Put at /proc next to nothing: the files named, and no process."""
    held = {path: os.open(path, os.O_PATH) for path in kept}
    proc = os.open("/proc/self/fd", os.O_PATH)  # still there for the mounts below, once it is covered
    plain = _NOSUID | _NODEV | _NOEXEC
    mount("tmpfs", "/proc", "tmpfs", plain, "size=16k,mode=755")
    _bind(held, proc)
    os.close(proc)
    mount("tmpfs", "/proc", None, _REMOUNT | _RDONLY | plain)


def sized_tmpfs(path: str, size_mb: int, inodes: int, uid: int | None = None) -> None:
    """Mount a tmpfs that holds so much and no programs."""
    owner = "" if uid is None else f",uid={uid},gid={uid}"
    data = f"size={size_mb}m,mode=700,nr_inodes={inodes}{owner}"
    mount("tmpfs", path, "tmpfs", _NOSUID | _NODEV | _NOEXEC, data)


def open_ways(paths: Iterable[str]) -> None:
    """Make paths reachable whose way leads through folders that are closed to others, such as /root.

    The first such folder is covered by an empty one that holds the way to the paths and nothing else.
    """
    held, closed = {}, set()
    for path in paths:
        if folder := closed_folder(path):
            held[path] = os.open(path, os.O_PATH)
            closed.add(folder)
    for folder in closed:
        mount("tmpfs", folder, "tmpfs", _NOSUID | _NODEV, "size=64k,mode=755")
    _bind(held)


def closed_folder(path: str) -> str:
    """Return the first folder on the way to a path that others may not pass; empty where there is none."""
    return next((str(p) for p in reversed(Path(path).parents) if not p.stat().st_mode & 0o001), "")


def _bind(held: Mapping[str, int], proc: int | None = None) -> None:
    """Bind what is held open at its path again; close it."""
    for path, fd in held.items():
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            os.makedirs(path, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        os.fchdir(proc) if proc is not None else os.chdir("/proc/self/fd")
        with suppress(FileNotFoundError):  # removed meanwhile, by whoever else uses /tmp
            mount(str(fd), path, None, _BIND | _REC)
        os.close(fd)
    os.chdir("/")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Call mount(2)."""
    arguments = [text.encode() if text is not None else None for text in (source, target, kind)]
    if libc().mount(*arguments, ctypes.c_ulong(flags), data.encode() if data else None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {target}: {os.strerror(number)}")


def unmount(path: str) -> None:
    """Take a mount away, at once for all to see; OSError when it cannot be."""
    detach = 2
    if libc().umount2(path.encode(), detach) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"umount {path}: {os.strerror(number)}")


def become_user(uid: int, *, reads_all: bool = False) -> None:
    """Turn from root into a user without a group or a capability, for good.

    Args:
        uid: the user's number, and its group's.
        reads_all: keep the one capability that reads past permissions; for trials.
    """
    prctl = libc().prctl
    for capability in range(64):
        if prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break  # beyond the last, or not allowed to: what follows suffices
    if reads_all:
        prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    drop_capabilities(1 << _CAP_DAC_READ_SEARCH if reads_all else 0)
    no_new_privileges()
    if os.getresuid() != (uid, uid, uid) or os.getgroups():
        raise OSError(f"still user {os.getresuid()} with groups {os.getgroups()}")


def drop_capabilities(kept: int = 0) -> None:
    """Give up every capability but those of a mask."""
    header, sets = struct.pack("Ii", _CAPABILITY_VERSION, 0), struct.pack("6I", kept, kept, 0, 0, 0, 0)
    if libc().capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def step_down(uid: int) -> None:
    """Become a user who may still make namespaces, and die with the parent as before."""
    become_user(uid)
    libc().prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # else its own files in /proc are closed to it
    die_with_parent(os.getppid())


def no_new_privileges() -> None:
    """Let no program that this process executes have more rights than it has."""
    libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """Be killed when the parent ends, and at once if it has."""
    libc().prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
    if os.getppid() not in (parent, 0):  # 0: it is outside this process's namespace
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children() -> list[int]:
    """Return the ids of this process's children."""
    with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:
        return [int(pid) for pid in file.read().split()]


def end_children(known: Collection[int] = (), patience_s: float = 0.0) -> None:
    """Kill and reap this process's children but for those known; orphans among them, if it adopts any."""
    until = time.monotonic() + patience_s
    while strays := set(children()) - set(known):
        for pid in strays:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() >= until:
            return
        time.sleep(0.001)


def limit_resources(
    *, cpu_s: float, memory_mb: int, mapped: int, threads: int, open_files: int, file_mb: int, own_users: bool
) -> None:
    """Set hard limits.

    Args:
        cpu_s: CPU time from the process's start, of all its threads.
        memory_mb: address space beyond ``mapped``.
        mapped: bytes of address space in use before student code.
        threads: how many threads there may be, where they can be counted for this worker alone.
        open_files: how many descriptors may be open.
        file_mb: the largest file.
        own_users: its user, or its user namespace, is this worker's own, so that RLIMIT_NPROC counts its
            threads only.
    """
    limits = {
        resource.RLIMIT_NOFILE: open_files,
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
    """Limit CPU time, from the process's start: SIGXCPU first, the end a second later.

    The grader watches the clock itself and is there first; this holds where it cannot, or is stopped.
    """
    seconds = math.ceil(cpu_s) + 1
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
