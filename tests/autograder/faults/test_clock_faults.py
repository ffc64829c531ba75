"""The clock jumps: limits run on, times stay in order, nothing is graded twice."""

from __future__ import annotations

import itertools
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from autograder.grading import attempt
from autograder.grading.batch import grade_class
from autograder.grading.grader import Grader
from autograder.grading.store import Store, without_times
from autograder.intake import find_submissions
from autograder.results import Outcome
from tests.autograder.faults import small

DAY = 86_400.0


class Jumping(datetime):
    """A clock that is a day ahead, then a day behind, by turns."""

    turns = itertools.cycle((1, -1, -1, 1))

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + next(cls.turns) * timedelta(days=1)


@pytest.fixture
def jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the wall clock is a day away from the one before; forked processes inherit it."""
    now, turns = time.time, itertools.cycle((DAY, -DAY))
    monkeypatch.setattr(time, "time", lambda: now() + next(turns))
    monkeypatch.setattr(attempt, "datetime", Jumping)


def test_a_class_is_graded_alike_whatever_the_clock_does(
    tmp_path: Path, grader: Grader, hand_ins: Path, jumps: None
) -> None:
    slow = "import time\ndef double(x):\n    time.sleep(0.3)\n    return x + x"
    (hand_ins / "dan.ipynb").write_bytes(small.notebook(grader.course, slow))
    sources = find_submissions(hand_ins, grader.assignment)
    with Store(tmp_path) as store:
        first = grade_class(sources, grader, store, jobs=2)
        assert [r.points for r in first] == [5.0] * 4, "nobody ran out of time"
        assert all(0 <= seconds < DAY / 2 for r in first for seconds in (r.wall_s, r.cpu_s))
        assert grade_class(sources, grader, store, jobs=2) == first
        assert len(store.attempts(small.SLUG)) == 4, "nothing is graded twice"


def test_the_times_of_attempts_are_in_order_when_the_clock_goes_back(
    tmp_path: Path, grader: Grader, hand_ins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = find_submissions(hand_ins, grader.assignment)[:1]
    times = iter(("2030-01-02T00:00:00+00:00", "2030-01-01T00:00:00+00:00", "2030-01-03T00:00:00+00:00"))
    with Store(tmp_path) as store:
        for now in times:
            monkeypatch.setattr(attempt, "_now", lambda now=now: now)
            grade_class(one, grader, store, jobs=1, fresh=True)
        attempts = [a.result for a in store.attempts(small.SLUG)]
    assert [r.graded_at[:10] for r in attempts] == ["2030-01-02", "2030-01-02", "2030-01-03"]
    assert without_times(attempts[0]) == without_times(attempts[1]) == without_times(attempts[2])


@pytest.mark.slow
def test_an_endless_loop_is_stopped_whatever_the_clock_does(
    tmp_path: Path, grader: Grader, hand_ins: Path, jumps: None
) -> None:
    (hand_ins / "ada.ipynb").write_bytes(small.notebook(grader.course, "def double(x):\n    while True: pass"))
    one = find_submissions(hand_ins, grader.assignment)[:1]
    began = time.monotonic()
    with Store(tmp_path) as store:
        [result] = grade_class(one, grader, store, jobs=1)
    assert result.question("1.1").outcome is Outcome.TIMED_OUT
    assert result.question("1.2").outcome is Outcome.PASSED
    assert time.monotonic() - began < 300, "the limit is 2 s of CPU time"
