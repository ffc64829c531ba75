"""A store that is locked, full or in use by another run: told in words, nothing lost, nothing doubled."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.errors import AutograderError
from autograder.grading import store as store_module
from autograder.grading.alone import alone
from autograder.grading.batch import grade_class
from autograder.grading.grader import Grader
from autograder.grading.progress import Silent
from autograder.grading.store import Store
from autograder.intake import find_submissions
from autograder.results import Outcome
from tests.autograder.faults import small


@contextlib.contextmanager
def locked(path: Path, how: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """Hold a store as another program does: for writing, or altogether."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    if how == "BEGIN EXCLUSIVE":
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute(how)
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


WORDS = (
    r"grades\.sqlite: cannot use this store: database is locked\.\n"
    r"  Next: another program has held it for 0\.3 s; close it, and run the same command again"
)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "BUSY_S", 0.3)
    monkeypatch.setitem(store_module._NEXT, "locked", store_module._NEXT["locked"].replace("30 s", "0.3 s"))


def refused(use: Callable[[], object]) -> None:
    began = time.monotonic()
    with pytest.raises(AutograderError, match=WORDS):
        use()
    assert 0.2 < time.monotonic() - began < 60


def test_a_store_that_another_program_writes_is_waited_for_and_then_named(
    tmp_path: Path, grader: Grader, hand_ins: Path, impatient: None
) -> None:
    path = tmp_path / "grades.sqlite"
    sources = find_submissions(hand_ins, grader.assignment)
    with Store(path) as store:
        [first] = grade_class(sources[:1], grader, store, jobs=1)
        with locked(path):
            refused(lambda: store.append(first))
            refused(lambda: grade_class(sources, grader, store, jobs=1))
            assert store.latest(small.SLUG) == [first], "it can be read meanwhile"
        grade_class(sources, grader, store, jobs=1)
        attempts = store.attempts(small.SLUG)
    assert attempts[0].result == first
    assert [a.result.person.id for a in attempts] == ["ada", "bob", "cleo"]


def test_a_store_that_is_locked_altogether_is_named(tmp_path: Path, impatient: None) -> None:
    path = tmp_path / "grades.sqlite"
    Store(path).close()
    with locked(path, "BEGIN EXCLUSIVE"):
        refused(lambda: Store(path))
    Store(path).close()


def test_a_store_that_is_free_again_in_time_is_written(tmp_path: Path, grader: Grader, hand_ins: Path) -> None:
    path = tmp_path / "grades.sqlite"
    with Store(path) as store, contextlib.ExitStack() as held:
        held.enter_context(locked(path))
        threading.Timer(1.5, held.close).start()
        results = grade_class(find_submissions(hand_ins, grader.assignment), grader, store, jobs=2)
        assert [r.points for r in results] == [5.0] * 3
        assert store.latest(small.SLUG) == results


class Waiting(Silent):
    """Lets the other run go on once this one says that it waits."""

    def __init__(self, other: threading.Event) -> None:
        self.said: list[str] = []
        self._other = other

    def waits(self, why: str) -> None:
        self.said.append(why)
        self._other.set()


def test_two_runs_at_once_grade_nothing_twice(tmp_path: Path, grader: Grader, hand_ins: Path) -> None:
    """The second waits until the first is done, and finds everything graded."""
    path = tmp_path / "grades.sqlite"
    sources = find_submissions(hand_ins, grader.assignment)
    goes_on = threading.Event()
    with Store(path) as one, Store(path) as two:
        progress = Waiting(goes_on)
        second = threading.Thread(target=grade_class, args=(sources, grader, two), kwargs={"jobs": 1, "progress": progress})

        class First(Silent):
            def ended(self, result: object, kept: bool) -> None:
                if not second.ident:
                    second.start()
                    assert goes_on.wait(120), "the second run did not wait"

        first = grade_class(sources, grader, one, jobs=1, progress=First())
        second.join(300)
        assert progress.said == [
            f"Waiting: process {os.getpid()} is grading into {path}. It goes on when that one ends."
        ]
        assert [a.result for a in one.attempts(small.SLUG)] == first


HOLDER = """
import sys, time
from pathlib import Path
from autograder.grading.alone import alone
with alone(Path(sys.argv[1]), "x", print):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_run_holds_no_lock(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    said: list[str] = []

    def hears(why: str) -> None:
        said.append(why)
        holder.kill()

    with alone(lock, "grades.sqlite", hears):
        assert said == [f"Waiting: process {holder.pid} is grading into grades.sqlite. It goes on when that one ends."]
    holder.wait()


def test_stores_of_other_assignments_are_not_waited_for(tmp_path: Path) -> None:
    def never(why: str) -> None:
        raise AssertionError(why)

    with Store(tmp_path) as store, store.alone("hw1", never), store.alone("hw2", never):
        pass


def test_a_failure_of_the_grader_does_not_replace_what_it_found_before(
    tmp_path: Path, grader: Grader, hand_ins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Graded afresh, and the grader fails on one question: its result from the same code and tests holds."""
    one = find_submissions(hand_ins, grader.assignment)[:1]
    with Store(tmp_path) as store:
        [before] = grade_class(one, grader, store, jobs=1)
        run = grader.suite.run

        def fails(question: str, *args: object, **kwargs: object) -> object:
            if question == "1.1":
                raise OSError("the disk is full")
            return run(question, *args, **kwargs)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(grader.suite, "run", fails)
            [after] = grade_class(one, grader, store, jobs=1, fresh=True)
        assert after.question("1.1") == before.question("1.1")
        assert after.question("1.2").wall_s != before.question("1.2").wall_s
        [kept] = grade_class(one, grader, store, jobs=1)
        assert kept == after


def test_what_the_grader_failed_on_is_tried_again_by_the_next_run_and_costs_nothing(
    tmp_path: Path, grader: Grader, hand_ins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from autograder.grading.gradebook import undecided

    sources = find_submissions(hand_ins, grader.assignment)
    with Store(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(grader.suite, "run", lambda *a, **k: 1 / 0)
            failed = grade_class(sources, grader, store, jobs=1)
        assert {q.outcome for r in failed for q in r.questions[:2]} == {Outcome.GRADER_ERROR}
        assert [undecided(r) for r in failed] == [5.0] * 3
        again = grade_class(sources, grader, store, jobs=1)
        assert [(r.points, undecided(r)) for r in again] == [(5.0, 0.0)] * 3
