"""Holes are cut exactly, or the source is refused with path and line; a solution's line never comes through."""

from __future__ import annotations

import json
import random
import re
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from autograder.course import Course
from autograder.errors import AuthoringError
from autograder.source.document import read_source
from autograder.source.variants import starter
from tests.autograder.fuzz.effort import tries
from tests.autograder.fuzz.sources import GIVEN, MARKER, SECRET, Author, near_miss

SLUG = "hw9_fuzz"
PLACE = re.compile(rf"[^\n]*{SLUG}\.py:(\d+): ")
RANDOMS = st.randoms(use_true_random=False)


def written(folder: Path, text: str, labels: list[str]) -> Course:
    """Write a course with one source."""
    manifest = f'slug = "{SLUG}"\ntitle = "Fuzz"\nversion = "1.0.0"\n'
    for label in labels:
        number, name = label.split()
        manifest += f'[[questions]]\nid = "{number}"\nname = "{name}"\ntitle = "Title"\npoints = 1\n'
    for name, content in ((f"assignments/{SLUG}/assignment.toml", manifest), (f"solutions/{SLUG}/{SLUG}.py", text)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8", "surrogatepass"))
    return Course(folder)


def shown(text: str, labels: list[str]) -> str:
    """Return all texts of the student's notebook."""
    with tempfile.TemporaryDirectory() as folder:
        made = starter(read_source(written(Path(folder), text, labels), SLUG))
    cells: list[dict[str, Any]] = json.loads(made.notebook)["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells)


def expected(text: str) -> list[str]:
    """Return the words that a student must read: those given, outside the solutions' lines."""
    return GIVEN.findall(text)


@given(RANDOMS)
@tries(10)
def test_a_good_source_is_cut_exactly(chance: random.Random) -> None:
    author = Author(chance)
    text = author.write()
    student = shown(text, author.labels)
    assert not SECRET.findall(student)
    assert GIVEN.findall(student) == expected(text)
    assert [label for label in author.labels if f'raise NotImplementedError("{label} is' in student] == author.labels
    markers = [line for line in student.split("\n") if MARKER.fullmatch(line)]
    assert all("9.9" in line or "1.1 a" in line for line in markers), "those that stand in strings"


@given(RANDOMS)
@tries(40)
def test_a_near_miss_is_refused_with_its_line_or_cut_without_a_leak(chance: random.Random) -> None:
    author = Author(chance)
    text = near_miss(author.write(), chance)
    try:
        student = shown(text, author.labels)
    except AuthoringError as error:
        lines = str(error).split("\n")
        places = [PLACE.match(line) for line in lines]
        assert places[0] is not None
        assert all(1 <= int(place[1]) <= len(text.splitlines()) + 1 for place in places if place)
        assert not SECRET.findall(str(error))
        return
    assert not SECRET.findall(student)
    for label in author.labels:
        assert f'raise NotImplementedError("{label} is yours to write")' in student
