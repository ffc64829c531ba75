"""What a sandbox that is started by root claims for its lifetime: spare user numbers, and a folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import stat
import tempfile
from pathlib import Path

from autograder.errors import SandboxError
from autograder.sandbox.seats import BLOCK, users_alive

# Numbers that no distribution gives to users; the second for containers that map 65,536 only.
RANGES = ((400_000, 65_536), (60_578, 606))
PLACE = "autograder-place-"


class Claim:
    """A block of user numbers that no other sandbox of this machine uses, until it is given back."""

    def __init__(self) -> None:
        self.first, self._lock = _claim()

    def give_back(self) -> None:
        """Let another sandbox have the numbers."""
        os.close(self._lock)


def _claim() -> tuple[int, int]:
    folder = _locks()
    known = {entry.pw_uid for entry in pwd.getpwall()}
    for start, count in RANGES:
        if not _is_mapped(start, count, Path("/proc/self/uid_map").read_text()):
            continue
        for first in range(start, start + count - BLOCK + 1, BLOCK):
            lock = _locked(folder / str(first))
            if lock is None:
                continue
            if known.isdisjoint(range(first, first + BLOCK)) and not users_alive(range(first, first + BLOCK)):
                return first, lock
            os.close(lock)
    raise SandboxError("no spare user numbers are left on this machine.\n  Next: end other graders.")


def _locks() -> Path:
    """Return the folder of locks, which all graders of this machine share."""
    for parent in ("/run", "/var/tmp", "/tmp"):
        folder = Path(parent, "autograder-users")
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            continue  # a container may be read-only here
        about = folder.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o022:
            raise SandboxError(f"{folder} is not root's own folder.\n  Next: remove it.")
        return folder
    raise SandboxError("no folder for locks: none of /run, /var/tmp and /tmp can be written.")


def _is_mapped(start: int, count: int, uid_map: str) -> bool:
    """Tell whether a container's user namespace, if it has one, knows the numbers."""
    return any(
        first <= start and start + count <= first + size
        for first, _, size in (map(int, line.split()) for line in uid_map.splitlines())
    )


def _locked(path: Path) -> int | None:
    """Open and lock a file; None when another holds it."""
    fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


class Place:
    """A folder of a sandbox's own, in memory where that can be, which others may pass and not list.

    Places of graders that were killed are removed when a new one is made.
    """

    def __init__(self) -> None:
        parent = "/dev/shm" if os.path.ismount("/dev/shm") else tempfile.gettempdir()
        _remove_abandoned(parent)
        self.path = tempfile.mkdtemp(prefix=PLACE, dir=parent)
        os.chmod(self.path, 0o711)
        self._lock = _locked(Path(self.path, ".lock"))

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _remove_abandoned(parent: str) -> None:
    for entry in os.scandir(parent):
        if not entry.name.startswith(PLACE) or entry.stat(follow_symlinks=False).st_uid != os.getuid():
            continue
        with contextlib.suppress(OSError):
            lock = os.open(f"{entry.path}/.lock", os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(entry.path, ignore_errors=True)
            finally:
                os.close(lock)
