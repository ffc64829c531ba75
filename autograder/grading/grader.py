"""What one process needs to grade an assignment, and the names of what its results are computed from."""

from __future__ import annotations

import copy
import importlib.util
import tomllib
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Self

from autograder.course import MANIFEST, Assignment, Course, Kind, manifest_line
from autograder.errors import AuthoringError, SandboxError
from autograder.grading import digests
from autograder.intake import Submission, SubmissionSource, read_submission
from autograder.intake.template import Template, read_template
from autograder.results import Finding
from autograder.sandbox import Defence, Sandbox, Tier, tiers
from autograder.testing.suite import Suite

SECRETS = "grading.toml"
MAX_REFUSALS = 2  # a sandbox that did not start twice in a row is not tried again: each try takes seconds


def read_seed(solution: Path) -> int:
    """Read the grading seed from ``solutions/<slug>/grading.toml``.

    Raises:
        AuthoringError: the file is missing, or has no whole number under ``seed``.
    """
    path = solution / SECRETS
    advice = "add a line such as `seed = <nine digits of your own>`, and keep it secret"
    try:
        seed = tomllib.loads(path.read_text(encoding="utf-8")).get("seed")
    except FileNotFoundError:
        raise AuthoringError(f"no grading seed: no such file; {advice}", path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AuthoringError(f"not valid TOML: {error}", path) from None
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise AuthoringError(
            f"no grading seed (seed is {seed!r}, expected a whole number from 0); {advice}", path
        )
    return seed


def check_preload(assignment: Assignment) -> None:
    """Raise an AuthoringError where the manifest preloads what is not installed here."""
    for name in assignment.preload:
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            raise AuthoringError(
                f"preload: no module {name!r} on this machine; correct the name, or install it",
                assignment.path / MANIFEST,
                manifest_line(assignment.path, "preload="),
            )


@dataclass
class _Warm:
    """What is dear to start, shared by the graders of one process."""

    sandbox: Sandbox | None = None
    reference: ModuleType | None = None
    refusals: list[SandboxError] = field(default_factory=list)


class Grader:
    """Everything one process needs to grade one assignment; tests are collected once, here.

    Args:
        course: the course's folders.
        slug: the assignment.
        tier: the sandbox tier to insist on; by default the best that this machine has.
        seed: the grading seed; by default the one in solutions/.
        without: defences to leave out, for a trial of the sandbox itself; never for a grade.

    Raises:
        AuthoringError: the manifest, the tests or the seed are wrong.
    """

    def __init__(
        self,
        course: Course,
        slug: str,
        *,
        tier: Tier | None = None,
        seed: int | None = None,
        without: Collection[Defence] = (),
    ) -> None:
        self.course = course
        self.assignment = course.assignment(slug)
        self.solution = course.solution(slug)
        check_preload(self.assignment)
        self.seed = read_seed(self.solution) if seed is None else seed
        self.suite = Suite.collect(self.assignment, self.assignment.tests, self.solution / "tests")
        self.template_path = course.starter(slug) / self.assignment.notebook
        if not self.template_path.is_file():
            raise AuthoringError(f"no starter notebook; run `autograder starter {slug}`", self.template_path)
        self.asked_tier = tier
        self.without = frozenset(without)
        self.secrets: tuple[Path, ...] = (self.solution.parent,)  # what student code must not read
        self.owner = 0  # the process that has registered to close it
        self._warm = _Warm()

    @cached_property
    def template(self) -> Template:
        """The starter notebook, cell by cell."""
        return read_template(self.template_path.read_bytes())

    @cached_property
    def starter_files(self) -> dict[str, bytes]:
        """The further files with holes as they were given out."""
        folder = self.template_path.parent
        return {name: (folder / name).read_bytes() for name in self.assignment.files}

    def read(self, source: SubmissionSource) -> Submission:
        """Read a submission; what is wrong with it stands in it."""
        template = self.template_path.read_bytes()
        return read_submission(source, self.assignment, template, starter=self.starter_files)

    @property
    def reference(self) -> ModuleType:
        """The solutions module, loaded when the first hidden test needs it."""
        from autograder.source.reference import load_reference

        if self._warm.reference is None:
            self._warm.reference = load_reference(self.course, self.assignment.slug)
        return self._warm.reference

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox of this process, started when first used.

        Raises:
            SandboxError: it cannot be started; said at once when it could not twice in a row.
        """
        if self._warm.sandbox is None:
            if len(self._warm.refusals) >= MAX_REFUSALS:
                raise self._warm.refusals[-1]
            try:
                self._warm.sandbox = Sandbox(
                    preload=self.assignment.preload, tier=self.asked_tier, secrets=self.secrets,
                    without=self.without,
                )  # fmt: skip
            except SandboxError as error:
                self._warm.refusals.append(error)
                raise
            self._warm.refusals.clear()
        return self._warm.sandbox

    def certify(self) -> tiers.TierReport:
        """Find the tier that an official run is graded in, and hold every process to it.

        Raises:
            SandboxError: a defence is left out, or there is no tier, or not the one asked for, that keeps
                adversaries out; it says how to get one.
        """
        if self.without:
            names = ", ".join(sorted(self.without))
            raise SandboxError(f"a trial without {names} is nobody's grade.\n  Next: leave nothing out.")
        if self.asked_tier is tiers.Tier.C:
            raise SandboxError(f"tier C {tiers.CLAIMS[tiers.Tier.C]}.\n  Next: {tiers.STRONGER}.")
        with Sandbox((), tier=self.asked_tier, secrets=self.secrets) as sandbox:
            report = sandbox.report
        self.asked_tier = report.tier
        return report

    @property
    def remarks(self) -> tuple[Finding, ...]:
        """What every result of this grader must say about how it was made."""
        if not self.without:
            return ()
        names = ", ".join(sorted(self.without))
        return (Finding(f"This was a trial of the sandbox without {names}, and is nobody's grade."),)

    def with_seed(self, seed: int) -> Grader:
        """Return a grader under another grading seed, with the same tests, reference and sandbox."""
        other = copy.copy(self)
        other.seed = seed
        vars(other).pop("seed_digest", None)
        return other

    def restart_sandbox(self) -> None:
        """Put the sandbox away; the next worker comes from a new one."""
        if self._warm.sandbox is not None:
            self._warm.sandbox.close()
            self._warm.sandbox = None

    def close(self) -> None:
        """Stop every process that this grader started."""
        self.restart_sandbox()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # What results are computed from

    def settle(self) -> None:
        """Name it all now, as it was loaded: files that change during a run have no part in its results."""
        _ = digests.of_grader(), self.environments_digest, self.seed_digest, self.tests_digest

    @cached_property
    def environments_digest(self) -> str:
        """Names Python, the preloaded packages and the course's environments."""
        return digests.of_environment(self.assignment.preload, self.course.root)

    @cached_property
    def seed_digest(self) -> str:
        """Names the grading seed without telling it."""
        return digests.of_seed(self.seed)

    @cached_property
    def tests_digest(self) -> str:
        """Names the manifest, all tests, the reference, the thresholds, the data and the starter notebook."""
        folders = (self.assignment.tests, self.solution / "tests")
        tests = {str(i): digests.of_folder(folder) for i, folder in enumerate(folders)}
        return digests.of_parts({**tests, "manifest": repr(self.assignment.questions), "rest": self._basis})

    @cached_property
    def _basis(self) -> str:
        """Names what all questions share: the reference, data, what tests import, the limits of loading."""
        aside = {"tests", "mutants", "alternatives", "survivors.toml", "examples", "rubric.toml", SECRETS}
        parts = {
            "solution": digests.of_folder(self.solution, lambda path: path.parts[0] not in aside),
            "template": digests.of_bytes(self.template_path.read_bytes()),
            "load": repr((self.assignment.load_limits, self.assignment.preload)),
        }
        for name in self.assignment.data:
            path = self.assignment.path / name
            if path.suffix != ".md":
                parts[f"data {name}"] = (
                    digests.of_folder(path) if path.is_dir() else digests.of_bytes(path.read_bytes())
                )
        for i, folder in enumerate((self.assignment.tests, self.solution / "tests")):
            parts[f"helpers {i}"] = digests.of_folder(folder, lambda path: not path.name.startswith("test_"))
        return digests.of_parts(parts)

    def keys(self, submission: Submission) -> dict[str, str]:
        """Name, for each question, everything that its result is computed from.

        A written answer's key is the answer itself: a TA's mark holds as long as the text does.
        """
        code = _code_digest(submission)
        # A and A' claim the same, so that results made in one hold in the other.
        claim = "accidents" if self.asked_tier is Tier.C else "adversaries"
        claim += "".join(f", without {defence}" for defence in sorted(self.without))
        common = {
            "error": submission.error,
            "environments": self.environments_digest,
            "seed": self.seed_digest,
        }
        common |= {"grader": digests.of_grader(), "claim": claim, "basis": self._basis, "code": code}
        return {
            q.id: digests.of_parts(
                {"answer": submission.answers.get(q.id, ""), "question": repr(q), "error": submission.error}
                if q.kind is Kind.WRITTEN
                else {**common, "question": repr(q), "tests": self._test_files(q.id)}
            )
            for q in self.assignment.questions
        }

    def _test_files(self, question_id: str) -> str:
        tests = self.suite.tests(question_id)
        files = {f"{'hidden' if test.hidden else 'public'} {test.path.name}": test.path for test in tests}
        return digests.of_parts({name: digests.of_bytes(path.read_bytes()) for name, path in files.items()})


def _code_digest(submission: Submission) -> str:
    cells = {f"cell {i}": repr(cell) for i, cell in enumerate(submission.code.cells)}
    files = {f"file {name}": digests.of_bytes(data) for name, data in submission.code.files.items()}
    return digests.of_parts({**cells, **files})
