"""A spare user inside bubblewrap, for a grader that is root.

Who starts bubblewrap is, to the kernel, who runs in it. Root's own number would be student code's: limits on
processes do not hold for it, and files of root's are its own. So root maps a spare number beside its own, and
the first process inside changes over to it.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Collection
from contextlib import suppress
from weakref import WeakSet

from autograder.errors import SandboxError
from autograder.sandbox.claims import Claim
from autograder.sandbox.defences import Defence

OUTER, INNER = 1000, 2000  # numbers inside: of who started bubblewrap, and of the spare user
# Trials in which student code reaches what is root's need root's number.
_NEEDS_ROOT = frozenset((Defence.FILES, Defence.PROCESSES, Defence.IPC, Defence.OWN_USER))

_under_way: WeakSet[Handshake] = WeakSet()


class SpareUser:
    """A number for the workers of one sandbox, where the grader is root and can give one; else 0."""

    def __init__(self, without: Collection[Defence]) -> None:
        self._claim = Claim() if os.geteuid() == 0 and _NEEDS_ROOT.isdisjoint(without) else None

    @property
    def inside(self) -> int:
        """The number inside bubblewrap that a process has to take on; 0 for none."""
        return INNER if self._claim else 0

    def handshake(self) -> Handshake | None:
        """Return what tells the next bubblewrap of the number."""
        return Handshake(self._claim.first + 1) if self._claim else None

    def give_back(self) -> None:
        """Let another sandbox have it."""
        if self._claim is not None:
            self._claim.give_back()
            self._claim = None


def is_starting() -> bool:
    """Tell whether a bubblewrap waits for its users: without its parent its child would wait for ever."""
    return bool(_under_way)


class Handshake:
    """Two pipes to one bubblewrap: it says which process waits, and hears when its users are mapped."""

    def __init__(self, uid: int) -> None:
        self._uid = uid
        self._info, self._info_there = os.pipe()
        self._block_there, self._block = os.pipe()
        self._open = [self._info_there, self._block_there, self._info, self._block]
        _under_way.add(self)

    @property
    def arguments(self) -> list[str]:
        """What bubblewrap must be told of this."""
        return ["--info-fd", str(self._info_there), "--userns-block-fd", str(self._block_there)]

    @property
    def fds(self) -> tuple[int, int]:
        """The descriptors that it must inherit."""
        return self._info_there, self._block_there

    def close(self) -> None:
        """Give the pipes back; bubblewrap, if it waits, ends."""
        while self._open:
            os.close(self._open.pop())
        _under_way.discard(self)

    def complete(self) -> None:
        """Map the users and let bubblewrap go on; nothing where it did not start.

        Raises:
            SandboxError: the kernel refuses the map.
        """
        for fd in self.fds:
            self._open.remove(fd)
            os.close(fd)
        waiting = 0
        try:
            said = b""
            while b"}" not in said and (more := os.read(self._info, 4096)):
                said += more
            if found := re.search(rb'"child-pid": (\d+)', said):
                waiting = int(found[1])
                for kind in ("uid", "gid"):
                    with open(f"/proc/{waiting}/{kind}_map", "w") as file:
                        file.write(f"{OUTER} 0 1\n{INNER} {self._uid} 1\n")
                with suppress(BrokenPipeError):
                    os.write(self._block, b"go")  # one byte for each of two times that it waits
        except OSError as error:
            if waiting:  # for a word of its parent, which will be killed before it can say it
                with suppress(ProcessLookupError):
                    os.kill(waiting, signal.SIGKILL)
            raise SandboxError(f"a spare user cannot be mapped for student code: {error}") from None
        finally:
            self.close()
