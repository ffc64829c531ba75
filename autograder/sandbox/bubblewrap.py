"""The command that builds a sandbox's view of the file system: interpreter, packages, nothing else."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from autograder.errors import SandboxError
from autograder.sandbox.defences import Defence, shm_mb, tmp_mb
from autograder.sandbox.mapping import Handshake

PACKAGES = "/packages"  # where the course's own packages lie in the sandbox
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin")
_ETC = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime")
_MACHINE = ("/sys/devices/system/cpu",)  # thread pools count processors here
_PROC = ("/proc/cpuinfo", "/proc/meminfo")  # all that a worker sees of /proc
_USER = "1000"  # not root, so that the warm parent may map its user into further namespaces
_TO_MOUNT = ("--cap-add", "CAP_SYS_ADMIN")  # a single worker's own /tmp, and given up after that
_TO_STEP_DOWN = ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")  # given up when that is done
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


INTERPRETER = (sys.executable, "-s", "-P", "-B")


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
            raise SandboxError(
                f"no package {name!r} to show to student code.\n  Next: install it, or correct its name."
            )
        folders[f"{PACKAGES}/{name}"] = str(Path(next(iter(spec.submodule_search_locations))).resolve())
    return folders


def further_site_folders() -> list[str]:
    """Return folders of installed packages that lie elsewhere, such as a user's own."""
    shown = (*interpreter_folders(), "/usr")
    return [
        path
        for path in sys.path
        if os.path.basename(path) in ("site-packages", "dist-packages")
        and os.path.isdir(path)
        and not any(os.path.commonpath((path, folder)) == folder for folder in shown)
    ]


def readable_paths(extra: Sequence[str], packages: str = PACKAGES) -> list[str]:
    """Return what Landlock lets a worker read: the same as bubblewrap shows."""
    ours = [packages, *interpreter_folders(), *further_site_folders()]
    return [*_SYSTEM, *_ETC, *_MACHINE, *_PROC, *_DEVICES, *ours, *extra]


def host_paths(folder: str) -> list[str]:
    """Return a folder's entries, for a trial in which a worker sees the whole host."""
    aside = {"/proc", "/dev", "/tmp", PACKAGES, ENVIRONMENT["HOME"]}
    return sorted(path for name in os.listdir(folder) if (path := os.path.join(folder, name)) not in aside)


def command(
    packages: Iterable[str],
    read_only: Sequence[str],
    *,
    warm: bool,
    without: Collection[Defence] = (),
    shared: str = "",
    handshake: Handshake | None = None,
) -> list[str]:
    """Return bubblewrap's arguments, up to and with the interpreter.

    Args:
        packages: import packages of the course that student code may use.
        read_only: further files and folders to show at their own place.
        warm: for a warm parent, whose workers bring a /tmp of their own and need /proc to make namespaces;
            else for a single worker.
        without: defences to leave out, for a trial.
        shared: a folder of the host's that stands for a single worker's own, for a trial.
        handshake: the first process inside becomes a spare user, whom this maps.
    """
    steps_down = handshake is not None
    arguments = [find_bubblewrap(), *_namespaces(without), "--uid", _USER, "--gid", _USER]
    arguments += handshake.arguments if handshake else []
    arguments += ["--die-with-parent", "--cap-drop", "ALL", *(_TO_STEP_DOWN if steps_down else ())]
    arguments += [] if warm else _TO_MOUNT
    arguments += [] if Defence.SESSION in without and not warm else ["--new-session"]
    arguments += [] if Defence.ENVIRONMENT in without else ["--clearenv"]
    arguments += _writable(warm, without, shared, steps_down)  # first: what is shown may lie below /tmp
    path = os.pathsep.join((PACKAGES, *further_site_folders()))
    for name, value in {**ENVIRONMENT, "PYTHONPATH": path}.items():
        arguments += ["--setenv", name, value]
    arguments += _ways(packages, read_only) if handshake else []
    arguments += _shown(packages, read_only, without)
    arguments += ["--dev-bind", "/proc", "/proc"] if Defence.PROCESSES in without else ["--proc", "/proc"]
    arguments += [*(("--perms", "0777") if steps_down else ()), "--dir", ENVIRONMENT["HOME"]]
    arguments += [] if warm or Defence.PROCESSES in without else ["--as-pid-1"]
    return [*arguments, "--remount-ro", "/", "--chdir", "/", *INTERPRETER]


def _namespaces(without: Collection[Defence]) -> list[str]:
    kinds = {"pid": Defence.PROCESSES, "ipc": Defence.IPC, "net": Defence.NETWORK}
    arguments = ["--unshare-user", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "worker"]
    return arguments + [f"--unshare-{kind}" for kind, defence in kinds.items() if defence not in without]


def _writable(warm: bool, without: Collection[Defence], shared: str, for_another: bool) -> list[str]:
    open_to_all = ["--perms", "1777"] if for_another else []
    tmp = ["--size", str(tmp_mb(without) << 20), *open_to_all, "--tmpfs", "/tmp"]
    shm = ["--size", str(shm_mb(without) << 20), *open_to_all, "--tmpfs", "/dev/shm"]
    if Defence.OWN_FILES not in without:
        return [*tmp, "--dir", "/dev/shm"] if warm else [*tmp, *shm]
    if warm:
        return [*tmp, *shm]
    both = ["--bind", f"{shared}/tmp", "/tmp", "--bind", f"{shared}/shm", "/dev/shm"]
    return ["--perms", "0755", "--dir", "/dev", *both] if for_another else both


def _ways(packages: Iterable[str], read_only: Sequence[str]) -> list[str]:
    """Return the folders above what is shown; bubblewrap itself makes them for its own user alone."""
    places = (*_ETC, *_MACHINE, *_DEVICES, *interpreter_folders(), *further_site_folders())
    paths = map(Path, (*places, *package_folders(packages), *read_only))
    made = sorted({str(folder) for path in paths for folder in path.parents} - {"/", "/tmp"})
    return [argument for folder in made for argument in ("--perms", "0755", "--dir", folder)]


def _shown(packages: Iterable[str], read_only: Sequence[str], without: Collection[Defence]) -> list[str]:
    arguments = []
    everything = [*host_paths("/"), *host_paths("/tmp")] if Defence.FILES in without else []
    for path in everything or (*_SYSTEM, *_ETC, *_MACHINE):
        if os.path.islink(path) and os.path.dirname(path) == "/":
            arguments += ["--symlink", os.readlink(path), path]
        else:
            arguments += ["--ro-bind-try", path, path]
    for path in _DEVICES:
        arguments += ["--dev-bind-try", path, path]
    for path in (*interpreter_folders(), *further_site_folders()):
        arguments += ["--ro-bind", path, path]
    for place, path in package_folders(packages).items():
        arguments += ["--ro-bind", path, place]
    for path in read_only:
        arguments += ["--ro-bind", path, path]
    return arguments


def python_call(module: str, function: str, settings: dict[str, Any]) -> list[str]:
    """Return interpreter arguments that call a function of this package with settings as JSON."""
    return ["-c", f"from {module} import {function}; {function}()", json.dumps(settings)]
