"""This project's wheel, built to the same bytes each time, and the exact versions that go with it."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from autograder.errors import ReleaseError

PROJECT = Path(__file__).resolve().parents[2]
EPOCH = "1577836800"  # 2020-01-01: the time that every file of a release carries
_BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


@dataclass(frozen=True)
class Wheel:
    """A built wheel."""

    name: str
    data: bytes
    packages: tuple[Path, ...]  # the folders that it was made of


def build_wheel(project: Path = PROJECT) -> Wheel:
    """Build the wheel of this project in a process of its own.

    Raises:
        ReleaseError: this is no checkout of the project, or the build failed.
    """
    manifest = project / "pyproject.toml"
    if not manifest.is_file():
        raise ReleaseError(
            f"no pyproject.toml in {project}: the wheel is built from a checkout of the project.\n"
            "  Next: clone the repository, run `make setup` there, and release from it."
        )
    told = tomllib.loads(manifest.read_text(encoding="utf-8"))
    packages = told["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", _BUILD, folder],
            cwd=project, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise ReleaseError(
                f"the wheel cannot be built: {last[0]}\n  Next: pip install -e '.[dev]' in {project}."
            )
        name = done.stdout.split()[-1]
        data = (Path(folder) / name).read_bytes()
    return Wheel(name, data, tuple(project / p for p in packages))


@cache
def pins(extra: str = "", project: Path = PROJECT) -> tuple[str, ...]:
    """Return ``name==version`` of everything that the project needs, and what that needs, sorted.

    The versions are those of ``constraints.txt``, or the installed ones; a local part such as ``+cpu`` is
    left out, so that any index can serve them.
    """
    fixed = _constraints(project / "constraints.txt")
    wanted: dict[str, str] = {}
    queue = [Requirement(f"robolearn[{extra}]" if extra else "robolearn")]
    seen: set[tuple[str, str]] = set()
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        for chosen in ("", *sorted(requirement.extras)):
            if (name, chosen) in seen:
                continue
            seen.add((name, chosen))
            found = _requirements(name, chosen)
            if found is None:
                continue
            installed, needs = found
            if name in fixed or not fixed:  # constraints leave out what pip itself brings
                wanted[name] = fixed.get(name, installed)
            queue += needs
    wanted.pop("robolearn", None)
    return tuple(wanted[name] for name in sorted(wanted))


def _constraints(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return {canonicalize_name(re.split("[=<>~! ]", line)[0]): line for line in lines if line}


@cache
def _requirements(name: str, extra: str) -> tuple[str, tuple[Requirement, ...]] | None:
    """Return ``name==version`` as installed and what it needs here with an extra; None if it is missing."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    needs = [Requirement(text) for text in distribution.requires or []]
    pin = f"{distribution.metadata['Name']}=={distribution.version.split('+')[0]}"
    return pin, tuple(n for n in needs if n.marker is None or n.marker.evaluate({"extra": extra}))


__all__ = ["EPOCH", "PROJECT", "Wheel", "build_wheel", "pins"]
