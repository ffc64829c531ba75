"""One run at a time grades an assignment into a store, so that nothing is graded twice.

The lock is the kernel's: it goes with the processes that hold it, however they end.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: two runs at once may grade something twice there, and lose nothing
    fcntl = None  # type: ignore[assignment]

POLL_S = 0.2


@contextmanager
def alone(path: Path, what: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Wait until nobody else holds the lock, say so if that takes time, and hold it.

    Args:
        path: of the lock's file; it stays, and names the last holder.
        what: what is locked, for people.
        tell: called once with a sentence, if there is somebody to wait for.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        told = False
        while not _locked(descriptor):
            if not told:
                tell(f"Waiting: {_holder(descriptor)} is grading into {what}. It goes on when that one ends.")
                told = True
            time.sleep(POLL_S)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 100, 0).decode("utf-8", "replace") or "another run"
