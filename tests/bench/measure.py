"""Wall and CPU time of a command and of everything it starts.

A control group counts every process, also those that a sandbox kills before anybody waited for them. Where none
can be made (not root, no delegation), only processes that were waited for are counted, and the cost says so.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CGROUPS = (Path("/sys/fs/cgroup/cpuacct"), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))


@dataclass(frozen=True)
class Cost:
    """What a command used, in seconds."""

    wall_s: float
    cpu_s: float
    complete: bool = True  # every process counted


class CommandFailed(RuntimeError):
    """A measured command did not do its work, so its time means nothing."""


@contextmanager
def _group() -> Iterator[Path | None]:
    """Make a control group that counts CPU time; None where this machine allows none."""
    for base in CGROUPS:
        group = base / f"robolearn-bench-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if _used(group) is None:
            group.rmdir()
            continue
        try:
            yield group
        finally:
            _remove(group)
        return
    yield None


def _used(group: Path) -> float | None:
    """Return the CPU seconds of a group, in version 1 or 2 of the kernel's interface."""
    if (usage := group / "cpuacct.usage").exists():
        return int(usage.read_text()) / 1e9
    if (stat := group / "cpu.stat").exists():
        fields = dict(line.split() for line in stat.read_text().splitlines())
        return int(fields["usage_usec"]) / 1e6 if "usage_usec" in fields else None
    return None


def _remove(group: Path) -> None:
    for _ in range(100):
        try:
            group.rmdir()
        except OSError:
            time.sleep(0.05)  # its last processes are still ending
        else:
            return


def _joined(command: Sequence[str | Path], group: Path | None) -> list[str]:
    """Return the command so that it joins a control group before it becomes itself."""
    plain = [str(c) for c in command]
    if group is None:
        return plain
    return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs"), *plain]


def run(command: Sequence[str | Path], cwd: Path, env: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end and return its cost; its output is shown only when it fails."""
    with tempfile.TemporaryFile() as out, _group() as group:
        begin = time.perf_counter()
        process = subprocess.Popen(
            _joined(command, group),
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdout=out,
            stderr=out,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begin
        used = _used(group) if group is not None else None
        out.seek(0)
        said = out.read().decode(errors="replace")
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise CommandFailed(f"{' '.join(map(str, command))}: exit {process.returncode}\n{said[-3000:]}")
    if used is None:
        return Cost(wall_s, usage.ru_utime + usage.ru_stime, complete=False)
    return Cost(wall_s, used)
