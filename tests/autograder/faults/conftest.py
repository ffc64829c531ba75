from __future__ import annotations

from pathlib import Path

import pytest

from autograder.course import Course
from autograder.grading.grader import Grader
from tests.autograder.faults import small


@pytest.fixture(scope="session")
def small_course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return small.write_course(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="session")
def grader(small_course: Course) -> Grader:
    return Grader(small_course, small.SLUG)  # its processes make sandboxes; it never does


@pytest.fixture
def hand_ins(small_course: Course, tmp_path: Path) -> Path:
    """Three who did all, one of them in a zip."""
    folder = tmp_path / "class"
    folder.mkdir()
    data = small.notebook(small_course)
    (folder / "ada.ipynb").write_bytes(data)
    (folder / "bob.ipynb").write_bytes(data)
    import zipfile

    with zipfile.ZipFile(folder / "cleo.zip", "w") as archive:
        archive.writestr(f"{small.SLUG}.ipynb", data)
    return folder
