"""Holds an assignment's scoring tests against its manifest."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder.course import MANIFEST, Assignment, Kind, manifest_line
from autograder.errors import AuthoringError
from autograder.testing.collection import Problem, definition_lines, unknown_fixtures
from autograder.testing.plugin import FIXTURES

_CLOSE = 1e-9


@dataclass(frozen=True)
class ScoringTest:
    """One test, or one case of a parametrized test."""

    name: str
    title: str
    question: str  # the question's id
    hidden: bool
    points: float
    path: Path
    line: int


@dataclass(frozen=True)
class _Place:
    """Where an item stands, and which case of its function it is."""

    path: Path
    line: int
    hidden: bool
    number: int
    total: int


def read_items(
    items: Iterable[pytest.Function], assignment: Assignment, hidden: bool, problems: list[Problem]
) -> list[tuple[pytest.Function, ScoringTest]]:
    """Turn items into scoring tests; what is wrong with them goes to ``problems``."""
    items = list(items)
    cases = Counter(id(item.function) for item in items)
    seen: Counter[int] = Counter()
    lines: dict[Path, dict[int, int]] = {}
    read = []
    for item in items:
        seen[id(item.function)] += 1
        code = inspect.unwrap(item.function).__code__
        path = Path(code.co_filename)
        if path not in lines:
            lines[path] = definition_lines(path)
        line = lines[path].get(code.co_firstlineno, code.co_firstlineno)
        place = _Place(path, line, hidden, seen[id(item.function)], cases[id(item.function)])
        test, wrong = _read_item(item, assignment, place)
        if place.number == 1:
            problems += [Problem(path, line, f"{item.originalname}: {words}") for words in wrong]
        if test is not None:
            read.append((item, test))
    return read


def _read_item(
    item: pytest.Function, assignment: Assignment, place: _Place
) -> tuple[ScoringTest | None, list[str]]:
    wrong = []
    title = " ".join((inspect.getdoc(item.function) or "").split("\n\n", 1)[0].split())
    if not title:
        wrong.append("no docstring; its first sentence is the title that a student reads")
    marks = list(item.iter_markers("question"))
    if len(marks) != 1:
        words = "no question; add @question(label, points=...)" if not marks else "more than one @question"
        return None, [*wrong, words]
    label, points = marks[0].args[0], marks[0].kwargs["points"]
    question = next((q for q in assignment.questions if q.label == label), None)
    if question is None:
        known = ", ".join(repr(q.label) for q in assignment.questions if q.kind is not Kind.WRITTEN)
        return None, [*wrong, f"the manifest has no question {label!r}; known: {known}"]
    if question.kind is Kind.WRITTEN:
        return None, [*wrong, f"{label} is a written question; a person reads it, no test scores it"]
    wrong += _wrong_use(item, question.kind, place.hidden)
    if place.total > 1:
        title = f"{title} ({place.number} of {place.total})"
    test = ScoringTest(
        item.name, title, question.id, place.hidden, points / place.total, place.path, place.line
    )
    return test, wrong


def _wrong_use(item: pytest.Function, kind: Kind, hidden: bool) -> list[str]:
    wrong = []
    if not hidden and "reference" in item.fixturenames:
        wrong.append("a public test cannot use `reference`: students do not have it; write the numbers out")
    unknown = unknown_fixtures(item)
    if unknown:
        wrong.append(f"unknown fixture {', '.join(unknown)}; there are {', '.join(FIXTURES)}")
    if kind is Kind.CODE and "student" not in item.fixturenames:
        wrong.append("never asks for `student`, so it cannot fail for anybody's code")
    marks = [mark.name for mark in item.iter_markers() if mark.name in ("skip", "skipif", "xfail")]
    return wrong + [f"a test that scores cannot be marked {name}" for name in marks]


def check_names(tests: Iterable[ScoringTest]) -> list[Problem]:
    """Find two tests of one question with one name: they would share a seed and a line in reports."""
    first: dict[tuple[str, str], ScoringTest] = {}
    problems = []
    for test in tests:
        earlier = first.setdefault((test.question, test.name), test)
        if earlier is not test:
            place = f"{earlier.path.parent.name}/{earlier.path.name}:{earlier.line}"
            words = f"{test.name}: {test.question} has a test of this name already ({place}); rename one"
            problems.append(Problem(test.path, test.line, words))
    return problems


def check_points(assignment: Assignment, tests: Iterable[ScoringTest], *, complete: bool) -> list[Problem]:
    """Hold the points of every question's tests against the manifest.

    Args:
        assignment: the manifest.
        tests: all tests collected.
        complete: hidden tests are among them; without them no more can be asked than not to exceed.
    """
    manifest = assignment.path / MANIFEST
    by_question: dict[str, list[ScoringTest]] = {}
    for test in tests:
        by_question.setdefault(test.question, []).append(test)
    problems = []
    for question in assignment.questions:
        if question.kind is Kind.WRITTEN:
            continue
        mine = by_question.get(question.id, [])
        place = (
            (mine[0].path, mine[0].line)
            if mine
            else (manifest, manifest_line(assignment.path, f'id="{question.id}"'))
        )
        for words in _wrong_points(question.points, mine, complete):
            problems.append(Problem(*place, f"{question.label}{words}"))
    return problems


def _wrong_points(points: float, tests: list[ScoringTest], complete: bool) -> list[str]:
    public = round(sum(t.points for t in tests if not t.hidden), 9)
    hidden = round(sum(t.points for t in tests if t.hidden), 9)
    total = public + hidden
    wrong = []
    if complete:
        have = {"public": public, "hidden": hidden}
        wrong = [f" has no {words} test; write at least one" for words, sum_ in have.items() if not sum_]
    if (complete and tests and abs(total - points) > _CLOSE) or total > points + _CLOSE:
        sums = f"public {public:g} + hidden {hidden:g} = {total:g}"
        wrong.append(f": points of its tests are {sums}, the manifest says {points:g}")
    return wrong


def as_error(problems: list[Problem]) -> AuthoringError:
    """Put all problems into one error, a line each."""
    first, *rest = problems
    message = first.message + "".join(f"\n{p.path}:{p.line}: {p.message}" for p in rest)
    return AuthoringError(message, first.path, first.line)
