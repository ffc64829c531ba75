from __future__ import annotations

from dataclasses import fields
from itertools import permutations

import pytest

from autograder.grading.verdicts import of_death, of_lost_cell, total, verdict
from autograder.results import Outcome, TestResult
from autograder.sandbox.errors import (
    WorkerBlocked,
    WorkerCrashed,
    WorkerDied,
    WorkerOutOfMemory,
    WorkerTimedOut,
)


def results(*outcomes: tuple[Outcome, float]) -> list[TestResult]:
    return [
        TestResult(f"t{i}", "T", False, outcome, points, 1.0) for i, (outcome, points) in enumerate(outcomes)
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([(Outcome.PASSED, 1), (Outcome.PASSED, 1)], Outcome.PASSED),
        ([(Outcome.PASSED, 1), (Outcome.FAILED, 0)], Outcome.FAILED),
        ([(Outcome.PASSED, 1), (Outcome.FAILED, 0.5)], Outcome.FAILED),
        ([(Outcome.NOT_ATTEMPTED, 0), (Outcome.NOT_ATTEMPTED, 0)], Outcome.NOT_ATTEMPTED),
        ([(Outcome.NOT_ATTEMPTED, 0), (Outcome.FAILED, 0)], Outcome.FAILED),
        ([(Outcome.NOT_ATTEMPTED, 0), (Outcome.PASSED, 1)], Outcome.FAILED),
        ([(Outcome.PASSED, 1), (Outcome.TIMED_OUT, 0)], Outcome.TIMED_OUT),
        ([(Outcome.FAILED, 0), (Outcome.CRASHED, 0)], Outcome.CRASHED),
        ([(Outcome.CRASHED, 0), (Outcome.TIMED_OUT, 0)], Outcome.TIMED_OUT),
        ([(Outcome.OUT_OF_MEMORY, 0), (Outcome.TIMED_OUT, 0)], Outcome.OUT_OF_MEMORY),
        ([(Outcome.BLOCKED, 0), (Outcome.OUT_OF_MEMORY, 0)], Outcome.BLOCKED),
        ([(Outcome.GRADER_ERROR, 0), (Outcome.BLOCKED, 0)], Outcome.GRADER_ERROR),
        ([(Outcome.GRADER_ERROR, 0), (Outcome.PASSED, 1)], Outcome.GRADER_ERROR),
    ],
)
def test_the_most_telling_outcome_stands(given: list[tuple[Outcome, float]], expected: Outcome) -> None:
    for order in permutations(given):
        assert verdict(results(*order), 2.0) is expected


def test_a_question_without_tests_is_the_graders_mistake() -> None:
    assert verdict([], 2.0) is Outcome.GRADER_ERROR


def test_points_add_up_in_any_order_to_the_same_number() -> None:
    parts = [1 / 3, 1 / 7, 0.1, 0.2, 1e-9, 1 / 3]
    assert {total(order, 3.0) for order in permutations(parts)} == {total(parts, 3.0)}
    assert total([1 / 3] * 3, 1.0) == 1.0
    assert total([0.7, 0.7], 1.0) == 1.0
    assert total([-0.5], 1.0) == 0.0


def test_three_thirds_of_a_point_pass() -> None:
    for points in (1.0, 2.0):
        thirds = [(Outcome.PASSED, round(points / 3, 6))] * 3
        assert verdict(results(*thirds), points) is Outcome.PASSED
        assert total([earned for _, earned in thirds], points) == points
    assert total([round(1 / 3, 6)] * 2, 1.0) < 1.0


def test_a_workers_death_has_an_outcome() -> None:
    kinds = {
        WorkerTimedOut: Outcome.TIMED_OUT, WorkerOutOfMemory: Outcome.OUT_OF_MEMORY, WorkerBlocked: Outcome.BLOCKED,
        WorkerCrashed: Outcome.CRASHED, WorkerDied: Outcome.CRASHED,
    }  # fmt: skip
    assert {kind: of_death(kind("gone")) for kind in kinds} == kinds


def test_a_cell_in_which_loading_died_has_an_outcome() -> None:
    names = {
        "TimedOut": Outcome.TIMED_OUT,
        "OutOfMemory": Outcome.OUT_OF_MEMORY,
        "Blocked": Outcome.BLOCKED,
        "Crashed": Outcome.CRASHED,
    }
    assert {name: of_lost_cell(name) for name in names} == names
    assert [f.name for f in fields(TestResult)][:2] == ["name", "title"]
