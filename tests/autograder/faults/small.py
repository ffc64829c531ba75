"""A course that grades in moments and a class of any size for it, with expected points."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.course import Course

SLUG = "small"
MANIFEST = """
slug = "small"
title = "Small: two functions"
version = "1.0.0"
preload = ["numpy"]

[limits]
cpu_s = 2.0
wall_s = 30.0
memory_mb = 256

[[questions]]
id = "1.1"
name = "double"
title = "Double"
points = 2

[[questions]]
id = "1.2"
name = "mean"
title = "Mean"
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
# # Small
# %% tags=["setup"]
import numpy as np
# %%
def double(x):
    """Return twice x."""
    ### BEGIN SOLUTION 1.1 double
    return x + x
    ### END SOLUTION 1.1 double
# %%
def mean(samples):
    """Return the mean of (N,) samples."""
    ### BEGIN SOLUTION 1.2 mean
    return float(np.mean(samples))
    ### END SOLUTION 1.2 mean
# %% [markdown] written="9.1"
# Because it is simple.
'''
PUBLIC = '''
from autograder.testing import expect_equal, question

@question("1.1 double", points=1)
def test_doubles_three(student):
    """Three doubled is six."""
    expect_equal(student.double(3), 6)

@question("1.2 mean", points=1)
def test_mean_of_two(student):
    """The mean of 1 and 3 is 2."""
    expect_equal(student.mean([1.0, 3.0]), 2.0)
'''
HIDDEN = '''
from autograder.testing import expect_equal, linear, question

@question("1.1 double", points=1)
def test_doubles(student, rng):
    """Any number is doubled."""
    x = int(rng.integers(10, 1000))
    expect_equal(student.double(x), 2 * x)

@question("1.2 mean", points=2)
def test_error_is_small(student, rng, credit):
    """The mean is close."""
    samples = rng.normal(5.0, 1.0, 50)
    error = abs(float(student.mean(samples)) - samples.mean())
    credit(linear(error, 1.0, 1e-6), measured=f"error {error:.3f}")
'''
RIGHT = "def double(x):\n    return 2 * x"
ANSWERS: dict[str, str] = {  # what is written for 1.1; 1.2 stays as the reference has it
    "right": RIGHT,
    "wrong": "def double(x):\n    return x * x",
    "raises": "def double(x):\n    raise ValueError(x)",
    "prints": "def double(x):\n    print('x' * 5000)\n    return x + x",
    "leaves": "import os\ndef double(x):\n    os._exit(3)",
    "hungry": "def double(x):\n    return [0] * 10**9",
    "broken": "def double(x:\n    return 2 * x",
    "left": "",
}


def write_course(root: Path) -> Course:
    """Write the course below a folder, its starter code included."""
    from autograder.source.starter import write_starter

    files = {
        f"assignments/{SLUG}/assignment.toml": MANIFEST,
        f"assignments/{SLUG}/tests/test_small.py": PUBLIC,
        f"solutions/{SLUG}/{SLUG}.py": SOURCE,
        f"solutions/{SLUG}/tests/test_small_hidden.py": HIDDEN,
        f"solutions/{SLUG}/grading.toml": "seed = 271828\n",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"))
    course = Course(root)
    write_starter(course, SLUG)
    return course


def notebook(course: Course, double: str = RIGHT) -> bytes:
    """Return a solved notebook with other code for 1.1; none leaves it as given out."""
    from autograder.source.document import read_source
    from autograder.source.variants import solved

    book: dict[str, Any] = json.loads(solved(read_source(course, SLUG)).notebook)
    if not double:
        given = json.loads((course.starter(SLUG) / f"{SLUG}.ipynb").read_bytes())
        double = next("".join(c["source"]) for c in given["cells"] if c["id"] == "hole-1-1")
    next(c for c in book["cells"] if c["id"] == "hole-1-1")["source"] = double
    return json.dumps(book).encode()


def write_class(course: Course, folder: Path, size: int) -> None:
    """Write a class: every kind of answer in turn, every fifth as a zip, one that is no notebook."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = list(ANSWERS)
    books = {kind: notebook(course, ANSWERS[kind]) for kind in kinds}
    for number in range(size):
        kind = kinds[number % len(kinds)]
        name, data = f"{kind}_{number:03d}", books[kind]
        if number == size - 1:
            (folder / f"damaged_{number:03d}.ipynb").write_bytes(data[: len(data) // 2])
        elif number % 5 == 4:
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w") as archive:
                archive.writestr(f"{SLUG}.ipynb", data)
            (folder / f"{name}.zip").write_bytes(packed.getvalue())
        else:
            (folder / f"{name}.ipynb").write_bytes(data)


Make = Callable[[], Any]
