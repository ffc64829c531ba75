"""Tells what is wrong with this machine from what is wrong with a submission: only the second is a student's.

A full disk, a file that vanished or that may not be read must not become a mark. Such errors pass through
intake; the class goes on, and the submission is the grader's to read again.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

MAX_STAMPED = 4000  # files of a folder whose times are watched while it is read
# What bytes and names in a submission can provoke; an OSError without a number is a library's own.
_OF_THE_SUBMISSION = frozenset((
    None, errno.EINVAL, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EILSEQ,
    errno.ELOOP, errno.EOVERFLOW,
))  # fmt: skip


class Changed(OSError):
    """A submission was written to while it was read."""


def is_the_machines(error: OSError) -> bool:
    """Tell whether an error is this machine's: no room, no permission, a file that is gone."""
    return error.errno not in _OF_THE_SUBMISSION


def stamp(paths: Iterable[Path]) -> tuple[object, ...]:
    """Return what changes when somebody writes to files or folders: sizes, times and numbers of the files."""
    return tuple(_stamp(path) for path in sorted(set(paths)))


def _stamp(path: Path) -> tuple[object, ...]:
    if not path.is_dir():
        return _of_file(path)
    files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    return tuple(_of_file(file) for _, file in zip(range(MAX_STAMPED), files))


def _of_file(path: Path) -> tuple[object, ...]:
    found = path.lstat()
    return str(path), found.st_size, found.st_mtime_ns, found.st_ino


__all__ = ["Changed", "is_the_machines", "stamp"]
