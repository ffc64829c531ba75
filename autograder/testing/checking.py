"""Runs public checks in a student's folder: in the notebook and from a shell."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autograder.course import MANIFEST, Assignment, Question, load_assignment
from autograder.errors import UsageError
from autograder.results import Outcome, TestResult
from autograder.testing.suite import Suite

PUBLIC_SEED = 0  # public checks draw the same inputs on every machine
_ORDER = (
    Outcome.GRADER_ERROR, Outcome.BLOCKED, Outcome.CRASHED, Outcome.OUT_OF_MEMORY, Outcome.TIMED_OUT,
    Outcome.FAILED,
)  # fmt: skip


@dataclass(frozen=True)
class QuestionCheck:
    """The public checks of one question, as they went."""

    question: Question
    tests: tuple[TestResult, ...] = ()

    @property
    def points(self) -> float:
        """Public points earned."""
        return sum(test.points for test in self.tests)

    @property
    def possible(self) -> float:
        """Public points possible; the rest of the question's points come from hidden checks."""
        return sum(test.possible for test in self.tests)

    @property
    def hidden(self) -> float:
        """Points that hidden checks, or a person, decide."""
        return max(0.0, self.question.points - self.possible)

    @property
    def outcome(self) -> Outcome:
        """PASSED when all passed, NOT_ATTEMPTED when none was, otherwise the gravest of all.

        A question without public checks, such as a written one, awaits grading.
        """
        outcomes = {test.outcome for test in self.tests}
        if not outcomes:
            return Outcome.AWAITING_TA
        if outcomes in ({Outcome.PASSED}, {Outcome.NOT_ATTEMPTED}):
            return outcomes.pop()
        return next((outcome for outcome in _ORDER if outcome in outcomes), Outcome.FAILED)


class PublicChecks:
    """The public checks of one student's folder, and what was seen of them so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.assignment: Assignment = load_assignment(folder)
        if not self.assignment.tests.is_dir():
            raise UsageError(
                f"no public checks at {self.assignment.tests}, expected test_*.py files there.\n"
                "  Next: unzip the assignment again; your notebook need not change."
            )
        self.suite = Suite.collect(self.assignment, self.assignment.tests)
        self.stamp = stamp(folder)
        self._seen: dict[str, QuestionCheck] = {}

    def questions(self, wanted: Iterable[str]) -> list[Question]:
        """Return the questions of these ids, or all; UsageError names the known ids."""
        return [self.assignment.question(w) for w in wanted] or list(self.assignment.questions)

    def run(
        self,
        questions: Iterable[Question],
        names: Mapping[str, Any],
        progress: Callable[[str], None] | None = None,
    ) -> tuple[QuestionCheck, ...]:
        """Run the public checks of some questions on live definitions.

        Args:
            questions: which.
            names: the notebook's or the script's globals.
            progress: told each question's label before it runs, and an empty text at the end.
        """
        from autograder.sandbox.local import LocalStudent

        checks = []
        for question in questions:
            if progress is not None:
                progress(question.label)
            tests: tuple[TestResult, ...] = ()
            if question.artifact and not (self.folder / question.artifact).is_file():
                tests = self._without_its_file(question)
            elif question.id in self.suite.question_ids:
                student = LocalStudent(names, wall_s=question.limits.wall_s)
                tests, _ = self.suite.run(question.id, student, seed=PUBLIC_SEED)
            check = QuestionCheck(question, _told_once(tests))
            self._seen[question.id] = check
            checks.append(check)
        if progress is not None:
            progress("")
        return tuple(checks)

    def _without_its_file(self, question: Question) -> tuple[TestResult, ...]:
        """Return the checks of a question whose file to hand in is not written yet."""
        return tuple(
            TestResult(t.name, t.title, t.hidden, Outcome.NOT_ATTEMPTED, 0.0, t.points)
            for t in self.suite.tests(question.id)
        )

    def remember(self, earlier: PublicChecks) -> None:
        """Take over what an earlier collection of the same folder has seen."""
        self._seen.update({k: v for k, v in earlier._seen.items() if k in self.suite.question_ids})

    @property
    def seen(self) -> tuple[float, float]:
        """Public points seen so far, and public points of the whole assignment."""
        earned = sum(check.points for check in self._seen.values())
        possible = sum(t.points for q in self.suite.question_ids for t in self.suite.tests(q))
        return round(earned, 6), round(possible, 6)


def _told_once(tests: tuple[TestResult, ...]) -> tuple[TestResult, ...]:
    """Leave a traceback out where an earlier check of the question has shown the same."""
    seen: set[str] = set()
    told = []
    for test in tests:
        repeated = test.student_error in seen
        seen.add(test.student_error)
        told.append(
            replace(test, student_error="The same error as above.")
            if test.student_error and repeated
            else test
        )
    return tuple(told)


def stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Fingerprint the manifest and the public tests, so that new files are noticed in a living notebook."""
    files = [folder / MANIFEST, *sorted((folder / "tests").glob("*.py"))]
    stats = [(path.name, path.stat()) for path in files if path.is_file()]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


def find_folder(start: Path, names: Mapping[str, Any] | None = None) -> Path:
    """Find the assignment's folder: at or above ``start``, beside the running notebook, or one level below.

    Args:
        start: where to look first.
        names: the notebook's globals; VS Code leaves the notebook's path there.

    Raises:
        UsageError: there is none, or one level below there are several.
    """
    starts = [start.resolve()]
    for told in ((names or {}).get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME")):
        if isinstance(told, str) and told.endswith(".ipynb"):
            starts.append(Path(told).resolve().parent)
    for first in starts:
        for folder in (first, *first.parents):
            if (folder / MANIFEST).is_file():
                return folder
    below = sorted(path.parent for path in starts[0].glob(f"*/{MANIFEST}"))
    if len(below) == 1:
        return below[0]
    found = f"several below it ({', '.join(p.name for p in below[:6])})" if below else "none there or above"
    raise UsageError(
        f"no single {MANIFEST} for {starts[0]}: {found}.\n"
        "  Next: open the notebook in its own unzipped folder, or name the folder:"
        ' check("1.1", folder="hw1_mdp"), autograder check --folder hw1_mdp.'
    )
