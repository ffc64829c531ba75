"""The command that builds a sandbox's view of the file system: the interpreter, the packages, and nothing else."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from autograder.errors import SandboxError

PACKAGES = "/packages"  # where the course's own packages lie in the sandbox
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin")
_ETC = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime")
_MACHINE = ("/sys/devices/system/cpu",)  # thread pools count processors here
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp/work",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",  # sets of text iterate in one order, so that a grade repeats
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MPLBACKEND": "Agg",
    "MUJOCO_GL": "disable",
}


def find_bubblewrap() -> str:
    """Return bubblewrap's path.

    Raises:
        SandboxError: it is not installed.
    """
    path = shutil.which("bwrap")
    if path is None:
        raise SandboxError(
            "bubblewrap is not installed: no `bwrap` on PATH.\n"
            "  Next: `apt-get install bubblewrap` (Debian, Ubuntu) or `dnf install bubblewrap` (Fedora)."
        )
    return path


def interpreter_folders() -> list[str]:
    """Return the folders that hold this interpreter and its installed packages."""
    folders = {sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix}
    folders.add(str(Path(sys.executable).resolve().parent.parent))
    kept = {folder for folder in folders if not folder.startswith("/usr/") and folder not in ("/usr", "/")}
    return sorted(kept)


def package_folders(names: Iterable[str]) -> dict[str, str]:
    """Return where the course's packages lie: place in the sandbox -> folder here. None is imported."""
    folders = {}
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            raise SandboxError(f"no package {name!r} to show to student code.\n  Next: install it, or correct its name.")
        folders[f"{PACKAGES}/{name}"] = str(Path(next(iter(spec.submodule_search_locations))).resolve())
    return folders


def readable_paths(extra: Sequence[str]) -> list[str]:
    """Return what Landlock lets a worker read: the same as bubblewrap shows."""
    return [*_SYSTEM, *_ETC, *_MACHINE, *_DEVICES, PACKAGES, *interpreter_folders(), *extra]


def command(packages: Iterable[str], read_only: Sequence[str], *, warm: bool, tmp_mb: int) -> list[str]:
    """Return bubblewrap's arguments, up to and with the interpreter.

    Args:
        packages: import packages of the course that student code may use.
        read_only: further files and folders to show at their own place.
        warm: for a warm parent, whose workers bring a /tmp of their own and need /proc to make namespaces;
            else for a single worker.
        tmp_mb: size of a single worker's /tmp.
    """
    arguments = [
        find_bubblewrap(), "--unshare-user", "--unshare-all", "--uid", "1000", "--gid", "1000", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
        "--hostname", "worker", "--clearenv",
    ]  # fmt: skip
    for name, value in ENVIRONMENT.items():
        arguments += ["--setenv", name, value]
    for path in (*_SYSTEM, *_ETC, *_MACHINE):
        if os.path.islink(path) and path in _SYSTEM:
            arguments += ["--symlink", os.readlink(path), path]
        else:
            arguments += ["--ro-bind-try", path, path]
    for path in _DEVICES:
        arguments += ["--dev-bind-try", path, path]
    arguments += ["--symlink", "/proc/self/fd", "/dev/fd", "--dir", "/dev/shm"]
    for path in interpreter_folders():
        arguments += ["--ro-bind", path, path]
    for place, path in package_folders(packages).items():
        arguments += ["--ro-bind", path, place]
    for path in read_only:
        arguments += ["--ro-bind", path, path]
    arguments += ["--proc", "/proc"]
    arguments += ["--dir", "/tmp"] if warm else ["--size", str(tmp_mb << 20), "--tmpfs", "/tmp"]
    return [*arguments, "--remount-ro", "/", "--chdir", "/", sys.executable, "-s", "-P", "-B"]


def python_call(module: str, function: str, settings: dict[str, Any], path: str | None = PACKAGES) -> list[str]:
    """Return interpreter arguments that call a function of this package with settings as JSON."""
    code = f"import sys; sys.path.insert(0, {path!r}); from {module} import {function}; {function}()"
    if path is None:
        code = f"from {module} import {function}; {function}()"
    return ["-c", code, json.dumps(settings)]
