"""A tiny course that grades in moments, for tests of grading and audit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Course

MANIFEST = """
slug = "tiny"
title = "Tiny: three functions"
version = "1.0.0"
preload = ["numpy"]

[limits]
cpu_s = 1.0
wall_s = 30.0
memory_mb = 512

[load_limits]
cpu_s = 1.0
wall_s = 30.0

[[questions]]
id = "1.1"
name = "double"
title = "Double"
points = 2

[[questions]]
id = "1.2"
name = "quadruple"
title = "Quadruple"
points = 2
stand_ins = ["double"]

[[questions]]
id = "2.1"
name = "estimate"
title = "Estimate a mean"
points = 3

[[questions]]
id = "9.1"
name = "why"
title = "Why doubling"
points = 4
kind = "written"
"""

SOURCE = '''
# %% [markdown]
# # Tiny
# %% tags=["setup"]
import numpy as np
from autograder import check
# %%
def double(x):
    """Return twice x."""
    ### BEGIN SOLUTION 1.1 double
    # HINT: Add x to itself.
    return x + x
    ### END SOLUTION 1.1 double
# %%
def quadruple(x):
    """Return four times x."""
    ### BEGIN SOLUTION 1.2 quadruple
    # HINT: Double twice.
    return double(double(x))
    ### END SOLUTION 1.2 quadruple
# %%
def estimate(samples):
    """Return the mean of (N,) samples."""
    ### BEGIN SOLUTION 2.1 estimate
    # HINT: One line.
    total = np.sum(samples)
    return total / len(samples)
    ### END SOLUTION 2.1 estimate
# %% [markdown] written="9.1"
# Because it is simple.
'''

PUBLIC = '''
from autograder.testing import expect_equal, question

@question("1.1 double", points=1)
def test_doubles_three(student):
    """Three doubled is six."""
    expect_equal(student.double(3), 6)

@question("1.2 quadruple", points=1)
def test_quadruples_three(student):
    """Three times four is twelve."""
    expect_equal(student.quadruple(3), 12)

@question("2.1 estimate", points=1)
def test_mean_of_two(student):
    """The mean of 1 and 3 is 2."""
    expect_equal(student.estimate([1.0, 3.0]), 2.0)
'''

HIDDEN = '''
from autograder.testing import expect_equal, question

@question("1.1 double", points=1)
def test_doubles_anything(student, reference, rng):
    """Any number is doubled."""
    x = int(rng.integers(10, 1000))
    expect_equal(student.double(x), reference.double(x))

@question("1.2 quadruple", points=1)
def test_quadruples_anything(student, rng):
    """Any number is quadrupled."""
    x = int(rng.integers(10, 1000))
    expect_equal(student.quadruple(x), 4 * x)

'''

HIDDEN_ESTIMATE = '''
from autograder.testing import linear, question

@question("2.1 estimate", points=2)
def test_error_is_small(student, rng, credit):
    """The estimate is close to the mean."""
    samples = rng.normal(5.0, 1.0, 50)
    error = abs(float(student.estimate(samples)) - samples.mean())
    credit(1.0 - linear(error, 1e-6, 1.0), measured=f"error {error:.3f}")
'''

MUTANTS = '''
[[mutant]]
question = "1.1"
name = "squares"
why = "Multiplies x with itself."
old = "x + x"
new = "x * x"

[[mutant]]
question = "1.2"
name = "triples"
why = "Adds x once."
old = "double(double(x))"
new = "double(x) + x"

[[mutant]]
question = "2.1"
name = "unbiased"
why = "Divides by N - 1."
old = "len(samples)"
new = "(len(samples) - 1)"
'''

ALTERNATIVES = '''
# %% alternative 1.1 twice
# Multiplies by two.
def double(x):
    return 2 * x
# %% alternative 2.1 numpy_mean
# Lets numpy do it.
def estimate(samples):
    return float(np.mean(samples))
'''


def write_course(root: Path) -> Course:
    """Write the tiny course below a folder, its starter code included."""
    from autograder.source.starter import write_starter

    files = {
        "assignments/tiny/assignment.toml": MANIFEST,
        "assignments/tiny/tests/test_tiny.py": PUBLIC,
        "solutions/tiny/tiny.py": SOURCE,
        "solutions/tiny/tests/test_tiny_hidden.py": HIDDEN,
        "solutions/tiny/tests/test_estimate_hidden.py": HIDDEN_ESTIMATE,
        "solutions/tiny/grading.toml": "seed = 271828\n",
        "solutions/tiny/mutants/tiny.toml": MUTANTS,
        "solutions/tiny/alternatives/tiny.py": ALTERNATIVES,
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"))
    course = Course(root)
    write_starter(course, "tiny")
    return course


@pytest.fixture(scope="session")
def tiny_course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The tiny course; tests must not change it."""
    return write_course(tmp_path_factory.mktemp("course"))


@pytest.fixture
def own_tiny_course(tmp_path: Path) -> Course:
    """A copy of the tiny course that a test may change."""
    return write_course(tmp_path / "course")


class Notebook:
    """A student's notebook in the making."""

    def __init__(self, data: bytes) -> None:
        self.data = json.loads(data)

    def cell(self, cell_id: str) -> dict[str, Any]:
        return next(cell for cell in self.data["cells"] if cell["id"] == cell_id)

    def replace(self, cell_id: str, source: str) -> Notebook:
        self.cell(cell_id)["source"] = source
        return self

    def drop(self, cell_id: str) -> Notebook:
        self.data["cells"].remove(self.cell(cell_id))
        return self

    def add(self, source: str, cell_id: str = "mine", at: int | None = None) -> Notebook:
        cell = {"cell_type": "code", "id": cell_id, "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        cells = self.data["cells"]
        cells.insert(len(cells) if at is None else at, cell)
        return self

    def bytes(self) -> bytes:
        return json.dumps(self.data).encode()


@pytest.fixture(scope="session")
def tiny_solved(tiny_course: Course) -> Callable[[], Notebook]:
    """Makes notebooks in which everything is right."""
    from autograder.source.document import read_source
    from autograder.source.variants import solved

    data = solved(read_source(tiny_course, "tiny")).notebook
    return lambda: Notebook(data)


@pytest.fixture(scope="session")
def tiny_starter(tiny_course: Course) -> Callable[[], Notebook]:
    """Makes notebooks as they are given out."""
    data = (tiny_course.starter("tiny") / "tiny.ipynb").read_bytes()
    return lambda: Notebook(data)
