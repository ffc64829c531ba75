from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

import pytest

from autograder.course import Limits
from autograder.sandbox import Cell, Sandbox, Worker, WorkerCode

LIMITS = Limits(cpu_s=5, wall_s=20, memory_mb=256, threads=8, output_kb=8)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """One warm parent for all tests; a machine without bubblewrap fails here, in words."""
    with Sandbox(("numpy",), tier="A") as made:
        yield made


@pytest.fixture
def start(sandbox: Sandbox) -> Iterator[Callable[..., Worker]]:
    """Start a worker on source text, or on cells."""
    workers: list[Worker] = []

    def start(*sources: str | Cell, limits: Limits = LIMITS, **options: object) -> Worker:
        cells = tuple(
            source if isinstance(source, Cell) else Cell(f"c{i}", textwrap.dedent(source), label=f"cell {i}")
            for i, source in enumerate(sources)
        )
        files = options.pop("files", {})
        workers.append(sandbox.worker(WorkerCode(cells, files), limits, **options))  # type: ignore[arg-type]
        return workers[-1]

    yield start
    for worker in workers:
        worker.close()
