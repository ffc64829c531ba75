from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Course, Kind
from autograder.release.archives import zip_bytes
from autograder.release.packages import Packing
from autograder.release.wheel import Wheel
from autograder.results import Outcome, Person, QuestionResult, SubmissionResult
from autograder.source.document import read_source
from autograder.source.starter import files_under, write_starter

collect_ignore = ["course"]
SLUG = "hw8_secret"
HERE = Path(__file__).parent


def tiny_wheel(package: Path) -> Wheel:
    """A wheel of one package, as the real one is made of two."""
    files = {p.relative_to(package.parent).as_posix(): p.read_bytes() for p in files_under(package)}
    files["tiny-1.0.dist-info/METADATA"] = b"Metadata-Version: 2.4\nName: tiny\n"
    return Wheel("tiny-1.0-py3-none-any.whl", zip_bytes(files), (package,))


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """A copy of a course full of secrets, its starter code generated."""
    shutil.copytree(HERE / "course", tmp_path / "course", ignore=shutil.ignore_patterns("__pycache__"))
    course = Course(tmp_path / "course")
    write_starter(course, SLUG)
    return course


@pytest.fixture
def packing(course: Course) -> Packing:
    return repack(course)


def repack(course: Course) -> Packing:
    """Read the course again, after a change."""
    return Packing(course, read_source(course, SLUG), tiny_wheel(course.root / "packages" / "worlds"))


Grade = Callable[..., SubmissionResult]


def fake_grader(
    changes: dict[tuple[str, str], tuple[float, Outcome]] | None = None, error: str = ""
) -> Grade:
    """A grader that gives the solved notebook everything and the starter nothing, but for the changes.

    ``changes`` maps (notebook, question) to points and outcome, with "solved" or "starter" for the notebook.
    """

    def grade(course: Course, slug: str, notebook: bytes, *, files: Any = None) -> SubmissionResult:
        untouched = any(
            "is yours to write" in "".join(c["source"])
            for c in json.loads(notebook)["cells"]
            if c["metadata"]["robolearn"]["kind"] == "hole"
        )
        results = []
        for q in course.assignment(slug).questions:
            points, outcome = (0.0, Outcome.NOT_ATTEMPTED) if untouched else (q.points, Outcome.PASSED)
            if q.kind is Kind.WRITTEN and not untouched:
                points, outcome = 0.0, Outcome.AWAITING_TA
            points, outcome = (changes or {}).get(
                ("starter" if untouched else "solved", q.id), (points, outcome)
            )
            results.append(QuestionResult(q.id, q.name, q.title, q.kind.value, outcome, points, q.points))
        return SubmissionResult(Person("x"), slug, "1.0.0", "", "", "", "", "A", tuple(results), error=error)

    return grade
