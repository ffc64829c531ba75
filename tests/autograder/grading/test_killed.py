"""A batch whose whole process group is killed leaves no grading process, warm parent or worker behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Course

STUCK = "def double(x):\n    import time\n    time.sleep(60)\n    return x + x"
MAIN = "from autograder.cli import main\nmain()"


def descendants(pid: int) -> set[int]:
    try:
        children = {int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
        for thread in os.listdir(f"/proc/{pid}/task"):
            children |= {int(c) for c in Path(f"/proc/{pid}/task/{thread}/children").read_text().split()}
    except OSError:
        return set()
    return children.union(*map(descendants, children))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# Grading processes, and for each: bubblewrap twice, the warm parent twice, a worker; or a warm parent and a worker.
@pytest.mark.parametrize(
    ("tier", "number"),
    [("A", 2 + 2 * 5), pytest.param("B", 2 + 2 * 2, marks=pytest.mark.skipif(os.geteuid() != 0, reason="root"))],
)
def test_nothing_outlives_a_killed_batch(
    tiny_course: Course, tiny_solved: Callable[[], Any], tmp_path: Path, tier: str, number: int
) -> None:
    folder = tmp_path / "submissions"
    folder.mkdir()
    for name in ("ada", "bob"):
        (folder / f"{name}.ipynb").write_bytes(tiny_solved().replace("hole-1-1", STUCK).bytes())
    command = ["-c", MAIN, "grade", "tiny", folder, "--tier", tier, "--jobs", 2, "--no-pages"]
    batch = subprocess.Popen(
        [sys.executable, *map(str, command), "--out", str(tmp_path / "out")],
        cwd=tiny_course.root, start_new_session=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        started: list[int] = []

        def all_there() -> bool:
            started[:] = descendants(batch.pid)  # some come and go while a sandbox starts
            return len(started) >= number

        assert _within(300, lambda: all_there() or batch.poll() is not None)
        assert batch.poll() is None
    finally:
        if batch.poll() is None:
            os.killpg(batch.pid, signal.SIGKILL)
        batch.wait()
    assert len(started) >= number
    assert _within(60, lambda: not any(map(alive, started))), [pid for pid in started if alive(pid)]


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < until:
        time.sleep(0.02)
    return held
