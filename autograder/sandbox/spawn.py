"""Tiers that start a process for each worker: A', a bubblewrap each, and C, a process with limits."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from autograder.errors import SandboxError
from autograder.sandbox import bubblewrap, isolation
from autograder.sandbox.defences import Defence
from autograder.sandbox.launch import REAP_S, Ends, Exit, Launcher, Plan, Process, exit_of
from autograder.sandbox.mapping import Handshake, SpareUser
from autograder.sandbox.tiers import Tier


class FreshLauncher(Launcher):
    """Tier A': a bubblewrap of its own for each worker, which pays for the imports."""

    tier = Tier.A_PRIME

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._user = SpareUser(plan.without)
        self._readable = bubblewrap.readable_paths(plan.read_only)
        self._shared = ""  # one /tmp for all workers, in a trial
        if Defence.OWN_FILES in plan.without:
            self._shared = tempfile.mkdtemp(prefix="shared-")
            for name in ("tmp", "tmp/work", "shm"):
                os.mkdir(f"{self._shared}/{name}")
                os.chmod(f"{self._shared}/{name}", 0o777)

    def start(self) -> Process:
        """Start bubblewrap with one worker in it."""
        ends, plan, handshake = Ends(), self._plan, self._user.handshake()
        arguments = bubblewrap.command(
            plan.packages, plan.read_only, warm=False, without=plan.without, shared=self._shared,
            handshake=handshake,
        )  # fmt: skip
        arguments += _worker_call(plan, ends, self._readable, confined=True, user=self._user.inside)
        return _spawn(arguments, ends, plan, {}, isolation.HOME, handshake=handshake)

    def close(self) -> None:
        """Give back what was claimed, and remove the folder that a trial's workers shared."""
        self._user.give_back()
        if self._shared:
            shutil.rmtree(self._shared, ignore_errors=True)


class SpawnLauncher(Launcher):
    """Tier C: a subprocess with resource limits and nothing else."""

    tier = Tier.C

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._shared = tempfile.mkdtemp(prefix="shared-") if Defence.OWN_FILES in plan.without else ""
        folders = bubblewrap.package_folders(plan.packages)
        parents = sorted({str(Path(folder).parent) for folder in folders.values()})
        self._path = os.pathsep.join([*parents, *bubblewrap.further_site_folders()])

    def start(self) -> Process:
        """Start an interpreter in a temporary folder."""
        ends = Ends()
        folder = self._shared or tempfile.mkdtemp(prefix="worker-")
        own = {**bubblewrap.ENVIRONMENT, "HOME": folder, "TMPDIR": folder, "PYTHONPATH": self._path}
        call = _worker_call(self._plan, ends, [], confined=False)
        arguments = [sys.executable, "-s", "-P", *call]
        remove = "" if self._shared else folder
        return _spawn(arguments, ends, self._plan, own, f"{folder}/work", bare=True, remove=remove)

    def close(self) -> None:
        """Remove the folder that a trial's workers shared."""
        if self._shared:
            shutil.rmtree(self._shared, ignore_errors=True)


def _worker_call(plan: Plan, ends: Ends, readable: list[str], *, confined: bool, user: int = 0) -> list[str]:
    settings = {
        "socket": ends.there.fileno(), "preload": list(plan.preload), "readable": readable,
        "confined": confined, "user": user, "without": sorted(plan.without),
        "kept": bubblewrap.host_paths("/tmp") if Defence.FILES in plan.without else [],
    }  # fmt: skip
    return bubblewrap.python_call("autograder.sandbox.worker", "spawned", settings)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _spawn(
    arguments: list[str],
    ends: Ends,
    plan: Plan,
    environment: Mapping[str, str],
    home: str,
    *,
    bare: bool = False,
    remove: str = "",
    handshake: Handshake | None = None,
) -> Process:
    # A bare worker that shared the grader's group would take the grader along when it signals its own.
    group = {"process_group": 0} if bare and Defence.SESSION in plan.without else {"start_new_session": True}
    fds = (ends.there.fileno(), *(handshake.fds if handshake else ()))
    try:
        process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=ends.output_there, stderr=ends.output_there,
            env=plan.environment(environment), **group, **plan.descriptors(*fds),
        )  # fmt: skip
    except OSError as error:
        ends.close()
        if handshake:
            handshake.close()
        raise SandboxError(f"{arguments[0]} cannot be started: {error}") from None
    ends.close_theirs()
    started = _SpawnedProcess(ends, process, home, bare=bare, remove=remove)
    if handshake:
        try:
            handshake.complete()
        except SandboxError:
            process.kill()
            started.wait()
            started.close()
            raise
    return started


class _SpawnedProcess(Process):
    def __init__(
        self, ends: Ends, process: subprocess.Popen[bytes], home: str, *, bare: bool, remove: str
    ) -> None:
        super().__init__(ends.here, ends.output_fd, home)
        self._bare = bare
        self._process = process
        self._remove = remove
        self._finished: Exit | None = None

    def pid(self) -> int:
        """Return its id: of the process in bubblewrap, where there is one."""
        if self._bare:
            return self._process.pid
        return next(iter(_children(self._process.pid)), 0)

    def signal(self, number: int) -> None:
        if self._finished is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if self._bare:
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
        if not self._bare and code > 128:  # how bubblewrap reports a signal
            code = 128 - code
        unit = 1024 if sys.platform == "linux" else 1 << 20
        self._finished = exit_of(code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)
        return self._finished

    def close(self) -> None:
        super().close()
        if self._remove:
            shutil.rmtree(self._remove, ignore_errors=True)
