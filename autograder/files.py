"""Files that are whole or as they were before, and folders that do not outlive their process for long."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCRATCH = re.compile(r"robolearn-scratch-(\d+)-.*")


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write a file in one step and return its path; on an error the old one stays, and no part of the new."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return path


@contextmanager
def scratch() -> Iterator[Path]:
    """Give an empty folder that is removed afterwards; :func:`sweep` removes it where a kill came first."""
    with tempfile.TemporaryDirectory(prefix=f"robolearn-scratch-{os.getpid()}-") as folder:
        yield Path(folder)


def sweep() -> None:
    """Remove the scratch folders of this user whose processes are gone."""
    for path in Path(tempfile.gettempdir()).glob("robolearn-scratch-*"):
        match = _SCRATCH.fullmatch(path.name)
        if match is None or _alive(int(match[1])):
            continue
        try:
            found = path.lstat()
        except OSError:
            continue
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
            shutil.rmtree(path, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


__all__ = ["scratch", "sweep", "write_whole"]
