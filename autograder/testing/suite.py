"""An assignment's scoring tests: collected once, run for as many students as there are."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from _pytest.main import Session

from autograder.course import Assignment, Question
from autograder.results import Attachment, Outcome, TestResult
from autograder.testing import frames, guests
from autograder.testing.collection import Problem, collect_folder, make_session
from autograder.testing.disclosure import disclosures
from autograder.testing.outcomes import Verdict, judge, provoked, withheld
from autograder.testing.plugin import RUN, Run, derive_seed
from autograder.testing.reference import Reference
from autograder.testing.validation import ScoringTest, as_error, check_names, check_points, read_items

DETAIL_CHARS = 20_000


class Suite:
    """The scoring tests of one assignment.

    One suite belongs to one process; concurrent calls of :meth:`run` wait for each other.
    """

    def __init__(
        self, assignment: Assignment, session: Session, tests: Mapping[ScoringTest, pytest.Function]
    ) -> None:
        self.assignment = assignment
        self._session = session
        self._items = dict(tests)
        self._lock = threading.RLock()
        self._references: dict[int, tuple[Any, Reference]] = {}
        self._sound: dict[tuple[int, ScoringTest, int], bool] = {}

    @classmethod
    def collect(cls, assignment: Assignment, public: Path, hidden: Path | None = None) -> Suite:
        """Collect and validate the tests of two folders.

        Args:
            assignment: the manifest that the tests must agree with.
            public: the folder of public tests.
            hidden: the folder of hidden tests; None on a student's machine, where points are not summed up.

        Raises:
            AuthoringError: the tests are wrong; all problems at once, each with ``path:line:``.
        """
        public = Path(public).resolve()
        session = make_session(public if public.is_dir() else assignment.path.resolve())
        tests: dict[ScoringTest, pytest.Function] = {}
        problems: list[Problem] = []
        for folder, is_hidden in ((public, False), (hidden and Path(hidden).resolve(), True)):
            if not folder:
                continue
            if not folder.is_dir():
                problems.append(Problem(folder, 1, "no such folder of tests; create it with a test_*.py"))
                continue
            found = collect_folder(session, folder)
            problems += found.problems
            if is_hidden:
                problems += [p for path in sorted(folder.glob("test_*.py")) for p in disclosures(path)]
            for item, test in read_items(found.items, assignment, is_hidden, problems):
                tests[test] = item
        problems += check_names(tests)
        if not problems:
            problems += check_points(assignment, tests, complete=hidden is not None)
        if problems:
            raise as_error(problems)
        return cls(assignment, session, tests)

    @property
    def question_ids(self) -> tuple[str, ...]:
        """Ids of the questions that have tests, in the manifest's order."""
        have = {test.question for test in self._items}
        return tuple(q.id for q in self.assignment.questions if q.id in have)

    def tests(self, question_id: str) -> tuple[ScoringTest, ...]:
        """Return a question's tests, public ones first, in file order."""
        return tuple(test for test in self._items if test.question == question_id)

    def run(
        self,
        question_id: str,
        student: Any,
        *,
        seed: int,
        reference: Any = None,
        public_only: bool = False,
        until_lost: Sequence[ScoringTest] = (),
    ) -> tuple[tuple[TestResult, ...], tuple[Attachment, ...]]:
        """Run one question's tests on one student's code.

        Args:
            question_id: id of the question.
            student: a RemoteStudent, a LocalStudent, or names (module, mapping) to run in this process.
            seed: the grading seed; every test derives its own from it.
            reference: the solutions module; needed by hidden tests that compare with it, and to tell a
                student's nonsense from a broken test.
            public_only: leave the hidden tests out.
            until_lost: the question's tests in another order; stop at the first that loses points.

        Returns:
            One result a test, and what the tests attached.
        """
        question = self.assignment.question(question_id)
        results: list[TestResult] = []
        attachments: list[Attachment] = []
        death: Verdict | None = None
        with self._lock:
            wrapped = as_student(student)
            for test in until_lost or self.tests(question.id):
                if public_only and test.hidden:
                    continue
                if death is not None:
                    results.append(_not_run(test, death))
                    continue
                result, verdict, pictures = self._run_test(test, question, wrapped, seed, reference)
                results.append(result)
                attachments += [replace(picture, hidden=test.hidden) for picture in pictures]
                if until_lost and result.points < result.possible:
                    break
                death = verdict if verdict is not None and verdict.died else None
        return tuple(results), tuple(attachments)

    def _run_test(
        self, test: ScoringTest, question: Question, student: Any, seed: int, reference: Any
    ) -> tuple[TestResult, Verdict | None, list[Attachment]]:
        run = Run(student, derive_seed(seed, test.question, test.name), self._reference(reference))
        item = self._items[test]
        handed_out = guests.start()
        started = time.perf_counter()
        error = self._execute(item, run)
        wall_s = time.perf_counter() - started
        if error is None and (words := guests.overspent(handed_out, hidden=test.hidden)):
            failed = _result(test, Outcome.FAILED, message=words, measured=run.measured, wall_s=wall_s)
            return failed, None, run.attachments
        if error is None:
            return _passed(test, run, wall_s), None, run.attachments
        verdict = judge(error, question, hidden=test.hidden)
        if verdict.suspect and self._stands(test, item, seed, reference):
            verdict = provoked(error, hidden=test.hidden)
        if test.hidden:
            verdict = withheld(verdict, error)
        detail = verdict.detail
        if verdict.outcome is not Outcome.NOT_ATTEMPTED:
            ours = verdict.outcome is Outcome.GRADER_ERROR
            where = frames.write_all(error) if ours else frames.write(error, test.path)
            detail = f"{detail}\n\n{where}".strip()
        result = _result(
            test,
            verdict.outcome,
            message=verdict.message,
            hint=verdict.hint,
            student_error=verdict.student_error,
            measured=run.measured,
            detail=detail[:DETAIL_CHARS],
            wall_s=wall_s,
        )
        _release(error)
        return result, verdict, run.attachments

    def _execute(self, item: pytest.Function, run: Run) -> BaseException | None:
        """Run one item as pytest does, without its reports; return what left it. Nothing of it lives on."""
        state = self._session._setupstate
        error: BaseException | None = None
        self._session.config.stash[RUN] = run
        item._initrequest()
        try:
            try:
                state.setup(item)
                item.runtest()
            except BaseException as raised:
                error = raised
            try:
                state.teardown_exact(None)
            except BaseException as raised:
                error = error or raised
        finally:
            state.stack.clear()
            item._request = None  # type: ignore[assignment]
            item.funcargs = {}
            if hasattr(item, "_instance"):
                del item._instance
            del self._session.config.stash[RUN]
        if isinstance(error, KeyboardInterrupt):
            raise error
        return error

    def _stands(self, test: ScoringTest, item: pytest.Function, seed: int, reference: Any) -> bool:
        """Say whether the test passes with the reference in the student's place: then it is not at fault.

        Without a reference, on a student's machine, the student's value is held responsible.
        """
        if reference is None:
            return True
        key = (id(reference), test, seed)
        if key not in self._sound:
            run = Run(
                as_student(reference), derive_seed(seed, test.question, test.name), self._reference(reference)
            )
            self._sound[key] = self._execute(item, run) is None
        return self._sound[key]

    def _reference(self, reference: Any) -> Reference | None:
        if reference is None:
            return None
        if id(reference) not in self._references:
            self._references[id(reference)] = (reference, Reference(reference))
        return self._references[id(reference)][1]


def as_student(student: Any) -> Any:
    """Wrap plain names (a module, a mapping, a SimpleNamespace) as a student in this process."""
    if isinstance(student, ModuleType | SimpleNamespace | Mapping):
        from autograder.sandbox.local import LocalStudent

        return LocalStudent(student if isinstance(student, Mapping) else vars(student))
    return student


def _result(test: ScoringTest, outcome: Outcome, points: float = 0.0, **words: Any) -> TestResult:
    return TestResult(
        name=test.name,
        title=test.title,
        hidden=test.hidden,
        outcome=outcome,
        points=points,
        possible=test.points,
        **words,
    )


def _passed(test: ScoringTest, run: Run, wall_s: float) -> TestResult:
    fraction = 1.0 if run.credit is None else run.credit
    if fraction >= 1.0:
        return _result(test, Outcome.PASSED, test.points, measured=run.measured, wall_s=wall_s)
    message = f"{fraction:.0%} of this check's points."
    points = fraction * test.points
    return _result(test, Outcome.FAILED, points, message=message, measured=run.measured, wall_s=wall_s)


def _not_run(test: ScoringTest, death: Verdict) -> TestResult:
    message = f"Not run: an earlier check of this question ended your code. {death.message}"
    return _result(test, death.outcome, message=message)


def _release(error: BaseException | None) -> None:
    """Drop the frames an exception keeps alive, and with them the student's handles."""
    seen = 0
    while error is not None and seen < 50:
        error.__traceback__ = None
        error, seen = error.__cause__ or error.__context__, seen + 1
