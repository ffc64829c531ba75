"""A worker, its warm parent or the grading process dies in the middle: the question is tried again, others go on."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Course
from autograder.grading import batch
from autograder.grading.api import grade_notebook
from autograder.grading.batch import Graded, Job, Recipe, grade_class, grade_job
from autograder.grading.grader import Grader
from autograder.grading.store import Store
from autograder.intake import find_submissions
from autograder.results import Outcome, SubmissionResult
from tests.autograder.faults import small

SLEEPS = "import time\ndef double(x):\n    time.sleep(0.4)\n    return x + x"


@pytest.fixture
def own_grader(small_course: Course) -> Iterator[Grader]:
    """A grader with a sandbox in this process."""
    with Grader(small_course, small.SLUG) as grader:
        grader.sandbox  # noqa: B018 - warm before anything is killed
        yield grader


def grade(grader: Grader, double: str) -> SubmissionResult:
    return grade_notebook(
        grader.course, small.SLUG, small.notebook(grader.course, double), grader=grader, run_untouched=False
    )


@contextlib.contextmanager
def after(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    timer = threading.Timer(seconds, act)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def kill_all(pids: tuple[int, ...]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_the_warm_parent_is_killed_in_the_middle_of_a_question(own_grader: Grader) -> None:
    first = own_grader.sandbox.processes
    assert first
    with after(0.25, lambda: kill_all(first)):
        result = grade(own_grader, SLEEPS)
    assert (result.question("1.1").outcome, result.points) == (Outcome.PASSED, 5.0)
    assert own_grader.sandbox.processes != first
    assert grade(own_grader, small.RIGHT).points == 5.0


def test_a_warm_parent_that_is_killed_each_time_costs_nobody_a_point(
    own_grader: Grader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is left undecided, the next one is graded."""
    run, tries = own_grader.suite.run, []

    def run_besieged(question: str, *args: Any, **kwargs: Any) -> Any:
        if question != "1.1":
            return run(question, *args, **kwargs)
        tries.append(question)
        with after(0.1, lambda: kill_all(own_grader.sandbox.processes)):
            return run(question, *args, **kwargs)

    monkeypatch.setattr(own_grader.suite, "run", run_besieged)
    result = grade(own_grader, SLEEPS)
    assert [q.outcome for q in result.questions[:2]] == [Outcome.GRADER_ERROR, Outcome.PASSED]
    assert len(tries) == 2, "it was tried twice"
    assert "costs nothing" in result.question("1.1").tests[0].message


@pytest.mark.parametrize(
    ("double", "outcome"),
    [
        ("def double(x):\n    return [0] * 10**9", Outcome.OUT_OF_MEMORY),
        ("import numpy as np\ndef double(x):\n    return np.ones(10**9).sum()", Outcome.OUT_OF_MEMORY),
        ("def double(x):\n    kept = []\n    while True: kept.append(bytearray(1 << 20))", Outcome.OUT_OF_MEMORY),
        ("import os\ndef double(x):\n    os._exit(0)", Outcome.CRASHED),
    ],
)
def test_a_worker_that_runs_out_of_memory_or_leaves_costs_its_question_alone(
    own_grader: Grader, double: str, outcome: Outcome
) -> None:
    result = grade(own_grader, double)
    assert [q.outcome for q in result.questions[:2]] == [outcome, Outcome.PASSED]
    assert grade(own_grader, small.RIGHT).points == 5.0


def dies_at_bob(recipe: Recipe, job: Job) -> Graded:
    """Die on one submission, as the kernel would have it where memory is short."""
    marker = Path(os.environ["DIES_ONCE"])
    if job.source.person.id == "bob" and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return grade_job(recipe, job)


def test_a_grading_process_that_is_killed_is_replaced_and_the_class_is_graded_once(
    tmp_path: Path, grader: Grader, hand_ins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIES_ONCE", str(tmp_path / "died"))
    monkeypatch.setattr(batch, "grade_job", dies_at_bob)
    with Store(tmp_path / "store") as store:
        results = grade_class(find_submissions(hand_ins, grader.assignment), grader, store, jobs=2)
        assert (tmp_path / "died").exists()
        assert [(r.person.id, r.points) for r in results] == [("ada", 5.0), ("bob", 5.0), ("cleo", 5.0)]
        assert len(store.attempts(small.SLUG)) == 3


def test_files_that_vanish_or_change_while_a_class_is_graded(
    tmp_path: Path, grader: Grader, hand_ins: Path
) -> None:
    """Who vanished is left undecided, not marked; who came back is graded; nobody else is touched."""
    sources = find_submissions(hand_ins, grader.assignment)
    ada, bob = (hand_ins / f"{name}.ipynb" for name in ("ada", "bob"))
    data = ada.read_bytes()
    ada.unlink()
    bob.write_bytes(small.notebook(grader.course, "def double(x):\n    return x"))  # after it was listed
    with Store(tmp_path / "store") as store:
        began = time.monotonic()
        results = grade_class(sources, grader, store, jobs=1)
        assert {q.outcome for q in results[0].questions} == {Outcome.GRADER_ERROR}
        assert "No such file or directory" in results[0].findings[-1].what and results[0].error == ""
        assert [r.points for r in results[1:]] == [3.0, 5.0]
        ada.write_bytes(data)
        again = grade_class(sources, grader, store, jobs=1)
        assert [r.points for r in again] == [5.0, 3.0, 5.0]
        assert again[1:] == results[1:], "what was graded is kept"
        assert time.monotonic() - began < 600
