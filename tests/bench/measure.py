"""Wall and CPU time of a child process and all its descendants."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """What a command used, in seconds."""

    wall_s: float
    cpu_s: float


class CommandFailed(RuntimeError):
    """A measured command did not do its work, so its time means nothing."""


def run(command: Sequence[str | Path], cwd: Path, env: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end and return its cost; its output is shown only when it fails."""
    log = cwd / "bench.log"
    with log.open("wb") as out:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [str(c) for c in command], cwd=cwd, env={**os.environ, **(env or {})}, stdout=out, stderr=out
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        tail = log.read_text(errors="replace")[-3000:]
        raise CommandFailed(f"{' '.join(map(str, command))}: exit {process.returncode}\n{tail}")
    return Cost(wall_s, usage.ru_utime + usage.ru_stime)
