"""Starts worker processes and says how each ended: what tiers share, and the warm parent of tier A."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from autograder.errors import SandboxError
from autograder.sandbox import bubblewrap, clock
from autograder.sandbox.defences import Defence
from autograder.sandbox.mapping import Handshake, SpareUser
from autograder.sandbox.tiers import Tier
from autograder.sandbox.zygote import ENDED, EXITED, FAILED, STARTED

REAP_S = 30.0  # a killed process that is not gone by then will not go


@dataclass(frozen=True)
class Exit:
    """How a worker's process ended; ``signal`` is 0 when it left by itself."""

    code: int = 0
    signal: int = 0
    cpu_s: float = 0.0
    max_rss_mb: float = 0.0
    lost: bool = False  # nobody could say, because what watched over it is gone too
    excess: str = ""  # for what it was killed by who watches over its folder


@dataclass(frozen=True)
class Plan:
    """What a sandbox is made for.

    Attributes:
        preload: modules that every worker has already imported.
        packages: import packages of the course that student code may use.
        read_only: further files and folders that it may read.
        secrets: files and folders that it must not be able to read, checked where only permissions say so.
        without: defences to leave out, for a trial.
    """

    preload: Sequence[str] = ()
    packages: Sequence[str] = ("autograder",)
    read_only: Sequence[str] = ()
    secrets: Sequence[str] = ()
    without: frozenset[Defence] = frozenset()

    def environment(self, own: Mapping[str, str]) -> dict[str, str]:
        """Return what a started process has for an environment: what is given, nothing of the grader's."""
        return {**(os.environ if Defence.ENVIRONMENT in self.without else {}), **own}

    def descriptors(self, *fds: int) -> dict[str, Any]:
        """Return what a started process inherits of descriptors: these."""
        if Defence.DESCRIPTORS not in self.without:
            return {"pass_fds": fds}
        for fd in fds:
            os.set_inheritable(fd, True)
        return {"close_fds": False}


class Process(ABC):
    """One worker's process.

    Attributes:
        sock: the grader's end of its socket.
        output_fd: what it prints.
        home: its working directory, as it sees it.
    """

    def __init__(self, sock: socket.socket, output_fd: int, home: str) -> None:
        self.sock = sock
        self.output_fd = output_fd
        self.home = home

    @abstractmethod
    def signal(self, number: int) -> None:
        """Send a signal to it, if it is there; SIGKILL takes all that it started along."""

    @abstractmethod
    def wait(self, timeout_s: float = REAP_S) -> Exit | None:
        """Wait until it is gone and say how it ended; None when it is still there after ``timeout_s``."""

    def cpu_clock(self) -> clock.Reader | None:
        """Return what reads its CPU time from outside; None where nobody can."""
        pid = self.pid()
        return clock.reader(pid) if pid > 0 and sys.platform == "linux" else None

    @abstractmethod
    def pid(self) -> int:
        """Return its id as the grader sees it; 0 when it cannot be told."""

    def close(self) -> None:
        """Give its descriptors back."""
        self.sock.close()
        with suppress(OSError):
            os.close(self.output_fd)


class Launcher(ABC):
    """Starts processes; a context manager by its owner."""

    tier: Tier
    landlock = 0

    @abstractmethod
    def start(self) -> Process:
        """Start one worker; SandboxError says why it cannot be."""

    @property
    def processes(self) -> tuple[int, ...]:
        """Ids of the processes that stay between workers."""
        return ()

    def is_gone(self) -> bool:
        """Tell whether it can start nothing more, because what outlives its workers is gone."""
        return False

    def close(self) -> None:  # noqa: B027
        """End what outlives its workers; nothing, by default."""


class Ends:
    """Both ends of a worker's socket and of its output."""

    def __init__(self) -> None:
        self.here, self.there = socket.socketpair()
        self.output_fd, self.output_there = os.pipe()

    def close_theirs(self) -> None:
        """Close the worker's ends, which it has by now."""
        self.there.close()
        os.close(self.output_there)

    def close(self) -> None:
        """Close all, because there will be no worker."""
        self.close_theirs()
        self.here.close()
        os.close(self.output_fd)


class ParentLauncher(Launcher):
    """Keeps a warm parent, which forks a worker each time.

    Args:
        plan: what it holds and shows.
        arguments: the command that starts it, up to and with the interpreter.
        environment: its environment.
        settings: what it must know beside the plan.
        handshake: tells bubblewrap of a spare user.

    Attributes:
        patience_s: how long it may take to leave by itself.
    """

    patience_s = 0.0

    def __init__(
        self,
        plan: Plan,
        arguments: list[str],
        environment: dict[str, str],
        settings: dict[str, Any],
        handshake: Handshake | None = None,
    ) -> None:
        self._hung_up = False
        self._control, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        settings = {
            "socket": there.fileno(), "preload": plan.preload, "without": sorted(plan.without), **settings,
        }  # fmt: skip
        arguments += bubblewrap.python_call("autograder.sandbox.zygote", "main", settings)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the launcher
        fds = (there.fileno(), *(handshake.fds if handshake else ()))
        options = plan.descriptors(*fds) | {"env": environment}
        self._parent = _Keeper(arguments, options, self._errors)
        there.close()
        if handshake:
            self._complete(handshake)
        answer = self._control.recv(8192)
        if not answer.startswith(STARTED):
            words = self._words()
            self.close()
            raise SandboxError(answer[1:].decode(errors="replace") or words or "it did not start")
        self.about: dict[str, Any] = json.loads(answer[1:])
        self.landlock = self.about["landlock"]

    def _complete(self, handshake: Handshake) -> None:
        try:
            handshake.complete()
        except SandboxError:
            ParentLauncher.close(self)
            raise

    def _words(self) -> str:
        """Return what the warm parent, or bubblewrap, printed before it gave up."""
        self._parent.process.wait(REAP_S)
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()[-2000:]

    def start(self) -> Process:
        """Have the warm parent fork."""
        ends = Ends()
        status, status_there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            fds = [ends.there.fileno(), ends.output_there, status_there.fileno()]
            socket.send_fds(self._control, [b"fork"], fds)
            status_there.close()
            answer, passed, _, _ = socket.recv_fds(status, 4096, 1)
        except OSError as error:
            answer, passed = f"!the warm parent is gone: {error}".encode(), []
        if not answer.startswith(STARTED) or not passed:
            ends.close()
            status.close()
            self._hung_up = not answer.startswith((STARTED, FAILED))
            reason = answer[1:].decode(errors="replace") or "no answer"
            raise SandboxError(f"no worker could be forked: {reason}")
        ends.close_theirs()
        return _ForkedProcess(ends, status, passed[0], answer[1:].decode())

    @property
    def processes(self) -> tuple[int, ...]:
        """The id of the warm parent, or of bubblewrap, whose descendant it is."""
        return (self._parent.process.pid,)

    def is_gone(self) -> bool:
        """Tell whether the warm parent is gone, or answers no more because the kernel is ending it."""
        return self._hung_up or self._parent.process.poll() is not None

    def close(self) -> None:
        """End the warm parent, and with it every worker."""
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # also where a forked process holds a copy
        self._control.close()
        self._parent.end(self.patience_s)
        self._errors.close()


class WarmLauncher(ParentLauncher):
    """Tier A: one bubblewrap around a warm parent, whose workers make namespaces of their own."""

    tier = Tier.A

    def __init__(self, plan: Plan) -> None:
        hides = Defence.FILES not in plan.without
        self._user = SpareUser(plan.without)
        handshake = self._user.handshake()
        settings = {
            "users": 0, "user": self._user.inside, "readable": bubblewrap.readable_paths(plan.read_only),
            "kept": [] if hides else bubblewrap.host_paths("/tmp"),
        }  # fmt: skip
        try:
            arguments = bubblewrap.command(
                plan.packages, plan.read_only, warm=True, without=plan.without, handshake=handshake
            )
            super().__init__(plan, arguments, plan.environment({}), settings, handshake)
        except BaseException:
            if handshake:
                handshake.close()
            self._user.give_back()
            raise

    def close(self) -> None:
        """End the warm parent, and with it every worker."""
        super().close()
        self._user.give_back()


class _Keeper:
    """Runs a command from a thread that lives as long: bubblewrap dies with the thread that started it."""

    def __init__(self, arguments: list[str], options: dict[str, Any], errors: Any) -> None:
        self._started = threading.Event()
        self._failed: OSError | None = None
        self.process: subprocess.Popen[bytes]
        options = options | {"stdout": errors, "stderr": errors}
        thread = threading.Thread(target=self._run, args=(arguments, options), daemon=True)
        thread.start()
        self._started.wait()
        if self._failed is not None:
            raise SandboxError(f"{arguments[0]} cannot be started: {self._failed}")

    def _run(self, arguments: list[str], options: dict[str, Any]) -> None:
        try:
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in the terminal is the grader's to handle
                **options,
            )  # fmt: skip
        except OSError as error:
            self._failed = error
            return
        finally:
            self._started.set()
        self.process.wait()

    def end(self, patience_s: float) -> None:
        if patience_s:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)
        self.process.kill()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(REAP_S)


class _ForkedProcess(Process):
    def __init__(self, ends: Ends, status: socket.socket, pidfd: int, home: str) -> None:
        super().__init__(ends.here, ends.output_fd, home)
        self._status = status
        self._pidfd = pidfd

    def pid(self) -> int:
        """Return its id, from the descriptor that stands for it."""
        with open(f"/proc/self/fdinfo/{self._pidfd}") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("Pid:")), 0)

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def wait(self, timeout_s: float = REAP_S) -> Exit | None:
        self._status.settimeout(timeout_s)
        try:
            report = self._status.recv(1024)
        except TimeoutError:
            return None
        except OSError:
            report = b""
        if not report.startswith(ENDED):
            return Exit(lost=True)
        status, cpu_s, max_rss_mb = EXITED.unpack_from(report, 1)
        excess = report[1 + EXITED.size :].decode()
        return exit_of(os.waitstatus_to_exitcode(status), cpu_s, max_rss_mb, excess)

    def close(self) -> None:
        super().close()
        self._status.close()
        os.close(self._pidfd)


def exit_of(code: int, cpu_s: float, max_rss_mb: float, excess: str = "") -> Exit:
    """Return an exit from a code that is negative for a signal."""
    return Exit(max(code, 0), max(-code, 0), cpu_s, max_rss_mb, excess=excess)
