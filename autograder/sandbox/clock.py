"""A process's CPU time, read from outside, and when to look at it next."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable

_SCHED = 2  # clock_getcpuclockid(3): the process's time on a processor, to the nanosecond
_SOONEST_S = 0.005
_NUM_CPUS = os.cpu_count() or 1

Reader = Callable[[], float | None]


def reader(pid: int) -> Reader:
    """Return a function that reads a process's CPU seconds; None once it is gone, or where nobody can."""
    clock = (~pid << 3) | _SCHED

    def read() -> float | None:
        try:
            return time.clock_gettime(clock)
        except (OSError, AttributeError):
            return None

    return read


class CpuMeter:
    """Holds a process to an amount of CPU time while somebody waits for it.

    It is looked at only when it may have used up what it has, were it to run on every processor: a short
    call costs no look at all.

    Args:
        read: reads the process's CPU seconds.

    Attributes:
        look_s: how long the grader has waited when the next look is due.
    """

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._until_s = math.inf  # of the process's CPU time
        self.look_s = math.inf

    def allow(self, cpu_s: float, waited_s: float) -> None:
        """Let the process use so much more from now on.

        Args:
            cpu_s: CPU seconds.
            waited_s: how long the grader has waited for it in all so far.
        """
        used = self._read()
        self._until_s = math.inf if used is None else used + cpu_s
        self.look_s = math.inf if used is None else waited_s + cpu_s / _NUM_CPUS

    def is_spent(self, waited_s: float) -> bool:
        """Tell whether the process has used up what it has; look only if it is time to."""
        if waited_s < self.look_s:
            return False
        used = self._read()
        if used is None:
            return False  # gone: the socket tells
        self.look_s = waited_s + max(_SOONEST_S, (self._until_s - used) / _NUM_CPUS)
        return used >= self._until_s
