"""Tier B: root without namespaces gives each worker a spare user, who can read what everybody can.

A sandbox claims a block of user numbers and a folder for its lifetime; see ``seats`` for the warm parent's
side.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from autograder.errors import SandboxError
from autograder.sandbox import bubblewrap
from autograder.sandbox.launch import ParentLauncher, Plan
from autograder.sandbox.seats import BLOCK, users_alive
from autograder.sandbox.tiers import Tier

# Numbers that no distribution gives to users; the second for containers that map 65,536 only.
RANGES = ((400_000, 65_536), (60_578, 606))
PLACE = "autograder-place-"


class UserLauncher(ParentLauncher):
    """Tier B: a warm parent that is root, whose workers become users of their own."""

    tier = Tier.B
    patience_s = 2.0  # the warm parent clears up after its workers

    def __init__(self, plan: Plan) -> None:
        if os.geteuid() != 0:
            raise SandboxError("each submission needs a user of its own, and only root can give it one")
        self._claim: Claim | None = None
        self._place: Place | None = None
        try:
            self._claim, self._place = Claim(), Place()
            packages = _copied(bubblewrap.package_folders(plan.packages), f"{self._place.path}/packages")
            path = os.pathsep.join((packages, *bubblewrap.further_site_folders()))
            settings = {
                "users": self._claim.first, "place": self._place.path, "secrets": list(plan.secrets),
                "interpreter": [*bubblewrap.interpreter_folders(), *bubblewrap.further_site_folders()],
                "readable": bubblewrap.readable_paths(plan.read_only, packages),
            }  # fmt: skip
            environment = plan.environment({**bubblewrap.ENVIRONMENT, "PYTHONPATH": path})
            super().__init__(plan, list(bubblewrap.INTERPRETER), environment, settings)
        except BaseException:
            self._put_away()
            raise

    def close(self) -> None:
        """End the warm parent and every worker, and remove what they wrote."""
        super().close()
        self._put_away()

    def _put_away(self) -> None:
        if self._place is not None:
            self._place.remove()
        if self._claim is not None:
            self._claim.give_back()
        self._claim = self._place = None


def _copied(folders: Mapping[str, str], packages: str) -> str:
    """Copy packages to where every user can read them: the course's folder may be closed to others."""
    for place, folder in folders.items():
        aside = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folder, f"{packages}/{os.path.basename(place)}", ignore=aside)
    for root, inner, files in os.walk(packages):
        for path in (root, *(os.path.join(root, name) for name in (*inner, *files))):
            os.chmod(path, 0o755 if os.path.isdir(path) else 0o644)
    return packages


class Claim:
    """A block of user numbers that no other sandbox of this machine uses, until it is given back."""

    def __init__(self) -> None:
        self.first, self._lock = _claim()

    def give_back(self) -> None:
        """Let another sandbox have the numbers."""
        os.close(self._lock)


def _claim() -> tuple[int, int]:
    folder = Path("/run" if os.path.isdir("/run") else "/var/tmp", "autograder-users")
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != 0 or about.st_mode & 0o022:
        raise SandboxError(f"{folder} is not root's own folder.\n  Next: remove it.")
    known = {entry.pw_uid for entry in pwd.getpwall()}
    for start, count in RANGES:
        if not _is_mapped(start, count):
            continue
        for first in range(start, start + count - BLOCK + 1, BLOCK):
            lock = _locked(folder / str(first))
            if lock is None:
                continue
            if known.isdisjoint(range(first, first + BLOCK)) and not users_alive(range(first, first + BLOCK)):
                return first, lock
            os.close(lock)
    raise SandboxError("no spare user numbers are left on this machine.\n  Next: end other graders.")


def _is_mapped(start: int, count: int) -> bool:
    """Tell whether a container's user namespace, if it has one, knows the numbers."""
    lines = Path("/proc/self/uid_map").read_text().splitlines()
    return any(
        first <= start and start + count <= first + size
        for first, _, size in (tuple(map(int, line.split())) for line in lines)
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
