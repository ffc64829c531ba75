"""Builds small assignments with tests that score."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder.course import Assignment, Kind, Question
from autograder.testing.suite import Suite

HEADER = """\
import numpy as np
import pytest
from autograder.testing import expect, expect_close, expect_equal, expect_shape, linear, question, trusted
"""
DEFAULT = (Question("1.1", "double", "Double a number", 2.0), Question("1.2", "halve", "Halve a number", 1.0))


@dataclass
class Author:
    """Writes an assignment's tests into a folder and collects them."""

    root: Path
    questions: tuple[Question, ...] = DEFAULT[:1]

    @property
    def assignment(self) -> Assignment:
        return Assignment("hw_demo", "Demo", "1.0.0", self.root / "assignment", self.questions)

    @property
    def public_folder(self) -> Path:
        return self.root / "assignment" / "tests"

    @property
    def hidden_folder(self) -> Path:
        return self.root / "solution" / "tests"

    def public(self, text: str, name: str = "test_a.py") -> Path:
        return self._write(self.public_folder, text, name)

    def hidden(self, text: str, name: str = "test_a.py") -> Path:
        return self._write(self.hidden_folder, text, name)

    def _write(self, folder: Path, text: str, name: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        path.write_text(HEADER + textwrap.dedent(text))
        return path

    def collect(self, hidden: bool = True) -> Suite:
        return Suite.collect(self.assignment, self.public_folder, self.hidden_folder if hidden else None)

    def one(self, body: str, arguments: str = "student", hidden: bool = False, points: float = 2) -> Suite:
        """Collect one test of question 1.1, public unless told otherwise, whose body is given."""
        lines = textwrap.indent(textwrap.dedent(body).strip(), "    ")
        text = f'\n@question("1.1 double", points={points})\ndef test_it({arguments}):\n    """Doubles."""\n{lines}\n'
        if not hidden:
            self.public(text)
            return self.collect(hidden=False)
        self.public(
            '\n@question("1.1 double", points=1)\ndef test_open(student):\n    """Opens."""\n    student.double\n'
        )
        self.hidden(text.replace(f"points={points}", "points=1"))
        return self.collect()


@pytest.fixture
def author(tmp_path: Path) -> Author:
    made = Author(tmp_path)
    made.public_folder.mkdir(parents=True)
    made.hidden_folder.mkdir(parents=True)
    return made


@pytest.fixture
def question_11() -> Question:
    return Question("1.1", "double", "Double a number", 2.0, Kind.CODE)
