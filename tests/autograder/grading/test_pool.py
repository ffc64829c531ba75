from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograder.errors import AuthoringError, AutograderError, SandboxError
from autograder.grading import pool
from autograder.grading.pool import Done, Failure, Pool


def square(x: int) -> int:
    return x * x


def die_on_three(x: int) -> int:
    if x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def die_once(path: str) -> str:
    marker = Path(path)
    if marker.name == "b" and not marker.exists():
        marker.touch()
        os._exit(9)
    return marker.name


def mistaken(x: int) -> int:
    if x == 1:
        raise ValueError(f"no {x}")
    return x


def unmendable(x: int) -> int:
    raise AuthoringError("no seed", "grading.toml", 3) if x else SandboxError("no bubblewrap here")


def unpicklable(x: int) -> object:
    return lambda: x


def sleepy(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    pool.at_exit(lambda: Path(path + ".closed").touch())
    time.sleep(60)


def values(pairs: Iterator[tuple[int, object]]) -> list[object]:
    return [value for _, value in sorted(pairs, key=lambda pair: pair[0])]


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_job_gives_its_result(jobs: int) -> None:
    assert values(Pool(jobs).run(square, range(7))) == [Done(x * x) for x in range(7)]


def test_no_jobs_are_no_work() -> None:
    assert list(Pool(2).run(square, [])) == []


def test_another_executor_may_run_the_jobs() -> None:
    with ThreadPoolExecutor(2) as threads:
        assert values(Pool(2, threads).run(square, range(5))) == [Done(x * x) for x in range(5)]
        assert threads.submit(square, 3).result() == 9, "a given executor stays open"


def test_a_job_that_kills_its_process_twice_fails_and_the_others_go_on() -> None:
    results = values(Pool(2).run(die_on_three, range(8)))
    assert results[3] == Failure("the grading process died twice, perhaps killed for lack of memory")
    assert results[:3] + results[4:] == [Done(x) for x in (0, 1, 2, 4, 5, 6, 7)]


def test_a_job_whose_process_died_once_is_tried_again(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in "abc"]
    assert values(Pool(2).run(die_once, paths)) == [Done("a"), Done("b"), Done("c")]


def test_an_exception_is_that_jobs_failure_alone() -> None:
    first, second, third = values(Pool(1).run(mistaken, range(3)))
    assert (first, third) == (Done(0), Done(2))
    assert isinstance(second, Failure)
    assert second.why == "the grader raised ValueError: no 1"
    assert "in mistaken" in second.detail


def test_a_result_that_cannot_travel_is_a_failure() -> None:
    [result] = values(Pool(1).run(unpicklable, [1]))
    assert isinstance(result, Failure) and result.why.startswith("the result could not be brought back")


def test_what_a_person_must_mend_stops_the_run() -> None:
    with pytest.raises(SandboxError, match="no bubblewrap here"):
        list(Pool(2).run(unmendable, [0, 0]))
    with pytest.raises(AutograderError, match=r"^grading\.toml:3: no seed$"):
        list(Pool(2).run(unmendable, [1, 1]))


def test_stopping_early_ends_every_process_and_lets_it_clean_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        if (tmp_path / "a").exists() and (tmp_path / "b").exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(pool, "GRACE_S", 60.0)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(Pool(2).run(sleepy, [str(tmp_path / "a"), str(tmp_path / "b")], tick=interrupt))
    assert time.monotonic() - start < 40, "they end when they are asked, not when they are killed"
    for name in "ab":
        assert (tmp_path / f"{name}.closed").exists()
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / name).read_text()), 0)


PARENT = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from job import sleepy
from autograder.grading.pool import Pool
list(Pool(1).run(sleepy, [sys.argv[1] + "/pid"]))
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="the kernel tells children of a parent's death on Linux alone"
)
def test_nobody_outlives_a_killed_parent(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(Path(__file__).read_text())
    (tmp_path / "parent.py").write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py"), str(tmp_path)])
    pid = tmp_path / "pid"
    until = time.monotonic() + 60
    while not (pid.exists() and pid.read_text()) and time.monotonic() < until:
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    until = time.monotonic() + 60
    while Path(f"/proc/{pid.read_text()}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid.read_text()}").exists()
    assert (tmp_path / "pid.closed").exists()
