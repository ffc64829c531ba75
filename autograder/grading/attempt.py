"""Grades one submission: for each question a fresh worker, the question's tests, one outcome."""

from __future__ import annotations

import time
import traceback
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from autograder.course import MANIFEST, Kind, Question, manifest_line
from autograder.errors import AuthoringError, SandboxError
from autograder.grading import digests
from autograder.grading.deadline import deadline
from autograder.grading.grader import Grader
from autograder.grading.untouched import not_attempted
from autograder.grading.verdicts import of_death, of_lost_cell, total, verdict
from autograder.intake import Submission, SubmissionSource
from autograder.results import Finding, Outcome, QuestionResult, SubmissionResult, TestResult
from autograder.sandbox import Worker
from autograder.sandbox.errors import WorkerDied
from autograder.testing.suite import ScoringTest

DETAIL_CHARS = 20_000
DEADLINE_S = (
    120.0  # CPU time of our own that a question's tests may use, at least; student code has its limits
)


def grade(
    submission: Submission,
    grader: Grader,
    questions: Collection[str] | None = None,
    *,
    run_untouched: bool = False,
) -> SubmissionResult:
    """Grade one submission.

    Args:
        submission: as intake read it; one that cannot be read earns nothing and says why.
        grader: the assignment's grader.
        questions: ids to grade; by default all. The result holds these alone.
        run_untouched: run the tests of untouched questions too, to see that they give nothing.
    """
    start, cpu = time.perf_counter(), time.process_time()
    attempt = _Attempt(submission, grader, run_untouched)
    wanted = [q for q in grader.assignment.questions if questions is None or q.id in questions]
    graded = tuple(attempt.question(q) for q in wanted)
    own_cpu = time.process_time() - cpu
    return SubmissionResult(
        person=submission.person,
        assignment=grader.assignment.slug,
        version=grader.assignment.version,
        submission_digest=submission.digest,
        tests_digest=grader.tests_digest,
        grader_digest=digests.of_grader(),
        seed_digest=grader.seed_digest,
        environments_digest=grader.environments_digest,
        tier="" if grader.without else attempt.tier,  # a trial claims nothing
        questions=graded,
        findings=(*grader.remarks, *submission.findings, *attempt.findings),
        path=str(submission.path),
        submitted_at=submission.submitted_at,
        graded_at=_now(),
        wall_s=time.perf_counter() - start,
        cpu_s=own_cpu + sum(q.cpu_s for q in graded),
        error=submission.error,
    )


@dataclass
class _Attempt:
    """One submission while it is graded: which of its cells must be left out is learned once."""

    submission: Submission
    grader: Grader
    run_untouched: bool = False
    tier: str = ""  # of the sandbox, once a worker was needed
    lost: tuple[str, ...] = ()  # cells in which loading died, once for each time
    ended: dict[str, Outcome] = field(default_factory=dict)  # how it died in each
    dead: WorkerDied | None = None  # loading died again and again: no question can run
    findings: list[Finding] = field(default_factory=list)

    def question(self, question: Question) -> QuestionResult:
        """Grade one question; what the grader itself gets wrong is tried twice."""
        if self.submission.error:
            return self._without_running(question, Outcome.NOT_ATTEMPTED, self.submission.error)
        if question.kind is Kind.WRITTEN:
            return self._written(question)
        why = not_attempted(question, self.submission, self.grader.template)
        if why and not self.run_untouched:
            return self._without_running(question, Outcome.NOT_ATTEMPTED, why)
        result = self._run(question)
        return self._run(question) if result.outcome is Outcome.GRADER_ERROR else result

    def _written(self, question: Question) -> QuestionResult:
        answer = self.submission.answers.get(question.id, "")
        outcome = Outcome.AWAITING_TA if answer.strip() else Outcome.NOT_ATTEMPTED
        return replace(_empty(question), outcome=outcome, answer=answer)

    def _run(self, question: Question) -> QuestionResult:
        """Run one question's tests in a fresh worker."""
        if self.dead is not None:
            return self._not_loaded(question, self.dead)
        try:
            worker = self._worker(question)
        except WorkerDied as error:
            self.dead = error
            return self._not_loaded(question, error)
        except SandboxError as error:
            self.grader.restart_sandbox()
            return self._grader_error(question, str(error))
        start = time.perf_counter()
        with worker:
            if (outcome := self._left_out(question)) is not None:
                why = "The cell of this question ended the process while it was loaded, and was left out."
                return self._without_running(question, outcome, why)
            try:
                with deadline(max(DEADLINE_S, 10 * question.limits.cpu_s)):
                    tests, attachments = self.grader.suite.run(
                        question.id, worker.student, seed=self.grader.seed, reference=self.grader.reference
                    )
            except AuthoringError:
                raise
            except Exception:
                return self._grader_error(question, traceback.format_exc())
        usage = worker.usage  # complete once closed
        return replace(
            _concluded(question, tests), attachments=attachments, stdout=worker.stdout,
            wall_s=time.perf_counter() - start, cpu_s=usage.cpu_s, max_rss_mb=usage.max_rss_mb,
        )  # fmt: skip

    def _worker(self, question: Question) -> Worker:
        """Start a worker that has loaded the submission.

        A cell in which loading dies costs its limit once for the whole submission: later workers are told.
        """
        worker = self.grader.sandbox.worker(
            self.submission.code, question.limits, self.grader.assignment.load_limits,
            stand_ins=self._stand_ins(question), skip_cells=self.lost,
        )  # fmt: skip
        self.tier = self.grader.sandbox.tier.value
        known = set(self.lost)
        self.lost = worker.load.lost_cells
        questions = {cell.id: cell.questions for cell in self.submission.code.cells}
        for error in worker.load.errors:
            if error.cell_id in self.lost:
                if error.cell_id in known:
                    continue
                self.ended[error.cell_id] = of_lost_cell(error.type_name)
            where = error.label or error.cell_id
            what = f"{where[:1].upper()}{where[1:]} did not load: {error.type_name}: {error.message}".strip(
                ": "
            )
            finding = Finding(what, tuple(questions.get(error.cell_id, ())))
            if finding not in self.findings:
                self.findings.append(finding)
        return worker

    def _left_out(self, question: Question) -> Outcome | None:
        """Return how loading died in the question's own cell, if not even its definitions could be kept."""
        mine = [cell.id for cell in self.submission.code.cells if question.id in cell.questions]
        gone = [cell for cell in mine if self.lost.count(cell) > 1]
        return self.ended[gone[0]] if gone and len(gone) == len(mine) else None

    def _stand_ins(self, question: Question) -> dict[str, Any]:
        names = vars(self.grader.reference) if question.stand_ins else {}
        for name in question.stand_ins:
            if not callable(names.get(name)):
                raise AuthoringError(
                    f"stand_ins of {question.id}: the reference has no function {name!r}; correct the name",
                    self.grader.assignment.path / MANIFEST,
                    manifest_line(self.grader.assignment.path, f'id="{question.id}"'),
                )
        return {name: names[name] for name in question.stand_ins}

    def _not_loaded(self, question: Question, error: WorkerDied) -> QuestionResult:
        why = f"The notebook could not be loaded: {error.message}"
        return self._without_running(question, of_death(error), why)

    def _without_running(self, question: Question, outcome: Outcome, why: str) -> QuestionResult:
        tests = tuple(_unrun(test, outcome, why) for test in self.grader.suite.tests(question.id))
        return replace(_empty(question), tests=tests, outcome=outcome)

    def _grader_error(self, question: Question, detail: str) -> QuestionResult:
        return _grader_error(question, self.grader.suite.tests(question.id), detail)


def undecided(source: SubmissionSource, grader: Grader, why: str, detail: str = "") -> SubmissionResult:
    """Return the result of a submission that the grader itself failed on; every question is for a person."""
    assignment = grader.assignment
    flagged = tuple(
        _grader_error(question, grader.suite.tests(question.id), f"{why}\n{detail}")
        for question in assignment.questions
    )
    return SubmissionResult(
        person=source.person,
        assignment=assignment.slug,
        version=assignment.version,
        submission_digest="",
        tests_digest=grader.tests_digest,
        grader_digest=digests.of_grader(),
        seed_digest=grader.seed_digest,
        environments_digest=grader.environments_digest,
        tier="",
        questions=flagged,
        findings=(*source.findings, Finding(f"The grader failed on this submission: {why}.")),
        path=str(source.path),
        submitted_at=source.submitted_at,
        graded_at=_now(),
    )


def _grader_error(question: Question, tests: Sequence[ScoringTest], detail: str) -> QuestionResult:
    why = "The grader failed here; it costs nothing, and a person will look at it."
    unrun = (replace(_unrun(t, Outcome.GRADER_ERROR, why), detail=detail[-DETAIL_CHARS:]) for t in tests)
    return replace(_empty(question), tests=tuple(unrun), outcome=Outcome.GRADER_ERROR, comment=why)


def _concluded(question: Question, tests: Sequence[TestResult]) -> QuestionResult:
    points = total([test.points for test in tests], question.points)
    return replace(
        _empty(question), tests=tuple(tests), points=points, outcome=verdict(tests, question.points)
    )


def _empty(question: Question) -> QuestionResult:
    return QuestionResult(
        question.id, question.name, question.title, question.kind.value, Outcome.NOT_ATTEMPTED, 0.0,
        question.points, question.bonus,
    )  # fmt: skip


def _unrun(test: ScoringTest, outcome: Outcome, why: str) -> TestResult:
    return TestResult(test.name, test.title, test.hidden, outcome, 0.0, test.points, message=why)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
