"""Landlock through its three system calls: what files a process may open, and whom it may signal.

The kernel's documentation: https://docs.kernel.org/userspace-api/landlock.html. The system calls have the
same numbers on every architecture.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE = 1 << 14
_READ = EXECUTE | READ_FILE | READ_DIR
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
_NUM_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # file system rights that each ABI version knows
_TCP = 0b11  # bind, connect: ABI 4
_SCOPES = 0b11  # abstract sockets, signals: ABI 6

_libc = ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """Return the kernel's Landlock version; 0 where it has none."""
    return max(0, _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def restrict(readable: Iterable[str], writable: Iterable[str]) -> None:
    """Confine this thread, and all it starts, for good.

    Args:
        readable: files and folders that may be read and executed; those that do not exist are left out.
        writable: folders in which everything may be done, and files that may be written.

    Raises:
        OSError: the kernel refused.
    """
    version = abi()
    if version == 0:
        raise OSError("this kernel has no Landlock")
    everything = (1 << _NUM_RIGHTS.get(version, 16)) - 1
    attributes = struct.pack("<QQQ", everything, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _check(_libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0)))
    try:
        for path in readable:
            _allow(ruleset, path, _READ & everything)
        for path in writable:
            _allow(ruleset, path, everything)
        _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _check(_libc.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            rights &= _OF_FILES
        rule = struct.pack("<Qi", rights, fd)  # packed: no padding at the end
        kind, no_flags = ctypes.c_int(_PATH_BENEATH), ctypes.c_uint32(0)
        _check(_libc.syscall(_ADD_RULE, ctypes.c_int(ruleset), kind, rule, no_flags))
    finally:
        os.close(fd)


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return int(result)
