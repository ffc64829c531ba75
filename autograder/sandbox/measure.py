"""Measures what the sandbox costs beside student code: ``python -m autograder.sandbox.measure``."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from dataclasses import asdict, dataclass

import numpy as np

from autograder.course import Limits
from autograder.sandbox.code import Cell, WorkerCode
from autograder.sandbox.supervisor import Sandbox

_CODE = WorkerCode((Cell("echo", "def echo(x):\n    return x\n", "hole"),))
_LIMITS = Limits(cpu_s=60, wall_s=120, memory_mb=1024, threads=4, output_kb=16)


@dataclass(frozen=True)
class Costs:
    """Medians over the repeats, and the best; CPU is of the grader, the warm parent and the worker."""

    tier: str
    preload: str
    cold_start_s: float  # the warm parent and its probes
    worker_wall_ms: float  # started, loaded, closed
    worker_wall_best_ms: float
    worker_cpu_ms: float  # the grader's and the worker's own
    parent_cpu_ms: float  # the warm parent's share of each worker
    call_us: float  # eight floats there and back
    call_best_us: float
    megabyte_ms: float  # a 1 MB array there and back
    megabyte_best_ms: float


def measure(preload: tuple[str, ...] = ("numpy",), tier: str | None = None, repeats: int = 30) -> Costs:
    """Measure one sandbox on this machine."""
    start = time.perf_counter()
    with Sandbox(preload, tier=tier) as sandbox:
        cold = time.perf_counter() - start
        walls, cpus = [], []
        before = _parent_cpu(sandbox)
        for _ in range(repeats):
            start, own = time.perf_counter(), time.process_time()
            with sandbox.worker(_CODE, _LIMITS) as worker:
                pass
            walls.append(time.perf_counter() - start)
            cpus.append(time.process_time() - own + worker.usage.cpu_s)
        parent = (_parent_cpu(sandbox) - before) / repeats
        with sandbox.worker(_CODE, _LIMITS) as worker:
            calls = _time_calls(worker.student.echo, np.ones(8), 500)
            megabytes = _time_calls(worker.student.echo, np.ones(1 << 17), 50)
    cpu = statistics.median(cpus)
    return Costs(
        str(sandbox.tier), " ".join(preload), round(cold, 3),
        *(round(1e3 * value, 1) for value in (statistics.median(walls), min(walls), cpu, parent)),
        *(round(1e6 * value) for value in (statistics.median(calls), min(calls))),
        *(round(1e3 * value, 2) for value in (statistics.median(megabytes), min(megabytes))),
    )  # fmt: skip


def _parent_cpu(sandbox: Sandbox) -> float:
    """Return the CPU seconds of the processes that stay between workers."""
    unit = os.sysconf("SC_CLK_TCK")
    total = 0.0
    todo = list(sandbox.processes)
    while todo:
        pid = todo.pop()
        try:
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            with open(f"/proc/{pid}/task/{pid}/children") as file:
                todo += [int(child) for child in file.read().split()]
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / unit
    return total


def _time_calls(function: object, value: np.ndarray, repeats: int) -> list[float]:
    assert callable(function)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(value)
        times.append(time.perf_counter() - start)
    return times


def main() -> None:
    """Print the costs of this machine's sandbox."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preload", default="numpy", help="modules, separated by commas")
    parser.add_argument("--tier", default=None, help="A, A', B or C; by default the strongest")
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()
    costs = measure(tuple(options.preload.split(",")), options.tier, options.repeats)
    for name, value in asdict(costs).items():
        print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
