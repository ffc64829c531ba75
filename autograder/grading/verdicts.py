"""What a question's tests come to: one outcome and the points."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autograder.results import Outcome, TestResult
from autograder.sandbox.errors import (
    WorkerBlocked,
    WorkerDied,
    WorkerOutOfMemory,
    WorkerTimedOut,
)

DECIMALS = 6  # points are rounded here, so that a sum of thirds is the same on every machine

# The most telling first: what a person must look at, then how the process ended, then the tests' words.
_TELLING = (
    Outcome.GRADER_ERROR,
    Outcome.BLOCKED,
    Outcome.OUT_OF_MEMORY,
    Outcome.TIMED_OUT,
    Outcome.CRASHED,
)


def total(points: Sequence[float], possible: float) -> float:
    """Add points: exact to the rounding, never above what is possible, never below zero.

    Tests come with rounded points: three thirds that miss the whole by a millionth are the whole.
    """
    earned = math.fsum(points)
    rounding = (len(points) + 1) * 10.0**-DECIMALS
    return possible if earned >= possible - rounding else max(round(earned, DECIMALS), 0.0)


def verdict(tests: Sequence[TestResult], possible: float) -> Outcome:
    """Return a question's outcome.

    All points are PASSED. Otherwise the most telling outcome of its tests stands; NOT_ATTEMPTED only where
    no test ended in another way.
    """
    outcomes = {test.outcome for test in tests}
    if Outcome.GRADER_ERROR in outcomes or not tests:
        return Outcome.GRADER_ERROR
    if total([test.points for test in tests], possible) >= possible:
        return Outcome.PASSED
    for outcome in _TELLING:
        if outcome in outcomes:
            return outcome
    return Outcome.NOT_ATTEMPTED if outcomes == {Outcome.NOT_ATTEMPTED} else Outcome.FAILED


def of_death(error: WorkerDied) -> Outcome:
    """Return the outcome that a worker's death stands for."""
    for kind, outcome in (
        (WorkerTimedOut, Outcome.TIMED_OUT),
        (WorkerOutOfMemory, Outcome.OUT_OF_MEMORY),
        (WorkerBlocked, Outcome.BLOCKED),
    ):
        if isinstance(error, kind):
            return outcome
    return Outcome.CRASHED


def of_lost_cell(type_name: str) -> Outcome:
    """Return the outcome of a cell in which loading died, from the load report's name for it."""
    return {
        "TimedOut": Outcome.TIMED_OUT,
        "OutOfMemory": Outcome.OUT_OF_MEMORY,
        "Blocked": Outcome.BLOCKED,
    }.get(type_name, Outcome.CRASHED)
