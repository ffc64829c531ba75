"""Small attacks, run in a worker of each new sandbox, that a tier must stop before it is used."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path

from autograder.course import Limits
from autograder.errors import SandboxError
from autograder.sandbox.bubblewrap import ENVIRONMENT, readable_paths
from autograder.sandbox.code import Cell, WorkerCode
from autograder.sandbox.launch import Launcher, Plan
from autograder.sandbox.link import WorkerLink
from autograder.sandbox.remote import RemoteStudent

_ATTACKS = Path(__file__).with_name("attacks.py")
_LIMITS = Limits(cpu_s=10, wall_s=30, memory_mb=256, threads=4, output_kb=16)


def probe(launcher: Launcher, plan: Plan) -> tuple[tuple[str, str], ...]:
    """Attack from inside a worker; return each attack's name and how it was stopped.

    Args:
        launcher: starts the worker.
        plan: what student code may read and must not, and the defences left out for a trial: with one left
            out, attacks may succeed.

    Raises:
        SandboxError: an attack succeeded, or no worker can be started.
    """
    secret = secrets.token_hex(16)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", prefix="hidden-") as canary:
        canary.write(secret)
        canary.flush()
        paths = _hidden_paths(Path.cwd(), readable_paths(plan.read_only))
        here = {"hidden_file": canary.name, "hidden_paths": paths, "grader_pid": os.getpid()}
        link = WorkerLink(launcher.start(), plan.without)
        try:
            cell = Cell("attacks", _ATTACKS.read_text(encoding="utf-8"))
            link.load(WorkerCode((cell,)), _LIMITS, _LIMITS, {}, {})
            results = RemoteStudent(link).attack(here)
        finally:
            link.close()
    if not isinstance(results, dict) or not results:
        raise SandboxError(f"the probes did not run: {results!r}")
    succeeded = sorted(f"{name} ({how[3:]})" for name, how in results.items() if str(how).startswith("!! "))
    if succeeded and not plan.without:
        raise SandboxError(f"student code could do what it must not: {', '.join(succeeded)}")
    return tuple(sorted((str(name), str(how)) for name, how in results.items()))


def _hidden_paths(folder: Path, shown: Sequence[str]) -> list[str]:
    """Return some of a folder's entries, leaving out those that hold, or lie in, something shown."""
    shown = [*shown, ENVIRONMENT["HOME"]]
    entries = sorted(str(path) for path in folder.iterdir())
    return [e for e in entries if all(os.path.commonpath((e, path)) not in (e, path) for path in shown)][:50]
