"""The layers of defence by name, so that a trial can switch one off and see what it stops.

``Sandbox(..., without={Defence.SECCOMP})`` is for trials of the sandbox itself: no verb offers it,
a report of a run graded so says so, and ``--official`` refuses it. A limit that is switched off becomes a
much wider one, so that a trial cannot harm the machine.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autograder.course import Limits


class Defence(StrEnum):
    """One layer that can be taken away; what taking it away lets through stands beside it."""

    # What a worker sees.
    FILES = "files"  # the host's whole tree can be read (B: by a capability that reads past permissions)
    OWN_FILES = "own files"  # /tmp, /dev/shm and the working directory are shared between workers
    PROCESSES = "processes"  # the host's processes and /proc are visible, and can be addressed
    NETWORK = "network"  # the host's network interfaces and abstract sockets
    IPC = "ipc"  # the host's System V and POSIX message queues, semaphores and shared memory
    OWN_USER = "own user"  # tier B: workers share one user id
    DESCRIPTORS = "descriptors"  # inheritable descriptors of the grader and of the warm parent stay open
    ENVIRONMENT = "environment"  # the grader's environment variables are inherited
    SESSION = "session"  # a worker shares its warm parent's session and process group
    # What it may do.
    LANDLOCK = "landlock"  # no second fence around files, signals, abstract sockets and TCP
    SECCOMP = "seccomp"  # every system call is allowed
    # What it may use.
    CPU_LIMIT = "cpu limit"  # a minute more
    WALL_LIMIT = "wall limit"  # a minute more
    MEMORY_LIMIT = "memory limit"  # 2 GB more
    THREAD_LIMIT = "thread limit"  # 512
    DESCRIPTOR_LIMIT = "descriptor limit"  # 4096
    DISK_LIMIT = "disk limit"  # 512 MB
    INODE_LIMIT = "inode limit"  # 200,000
    OUTPUT_LIMIT = "output limit"  # 64 MB
    # What the grader takes from it.
    FRAME_LIMITS = "frame limits"  # size, depth, count and dtype of what comes back
    REQUEST_IDS = "request ids"  # 1, 2, 3, ... instead of random ones
    VIOLATIONS = "violations"  # a frame that breaks the protocol is skipped, and the worker goes on
    FRESH_WORKER = "fresh worker"  # one worker serves all questions of a submission
    TRUSTED = "trusted"  # student code reaches any member of an object that the grader hands in
    BUDGET = "budget"  # a trusted object is called as often as student code likes


TMP_MB = 64  # what a worker may write
SHM_MB = 16  # and in /dev/shm, where semaphores live
INODES = 20_000  # how many files it may make there
OPEN_FILES = 256  # how many it may have open
_WIDE_TMP_MB, _WIDE_INODES, _WIDE_OPEN_FILES = 512, 200_000, 4096
_MORE_S, _MORE_MB, _WIDE_THREADS, _WIDE_OUTPUT_KB = 60.0, 2048, 512, 64 << 10


def relaxed(limits: Limits, without: Collection[Defence]) -> Limits:
    """Return limits with those of ``without`` wide open, though never endless."""
    off = set(without)
    return replace(
        limits,
        cpu_s=limits.cpu_s + _MORE_S * (Defence.CPU_LIMIT in off),
        wall_s=limits.wall_s + _MORE_S * (Defence.WALL_LIMIT in off),
        memory_mb=limits.memory_mb + _MORE_MB * (Defence.MEMORY_LIMIT in off),
        threads=_WIDE_THREADS if Defence.THREAD_LIMIT in off else limits.threads,
        output_kb=_WIDE_OUTPUT_KB if Defence.OUTPUT_LIMIT in off else limits.output_kb,
    )


def tmp_mb(without: Collection[Defence]) -> int:
    """Return how many megabytes a worker may write."""
    return _WIDE_TMP_MB if Defence.DISK_LIMIT in without else TMP_MB


def shm_mb(without: Collection[Defence]) -> int:
    """Return how many megabytes a worker may write where semaphores live."""
    return _WIDE_TMP_MB if Defence.DISK_LIMIT in without else SHM_MB


def inodes(without: Collection[Defence]) -> int:
    """Return how many files a worker may make."""
    return _WIDE_INODES if Defence.INODE_LIMIT in without else INODES


def open_files(without: Collection[Defence]) -> int:
    """Return how many descriptors a worker may have open."""
    return _WIDE_OPEN_FILES if Defence.DESCRIPTOR_LIMIT in without else OPEN_FILES
