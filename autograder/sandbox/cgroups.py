"""Control groups: memory and tasks of a worker counted by the kernel, with all that hangs on it.

RLIMIT_AS counts addresses; a group counts pages, also those of its tmpfs, its sockets and its page tables.
Used where this process may make groups: root on most machines, a user in a delegated scope
(``systemd-run --user --scope -p Delegate=yes autograder grade ...``). Elsewhere the other limits hold alone.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_PREFIX = "autograder-"
_CONTROLLERS = {"memory", "pids"}
_SLACK_MB = 64  # pages copied from the warm parent, page tables, what the kernel keeps for it
_NAME = re.compile(rf"{_PREFIX}(\d+)-\d+-\d+")


@dataclass(frozen=True)
class _Version:
    """How one version of control groups names things."""

    number: int
    memory_limit: str
    swap_limit: str
    events: str


_V2 = _Version(2, "memory.max", "memory.swap.max", "memory.events")
_V1 = _Version(1, "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control")


@dataclass
class Group:
    """One worker's group: a folder, or in version 1 one for each controller."""

    folders: tuple[Path, ...]
    version: _Version

    def ran_out(self) -> bool:
        """Tell whether the kernel ended something in it for want of memory."""
        for folder in self.folders:
            with suppress(OSError):
                if found := re.search(r"^oom_kill (\d+)", (folder / self.version.events).read_text(), re.M):
                    return int(found[1]) > 0
        return False


@dataclass
class Groups:
    """Makes groups below some folders, and removes them.

    Attributes:
        parents: where groups are made: one folder, or in version 1 one for each controller.
        version: of control groups.
    """

    parents: tuple[Path, ...]
    version: _Version
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _left: list[Path] = field(default_factory=list)  # still busy when their worker was gone

    def admit(self, pid: int, memory_mb: int, tasks: int) -> Group | None:
        """Put a process into a group of its own; None where the kernel refuses.

        Args:
            pid: the process, before it starts anything.
            memory_mb: what it may use, of files in memory too.
            tasks: how many threads and processes there may be.
        """
        name = f"{_PREFIX}{os.getpid()}-{id(self)}-{next(self._numbers)}"
        folders = tuple(parent / name for parent in self.parents)
        limits = {
            self.version.memory_limit: (memory_mb + _SLACK_MB) << 20,
            self.version.swap_limit: (memory_mb + _SLACK_MB) << 20 if self.version is _V1 else 0,
            "pids.max": tasks,
        }
        try:
            for folder in folders:
                folder.mkdir()
                for name, value in limits.items():
                    with suppress(FileNotFoundError, PermissionError):  # another folder's, or not offered
                        _write(folder / name, value)
                _write(folder / "cgroup.procs", pid)
        except OSError:
            self.remove(Group(folders, self.version))
            return None
        return Group(folders, self.version)

    def remove(self, group: Group) -> None:
        """Remove a group whose worker is gone; one that is still busy is tried again with the next."""
        self._left += group.folders
        self.tidy()

    def tidy(self) -> None:
        """Remove what was still busy."""
        waiting, self._left = self._left, []
        for folder in waiting:
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                self._left.append(folder)


def _write(path: Path, value: int | str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)  # never makes a file
    try:
        os.write(fd, str(value).encode())
    finally:
        os.close(fd)


def find(proc: Path = Path("/proc/self")) -> Groups | None:
    """Return where this process may make groups with limits on memory and tasks; None for nowhere."""
    try:
        mounts, own = _mounts(proc), _own_paths(proc)
    except OSError:
        return None
    for groups in (*_second(mounts, own), *_first(mounts, own)):
        _remove_abandoned(groups)
        return groups
    return None


def _mounts(proc: Path) -> list[tuple[Path, str, set[str]]]:
    """Return (place, kind, options) of every mount of control groups."""
    lines = (line.split() for line in (proc / "mounts").read_text().splitlines())
    return [(Path(w[1]), w[2], set(w[3].split(","))) for w in lines if w[2] in ("cgroup", "cgroup2")]


def _own_paths(proc: Path) -> dict[str, str]:
    """Return this process's group for each controller; the empty name is version 2's."""
    paths = {}
    for line in (proc / "cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        paths.update(dict.fromkeys(names.split(","), path.lstrip("/")))
    return paths


def _second(mounts: list[tuple[Path, str, set[str]]], own: dict[str, str]) -> Iterator[Groups]:
    for place, kind, _ in mounts:
        if kind != "cgroup2" or "" not in own:
            continue
        with suppress(OSError):
            if not set((place / "cgroup.controllers").read_text().split()) >= _CONTROLLERS:
                continue
            # Only the root of all groups has no type; others may not hold groups and processes at once.
            whole = not (place / "cgroup.type").exists()
            if whole and os.access(place, os.W_OK) and _offers(place):
                yield Groups((place,), _V2)
            elif (folder := _room(place / own[""])) is not None:
                yield Groups((folder,), _V2)


def _offers(folder: Path) -> bool:
    return set((folder / "cgroup.subtree_control").read_text().split()) >= _CONTROLLERS


def _room(folder: Path) -> Path | None:
    """Return a group, handed to this user, that can have others; its processes are moved one level down."""
    if folder.name == f"{_PREFIX}grader":  # another process of this grader did
        folder = folder.parent
    if not os.access(folder, os.W_OK) or not os.access(folder / "cgroup.procs", os.W_OK):
        return None
    if not _offers(folder):
        inner = folder / f"{_PREFIX}grader"
        inner.mkdir(exist_ok=True)
        for pid in (folder / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                _write(inner / "cgroup.procs", pid)
        _write(folder / "cgroup.subtree_control", "+memory +pids")
    return folder if _offers(folder) else None


def _first(mounts: list[tuple[Path, str, set[str]]], own: dict[str, str]) -> Iterator[Groups]:
    folders = []
    for controller in sorted(_CONTROLLERS):
        for place, kind, options in mounts:
            folder = place / own.get(controller, "")
            if kind == "cgroup" and controller in options and os.access(folder, os.W_OK):
                folders.append(folder)
                break
    if len(folders) == len(_CONTROLLERS):
        yield Groups(tuple(dict.fromkeys(folders)), _V1)


def _remove_abandoned(groups: Groups) -> None:
    """Remove groups of graders that were killed."""
    for parent in groups.parents:
        for folder in parent.glob(f"{_PREFIX}*"):
            found = _NAME.fullmatch(folder.name)
            if found and not os.path.exists(f"/proc/{found[1]}"):
                with suppress(OSError):
                    folder.rmdir()
