"""Starts worker processes, in the way of each tier, and says how each ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import SandboxError
from autograder.sandbox import bubblewrap, isolation
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


class _Ends:
    """Both ends of a worker's socket and of its output."""

    def __init__(self) -> None:
        self.here, self.there = socket.socketpair()
        self.output_fd, self.output_there = os.pipe()

    def close_theirs(self) -> None:
        self.there.close()
        os.close(self.output_there)

    def close(self) -> None:
        self.close_theirs()
        self.here.close()
        os.close(self.output_fd)


class WarmLauncher(Launcher):
    """Tier A: one bubblewrap around a warm parent, which forks a worker each time."""

    tier = Tier.A

    def __init__(self, preload: Sequence[str], packages: Sequence[str], read_only: Sequence[str]) -> None:
        self._control, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        settings = {
            "socket": there.fileno(), "preload": list(preload),
            "readable": bubblewrap.readable_paths(read_only),
        }  # fmt: skip
        arguments = bubblewrap.command(packages, read_only, warm=True, tmp_mb=isolation.TMP_MB)
        arguments += bubblewrap.python_call("autograder.sandbox.zygote", "main", settings)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the launcher
        self._parent = _Keeper(arguments, there.fileno(), self._errors)
        there.close()
        answer = self._control.recv(8192)
        if not answer.startswith(STARTED):
            words = self._words()
            self.close()
            raise SandboxError(answer[1:].decode(errors="replace") or words or "it did not start")
        self.landlock = json.loads(answer[1:])["landlock"]

    def _words(self) -> str:
        """Return what the warm parent, or bubblewrap, printed before it gave up."""
        self._parent.process.wait(REAP_S)
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()[-2000:]

    def start(self) -> Process:
        """Have the warm parent fork."""
        ends = _Ends()
        status, status_there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            fds = [ends.there.fileno(), ends.output_there, status_there.fileno()]
            socket.send_fds(self._control, [b"fork"], fds)
            status_there.close()
            answer, passed, _, _ = socket.recv_fds(status, 4096, 1)
        except OSError as error:
            answer, passed = FAILED + f"the warm parent is gone: {error}".encode(), []
        if not answer.startswith(STARTED) or not passed:
            ends.close()
            status.close()
            reason = answer[1:].decode(errors="replace") or "no answer"
            raise SandboxError(f"no worker could be forked: {reason}")
        ends.close_theirs()
        return _ForkedProcess(ends, status, passed[0])

    @property
    def processes(self) -> tuple[int, ...]:
        """The id of bubblewrap, whose descendant the warm parent is."""
        return (self._parent.process.pid,)

    def is_gone(self) -> bool:
        """Tell whether the warm parent is gone."""
        return self._parent.process.poll() is not None

    def close(self) -> None:
        """End the warm parent, and with it every worker."""
        self._control.close()
        self._parent.end()
        self._errors.close()


class _Keeper:
    """Runs a command from a thread that lives as long: bubblewrap dies with the thread that started it."""

    def __init__(self, arguments: list[str], fd: int, errors: Any) -> None:
        self._started = threading.Event()
        self._failed: OSError | None = None
        self.process: subprocess.Popen[bytes]
        thread = threading.Thread(target=self._run, args=(arguments, fd, errors), daemon=True)
        thread.start()
        self._started.wait()
        if self._failed is not None:
            raise SandboxError(f"{arguments[0]} cannot be started: {self._failed}")

    def _run(self, arguments: list[str], fd: int, errors: Any) -> None:
        try:
            self.process = subprocess.Popen(
                arguments, pass_fds=(fd,), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, env={},
                start_new_session=True,  # Ctrl-C in the terminal is the grader's to handle
            )  # fmt: skip
        except OSError as error:
            self._failed = error
            return
        finally:
            self._started.set()
        self.process.wait()

    def end(self) -> None:
        self.process.kill()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(REAP_S)


class _ForkedProcess(Process):
    def __init__(self, ends: _Ends, status: socket.socket, pidfd: int) -> None:
        super().__init__(ends.here, ends.output_fd, isolation.HOME)
        self._status = status
        self._pidfd = pidfd

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def wait(self, timeout_s: float = REAP_S) -> Exit | None:
        self._status.settimeout(timeout_s)
        try:
            report = self._status.recv(64)
        except TimeoutError:
            return None
        except OSError:
            report = b""
        if not report.startswith(ENDED):
            return Exit(lost=True)
        status, cpu_s, max_rss_mb = EXITED.unpack(report[1:])
        return _exit(os.waitstatus_to_exitcode(status), cpu_s, max_rss_mb)

    def close(self) -> None:
        super().close()
        self._status.close()
        os.close(self._pidfd)


def _exit(code: int, cpu_s: float, max_rss_mb: float) -> Exit:
    return Exit(max(code, 0), max(-code, 0), cpu_s, max_rss_mb)


class FreshLauncher(Launcher):
    """Tier A': a bubblewrap of its own for each worker, which pays for the imports."""

    tier = Tier.A_PRIME

    def __init__(self, preload: Sequence[str], packages: Sequence[str], read_only: Sequence[str]) -> None:
        self._preload = list(preload)
        self._readable = bubblewrap.readable_paths(read_only)
        self._command = bubblewrap.command(packages, read_only, warm=False, tmp_mb=isolation.TMP_MB)

    def start(self) -> Process:
        """Start bubblewrap with one worker in it."""
        ends = _Ends()
        settings = {
            "socket": ends.there.fileno(), "preload": self._preload, "readable": self._readable,
            "confined": True,
        }  # fmt: skip
        call = bubblewrap.python_call("autograder.sandbox.worker", "spawned", settings)
        return _spawn([*self._command, *call], ends, {}, isolation.HOME)


class SpawnLauncher(Launcher):
    """Tier C: a subprocess with resource limits and nothing else."""

    tier = Tier.C

    def __init__(self, preload: Sequence[str], packages: Sequence[str], read_only: Sequence[str]) -> None:
        self._preload = list(preload)
        folders = bubblewrap.package_folders(["autograder", *packages])
        parents = sorted({str(Path(folder).parent) for folder in folders.values()})
        self._path = os.pathsep.join([*parents, *bubblewrap.further_site_folders()])

    def start(self) -> Process:
        """Start an interpreter in a temporary folder."""
        ends = _Ends()
        home = tempfile.mkdtemp(prefix="worker-")
        settings = {
            "socket": ends.there.fileno(), "preload": self._preload, "readable": [], "confined": False,
        }  # fmt: skip
        call = bubblewrap.python_call("autograder.sandbox.worker", "spawned", settings)
        own = {"HOME": home, "TMPDIR": home, "PYTHONPATH": self._path}
        environment = {**bubblewrap.ENVIRONMENT, **own}
        return _spawn([sys.executable, "-s", "-P", *call], ends, environment, home, remove=home)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _spawn(
    arguments: list[str], ends: _Ends, environment: dict[str, str], home: str, remove: str = ""
) -> Process:
    try:
        process = subprocess.Popen(
            arguments, pass_fds=(ends.there.fileno(),), stdin=subprocess.DEVNULL, stdout=ends.output_there,
            stderr=ends.output_there, env=environment, start_new_session=True, cwd=remove or None,
        )  # fmt: skip
    except OSError as error:
        ends.close()
        raise SandboxError(f"{arguments[0]} cannot be started: {error}") from None
    ends.close_theirs()
    return _SpawnedProcess(ends, process, home, remove)


class _SpawnedProcess(Process):
    def __init__(self, ends: _Ends, process: subprocess.Popen[bytes], home: str, remove: str) -> None:
        super().__init__(ends.here, ends.output_fd, home)
        self._process = process
        self._remove = remove
        self._finished: Exit | None = None

    def signal(self, number: int) -> None:
        if self._finished is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if self._remove:
                os.killpg(self._process.pid, number)
            elif inner := _children(self._process.pid):
                os.kill(inner[0], number)  # bubblewrap reaps it, so that its usage is known, and leaves
            elif number == signal.SIGKILL:
                self._process.kill()

    def wait(self, timeout_s: float = REAP_S) -> Exit | None:
        if self._finished is not None:
            return self._finished
        deadline = time.monotonic() + timeout_s
        while True:
            pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                return None
            time.sleep(0.002)
        code = os.waitstatus_to_exitcode(status)
        self._process.returncode = code
        if not self._remove and code > 128:  # how bubblewrap reports a signal
            code = 128 - code
        unit = 1024 if sys.platform == "linux" else 1 << 20
        self._finished = _exit(code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)
        return self._finished

    def close(self) -> None:
        super().close()
        if self._remove:
            shutil.rmtree(self._remove, ignore_errors=True)
