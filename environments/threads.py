"""Work shared among threads, where numpy and MuJoCo let go of the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Given = TypeVar("Given")
Found = TypeVar("Found")


class Workers:
    """Some threads, started when there is first work for a second one, and left out of pickles and copies.

    Args:
        num_threads: how many work at once; with one the caller does everything.
    """

    def __init__(self, num_threads: int = 1) -> None:
        self.num_threads = num_threads
        self._pool: ThreadPoolExecutor | None = None

    def run(self, function: Callable[[Given], Found], given: Iterable[Given]) -> list[Found]:
        """Call the function with each item; return the results in the items' order."""
        items = list(given)
        if self.num_threads == 1 or len(items) <= 1:
            return [function(item) for item in items]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.num_threads)
        return list(self._pool.map(function, items))

    def close(self) -> None:
        """End the threads; the next work starts new ones."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def __getstate__(self) -> dict[str, Any]:
        return {"num_threads": self.num_threads, "_pool": None}


def parts(count: int, num_threads: int, least: int, most: int) -> list[slice]:
    """Cut 0..count - 1 into slices: one a thread if each has ``least``, and none longer than ``most``."""
    num_parts = max(1, min(num_threads, count // least), -(-count // most))
    size = max(1, -(-count // num_parts))
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]
