"""Grades an automatic mistake: no further than the first lost point, the sharpest tests first.

What is asked is only whether any test notices. So the tests that noticed most before come first, and code
that never ends is stopped after a small multiple of the reference's own time. The limit counts CPU time, so
that a busy machine makes no survivor look noticed.
"""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from typing import Any

from autograder.course import Question
from autograder.grading.grader import Grader
from autograder.results import Attachment, SubmissionResult, TestResult
from autograder.testing.suite import ScoringTest, Suite

PATIENCE = 5  # times the reference's CPU time
LEAST_CPU_S = 1.0  # the kernel counts whole seconds

_noticed: Counter[ScoringTest] = Counter()  # of this process


def cpu_limits(reference: SubmissionResult) -> dict[str, float]:
    """Return the CPU seconds that a changed reference gets in each question that the unchanged one masters.

    Args:
        reference: what the unchanged one came to.
    """
    mastered = [q for q in reference.questions if q.points >= q.possible]
    return {q.id: max(LEAST_CPU_S, PATIENCE * q.cpu_s) for q in mastered}


def impatient(grader: Grader, cpu_s: float) -> Grader:
    """Return a grader that stops at the first lost point, with limits of its own on CPU time."""
    other = copy.copy(grader)
    hurried = tuple(_hurried(question, cpu_s) for question in grader.assignment.questions)
    other.assignment = replace(grader.assignment, questions=hurried)
    other.suite = _FirstLoss(grader.suite)  # type: ignore[assignment]
    return other


def _hurried(question: Question, cpu_s: float) -> Question:
    return replace(question, limits=replace(question.limits, cpu_s=min(cpu_s, question.limits.cpu_s)))


class _FirstLoss:
    """Runs a suite's tests until one loses points."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite

    def tests(self, question_id: str) -> tuple[ScoringTest, ...]:
        """Return a question's tests, those that noticed most first."""
        return tuple(sorted(self._suite.tests(question_id), key=lambda test: -_noticed[test]))

    def run(
        self, question_id: str, student: Any, *, seed: int, reference: Any
    ) -> tuple[tuple[TestResult, ...], tuple[Attachment, ...]]:
        """Run a question's tests as :meth:`Suite.run` does, until one loses points."""
        tests = self.tests(question_id)
        results, attachments = self._suite.run(
            question_id, student, seed=seed, reference=reference, until_lost=tests
        )
        if results and results[-1].points < results[-1].possible:
            _noticed[tests[len(results) - 1]] += 1
        return results, attachments
