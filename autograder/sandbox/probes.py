"""Small attacks, run in a worker of each new sandbox, that a tier must stop before it is used."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from autograder.course import Limits
from autograder.errors import SandboxError
from autograder.sandbox.code import Cell, WorkerCode
from autograder.sandbox.launch import Launcher
from autograder.sandbox.link import WorkerLink
from autograder.sandbox.remote import RemoteStudent

_ATTACKS = Path(__file__).with_name("attacks.py")
_LIMITS = Limits(cpu_s=10, wall_s=30, memory_mb=256, threads=4, output_kb=16)


def probe(launcher: Launcher) -> tuple[tuple[str, str], ...]:
    """Attack from inside a worker; return each attack's name and how it was stopped.

    Raises:
        SandboxError: an attack succeeded, or no worker can be started.
    """
    secret = secrets.token_hex(16)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", prefix="hidden-") as canary:
        canary.write(secret)
        canary.flush()
        own_file = str(Path(__file__).resolve())
        here = {"hidden_file": canary.name, "grader_pid": os.getpid(), "grader_file": own_file}
        link = WorkerLink(launcher.start())
        try:
            cell = Cell("attacks", _ATTACKS.read_text(encoding="utf-8"))
            link.load(WorkerCode((cell,)), _LIMITS, _LIMITS, {}, {})
            results = RemoteStudent(link).attack(here)
        finally:
            link.close()
    if not isinstance(results, dict) or not results:
        raise SandboxError(f"the probes did not run: {results!r}")
    succeeded = sorted(f"{name} ({how[3:]})" for name, how in results.items() if str(how).startswith("!! "))
    if succeeded:
        raise SandboxError(f"student code could do what it must not: {', '.join(succeeded)}")
    return tuple(sorted((str(name), str(how)) for name, how in results.items()))
