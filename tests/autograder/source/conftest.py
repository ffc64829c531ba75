from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autograder.course import Course

collect_ignore = ["course", "golden"]
SLUG = "hw9_tiny"
HERE = Path(__file__).parent


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """A copy of the tiny course, free to be broken."""
    shutil.copytree(HERE / "course", tmp_path / "course")
    return Course(tmp_path / "course")


@pytest.fixture
def source_path(course: Course) -> Path:
    return course.solution(SLUG) / f"{SLUG}.py"
