"""Small attacks, run in a worker of each new sandbox, that a tier must stop before it is used."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autograder.course import Limits
from autograder.errors import SandboxError
from autograder.sandbox import defences
from autograder.sandbox.bubblewrap import ENVIRONMENT, PACKAGES, readable_paths
from autograder.sandbox.code import Cell, WorkerCode
from autograder.sandbox.launch import Launcher, Plan
from autograder.sandbox.link import WorkerLink
from autograder.sandbox.remote import RemoteStudent
from autograder.sandbox.tiers import Tier

_ATTACKS = Path(__file__).with_name("attacks.py")
_LIMITS = Limits(cpu_s=10, wall_s=30, memory_mb=256, threads=4, output_kb=16)
_OUTSIDE = ("/", "/usr", PACKAGES, "/dev", "/var/tmp")
_FOR_ALL = ("/tmp", "/dev/shm")  # a worker's own in A and A', everybody's in B
# Stands in the grader's environment from before any worker starts. Other variables of a worker say nothing:
# preloaded modules set some.
_INHERITED = "AUTOGRADER_PROBE"
os.environ[_INHERITED] = "inherited"
# What only Landlock stops in tier B, where folders that everybody may write are not covered.
_LEFTOVERS = "write_outside"


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
        source = _ATTACKS.read_text(encoding="utf-8")
        with _neighbour(launcher, plan) as neighbour, _worker(launcher, plan, source) as student:
            results = student.attack(_here(launcher, plan, canary.name) | neighbour)
    if not isinstance(results, dict) or not results:
        raise SandboxError(f"the probes did not run: {results!r}")
    found = {str(name): str(how) for name, how in results.items()}
    through = [name for name, how in found.items() if how.startswith("!! ")]
    through = [name for name in through if not _is_reserved(name, launcher)]
    if through and not plan.without:
        words = ", ".join(f"{name} ({found[name][3:]})" for name in sorted(through))
        raise SandboxError(f"student code could do what it must not: {words}")
    return tuple(sorted(found.items()))


def _is_reserved(name: str, launcher: Launcher) -> bool:
    return name == _LEFTOVERS and launcher.tier is Tier.B and not launcher.landlock


def reservations(tier: Tier, probes: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return what a tier does not stop here, in words, though it may be used."""
    if tier is Tier.B and any(name == _LEFTOVERS and how.startswith("!! ") for name, how in probes):
        return ("without Landlock, a submission can leave files in folders open to all until it ends",)
    return ()


def _here(launcher: Launcher, plan: Plan, canary: str) -> dict[str, Any]:
    """Return what the attacks need to know of where they are."""
    in_b = launcher.tier is Tier.B
    # In tier B files outside are there for all to see; what is no secret may even be read without Landlock.
    folder = None if in_b and not launcher.landlock else Path.cwd()
    return {
        "tier": str(launcher.tier),
        "hidden_file": canary,
        "hidden_paths": _hidden_paths(folder, readable_paths(plan.read_only)) if folder else [],
        "secrets": list(plan.secrets),
        "grader_pid": os.getpid(),
        "environment": _INHERITED,
        "outside": [*_OUTSIDE, *(_FOR_ALL if in_b else ())],
        "memory_mb": 2 * _LIMITS.memory_mb,
        "file_mb": 2 * defences.TMP_MB,
    }


@contextmanager
def _worker(launcher: Launcher, plan: Plan, source: str) -> Iterator[RemoteStudent]:
    link = WorkerLink(launcher.start(), plan.without)
    try:
        link.load(WorkerCode((Cell("attacks", source),)), _LIMITS, _LIMITS, {}, {})
        yield RemoteStudent(link)
    finally:
        link.close()


@contextmanager
def _neighbour(launcher: Launcher, plan: Plan) -> Iterator[dict[str, Any]]:
    """Run a second worker that has written something; give what an attack could reach it by."""
    process = launcher.start()
    link = WorkerLink(process, plan.without)
    source = "open('mine', 'w').write('of the neighbour')"
    try:
        link.load(WorkerCode((Cell("neighbour", source),)), _LIMITS, _LIMITS, {}, {})
        files = [f"{process.home}/mine", f"/proc/{process.pid()}/cwd/mine"]
        yield {"neighbour": process.pid(), "neighbours_files": files}
    finally:
        link.close()


def _hidden_paths(folder: Path, shown: Sequence[str]) -> list[str]:
    """Return some of a folder's entries, leaving out those that hold, or lie in, something shown."""
    shown = [*shown, ENVIRONMENT["HOME"]]
    entries = sorted(str(path) for path in folder.iterdir())
    return [e for e in entries if all(os.path.commonpath((e, path)) not in (e, path) for path in shown)][:50]
