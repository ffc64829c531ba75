"""The warm parent's side of tier B: a user and a folder for each worker, and all that it leaves behind.

No number is given out again while a process of it lives, and what its worker wrote or left in the kernel is
removed before that.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.sandbox import isolation
from autograder.sandbox.defences import Defence

BLOCK = 32  # numbers of a sandbox: the first hunts strays, the others are for workers
_WORLD_WRITABLE = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock", "/run/shm")
_REMOVE = 0  # IPC_RMID
_HUNT_S = 5.0
_ROOM = ".room"  # beside a folder: the megabytes and files that it may hold


@dataclass(frozen=True)
class Seat:
    """One worker's user and folder."""

    uid: int
    folder: str
    mounts: bool  # the worker puts a sized tmpfs there before it becomes the user


class Seats:
    """Gives each worker a user and a private folder, and clears up after it.

    Args:
        first: the block's first number.
        place: the sandbox's folder.
        without: defences left out.

    Attributes:
        mounts: folders are mounts, so that the kernel holds them to their room.
        share_files: in a trial, what one worker leaves the next one finds.
    """

    def __init__(self, first: int, place: str, without: Collection[Defence]) -> None:
        self._guard = first
        self._shared = Defence.OWN_USER in without
        self.share_files = Defence.OWN_FILES in without
        self._uids = range(first + 1, first + (2 if self._shared else BLOCK))
        self._place = place
        self._taken: set[int] = set()
        self._given = 0
        self.mounts = _can_mount()

    def take(self) -> Seat:
        """Return a free user with a folder.

        Raises:
            OSError: every user of the block has a worker.
        """
        self._given += 1
        order = [self._uids[(self._given + i) % len(self._uids)] for i in range(len(self._uids))]
        uid = next((uid for uid in order if uid not in self._taken or self._shared), None)
        if uid is None:
            raise OSError(f"{len(order)} workers at once, and no spare user is left")
        self._taken.add(uid)
        if self.share_files:
            seat = Seat(uid, f"{self._place}/all", mounts=False)
            os.makedirs(f"{seat.folder}/work", exist_ok=True)
            for folder in (seat.folder, f"{seat.folder}/work"):
                os.chmod(folder, 0o777)
            return seat
        seat = Seat(uid, f"{self._place}/{self._given}", self.mounts)
        os.mkdir(seat.folder, 0o700)
        os.chown(seat.folder, uid, uid)
        return seat

    def clear(self, seat: Seat, strays: Collection[int]) -> None:
        """End every process of a user, and remove its files and what it left in the kernel."""
        if strays:
            self._hunt(seat.uid)
        if not self.share_files:
            with contextlib.suppress(OSError):
                isolation.unmount(seat.folder)
            shutil.rmtree(seat.folder, ignore_errors=True)
            with contextlib.suppress(OSError):
                os.unlink(seat.folder + _ROOM)
        remove_ipc(seat.uid)
        self._taken.discard(seat.uid)

    def sweep(self, seat: Seat | None = None) -> None:
        """Remove what a user left in folders that everybody may write, where no Landlock held it back.

        Args:
            seat: the user's; by default every user of the block, as is right when the sandbox ends.
        """
        uids = (seat.uid,) if seat else self._uids
        for folder in filter(os.path.isdir, _WORLD_WRITABLE):
            for entry in os.scandir(folder):
                with contextlib.suppress(OSError):  # others come and go here
                    if entry.stat(follow_symlinks=False).st_uid in uids:
                        _remove(entry)

    def _hunt(self, uid: int) -> None:
        """Kill all processes of a user at once, from a process that none of them can kill."""
        until = time.monotonic() + _HUNT_S
        while users_alive({uid}) and time.monotonic() < until:
            hunter = os.fork()
            if hunter == 0:
                try:
                    os.setgroups([])
                    os.setresgid(self._guard, self._guard, self._guard)
                    os.setresuid(self._guard, uid, self._guard)
                    os.kill(-1, signal.SIGKILL)
                finally:
                    os._exit(0)
            os.waitpid(hunter, 0)
            isolation.end_children()


def _can_mount() -> bool:
    """Move into a mount namespace of this process's own, if that is allowed."""
    try:
        isolation.unshare(isolation.NEWNS)
        isolation.own_mounts()
    except OSError:
        return False
    return True


class WrongAccess(Exception):
    """A spare user can read what is secret, or cannot read what its code needs."""


def check_access(uid: int, secrets: Collection[str], needed: Collection[str]) -> None:
    """Try to read, as a spare user, what is secret and what is needed.

    Raises:
        WrongAccess: a secret can be read, or the interpreter cannot; it says how to mend that.
    """
    needed = [path for path in needed if os.path.exists(path)]
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            isolation.become_user(uid)
            open_secrets = [path for path in secrets if _is_open(path)]
            closed = closed_to_this_user(needed)
            os.write(write_end, json.dumps([open_secrets[:5], closed[:5]]).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    os.waitpid(child, 0)
    with open(read_end, "rb") as pipe:
        open_secrets, closed = json.loads(pipe.read())
    if open_secrets:
        raise WrongAccess(
            f"students' code, as user {uid}, could read {', '.join(open_secrets)}.\n"
            f"  Next: chmod -R go= {' '.join(open_secrets)}"
        )
    require_open(closed)


def closed_to_this_user(paths: Iterable[str]) -> list[str]:
    """Return those of some paths that this process cannot read."""
    return [path for path in paths if not os.access(path, os.R_OK)]


def require_open(closed: Sequence[str]) -> None:
    """Raise WrongAccess where a path that student code needs is closed to others."""
    if closed:
        folder = isolation.closed_folder(closed[0])
        raise WrongAccess(
            f"students' code, as a spare user, could not read {closed[0]}, which it needs.\n"
            f"  Next: {f'chmod o+x {folder}' if folder else f'chmod -R o+rX {closed[0]}'}, "
            "or use what everybody may read."
        )


def _is_open(path: str) -> bool:
    return os.access(path, os.R_OK) or (os.path.isdir(path) and os.access(path, os.X_OK))


def furnish(seat: Seat, size_mb: int, inodes: int) -> None:
    """Give a seat's folder room for so much: a mount, or a note for who watches over it.

    Called by the worker while it is root, because only it knows what it may write.
    """
    if seat.mounts:
        isolation.sized_tmpfs(seat.folder, size_mb, inodes, seat.uid)
    else:
        Path(seat.folder + _ROOM).write_text(f"{size_mb} {inodes}")


def excess(seat: Seat) -> str:
    """Say what a worker wrote beyond its room, where no mount holds it to that; else nothing."""
    try:
        size_mb, inodes = map(int, Path(seat.folder + _ROOM).read_text().split())
    except (OSError, ValueError):
        return ""  # mounted, or not yet furnished
    count = size = 0
    for root, folders, files in os.walk(seat.folder):
        for name in (*folders, *files):
            count += 1
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(root, name)).st_blocks * 512
            if size > size_mb << 20:
                return f"it wrote more than {size_mb} MB"
            if count > inodes:
                return f"it made more than {inodes} files"
    return ""


def _remove(entry: os.DirEntry[str]) -> None:
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path, ignore_errors=True)
    else:
        os.unlink(entry.path)


def remove_ipc(uid: int) -> None:
    """Remove System V shared memory, message queues and semaphores of a user."""
    libc = isolation.libc()
    for kind, remove in (
        ("shm", lambda number: libc.shmctl(number, _REMOVE, None)),
        ("msg", lambda number: libc.msgctl(number, _REMOVE, None)),
        ("sem", lambda number: libc.semctl(number, 0, _REMOVE, ctypes.c_void_p())),
    ):
        with contextlib.suppress(OSError), open(f"/proc/sysvipc/{kind}") as file:
            columns = file.readline().split()
            for line in file:
                values = dict(zip(columns, line.split(), strict=False))
                if uid in (int(values["uid"]), int(values["cuid"])):
                    remove(int(line.split()[1]))


def users_alive(uids: Collection[int]) -> bool:
    """Tell whether a process of one of these users exists."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid in uids or _real_user(name) in uids:
                    return True
    return False


def _real_user(pid: str) -> int:
    with open(f"/proc/{pid}/status") as file:  # the folder's owner is root where it may not be looked into
        return next((int(line.split()[1]) for line in file if line.startswith("Uid:")), -1)
