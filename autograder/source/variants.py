"""Submissions that the course makes itself: solved, untouched, with a mistake, with another right answer."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.course import Course, Kind
from autograder.source.document import Source, read_source
from autograder.source.holes import body, cut_holes, uncover, with_body
from autograder.source.markers import find_holes
from autograder.source.notebooks import solved_notebook_of, starter_notebook_of
from autograder.source.percent import SourceCell, scan_cells
from autograder.source.problems import Problem, refuse

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ALTERNATIVE = re.compile(r"alternative (\S+) ([A-Za-z_][A-Za-z0-9_]*)")
_KEYS = ("question", "name", "why", "old", "new")


@dataclass(frozen=True)
class Variant:
    """A submission: the notebook, and the further files that a student would hand in beside it."""

    notebook: bytes
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Mutant:
    """A mistake that students make: text of one hole, replaced."""

    question: str
    name: str
    why: str
    old: str
    new: str
    path: Path
    line: int


@dataclass(frozen=True)
class Alternative:
    """Another right answer: definitions that replace the reference's."""

    question: str
    name: str
    why: str
    source: str
    path: Path
    line: int


def solved(source: Source) -> Variant:
    """Return the complete submission, with the artifacts of ``solutions/<slug>/artifacts``.

    Raises:
        AuthoringError: an artifact is missing there.
    """
    return _variant(source, {})


def starter(source: Source) -> Variant:
    """Return the untouched submission."""
    files = {name: cut_holes(f.text, f.holes).encode() for name, f in source.files.items()}
    return Variant(starter_notebook_of(source), files)


def hole_body(source: Source, question_id: str) -> str:
    """Return the reference's lines of one hole."""
    _, file, hole = source.place(question_id)
    return body(file.text, hole)


def with_hole_body(source: Source, question_id: str, new: str) -> Variant:
    """Return the complete submission with other lines in one hole."""
    return with_hole_bodies(source, {question_id: new})


def with_hole_bodies(source: Source, new: Mapping[str, str]) -> Variant:
    """Return the complete submission with other lines in some holes, by question."""
    changed: dict[str, str] = {}
    for place, question_id in sorted(((source.place(q), q) for q in new), key=lambda p: -p[0][2].begin):
        name, file, hole = place  # from the last hole of a file to the first, so that line numbers hold
        changed[name] = with_body(changed.get(name, file.text), hole, new[question_id])
    return _variant(source, changed)


def with_mutant(source: Source, mutant: Mutant) -> Variant:
    """Return the complete submission with one planted mistake.

    Raises:
        AuthoringError: the mutant's ``old`` is not found exactly once in its hole, or it is no Python then.
    """
    lines, problem = _mutated(source, mutant)
    refuse([problem] if problem else [])
    return with_hole_body(source, mutant.question, lines)


def with_alternative(source: Source, alternative: Alternative) -> Variant:
    """Return the complete submission with another right answer, added as a cell at its end."""
    name = f"alternative-{alternative.question}-{alternative.name}".replace(".", "-")[:64]
    base = solved(source)
    return Variant(solved_notebook_of(source, added=[(name, alternative.source)]), base.files)


def mutants(course: Course, slug: str, source: Source | None = None) -> list[Mutant]:
    """Read ``solutions/<slug>/mutants/*.toml`` and check each against its hole; all problems at once."""
    source = source or read_source(course, slug, complete=False)
    problems: list[Problem] = []
    found: list[Mutant] = []
    for path in sorted((source.solution / "mutants").glob("*.toml")):
        found += _read_mutants(path, problems)
    seen: dict[tuple[str, str], Mutant] = {}
    for mutant in found:
        first = seen.setdefault((mutant.question, mutant.name), mutant)
        if first is not mutant:
            where = f"{first.path.name}:{first.line}"
            problems.append(
                Problem(
                    mutant.path,
                    mutant.line,
                    f"mutant {mutant.name!r} of {mutant.question} exists already at {where}",
                )
            )
        if (problem := _mutated(source, mutant)[1]) is not None:
            problems.append(problem)
    refuse(problems)
    return found


def alternatives(course: Course, slug: str, source: Source | None = None) -> list[Alternative]:
    """Read ``solutions/<slug>/alternatives/*.py``: one code cell, one alternative; all problems at once."""
    source = source or read_source(course, slug, complete=False)
    problems: list[Problem] = []
    found: list[Alternative] = []
    for path in sorted((source.solution / "alternatives").glob("*.py")):
        cells, wrong = scan_cells(path.read_text(encoding="utf-8"), path, titles=True)
        problems += wrong
        for cell in cells:
            if not cell.markdown:
                found += _alternative(source, cell, path, found, problems)
    refuse(problems)
    return found


def solved_notebook(course: Course, slug: str, source: Source | None = None) -> bytes:
    """Return the solved notebook."""
    return solved(source or read_source(course, slug, complete=False)).notebook


def starter_notebook(course: Course, slug: str, source: Source | None = None) -> bytes:
    """Return the student's notebook."""
    return starter(source or read_source(course, slug, complete=False)).notebook


def _variant(source: Source, changed: Mapping[str, str]) -> Variant:
    """Take the markers off the source's files, some of them with changed text."""
    labels = [q.label for q in source.assignment.questions if q.kind is Kind.CODE]
    complete = {}
    for name, file in {source.assignment.notebook: source.notebook, **source.files}.items():
        text = changed.get(name, file.text)
        holes = file.holes if text is file.text else find_holes(text, labels, file.path)
        complete[name] = uncover(text, holes)
    notebook = solved_notebook_of(source, complete.pop(source.assignment.notebook))
    return Variant(notebook, {**{n: t.encode() for n, t in complete.items()}, **_artifacts(source)})


def _artifacts(source: Source) -> dict[str, bytes]:
    """Read the files that the reference hands in, by their name beside the notebook."""
    wanted = {
        q: source.solution / "artifacts" / q.artifact for q in source.assignment.questions if q.artifact
    }
    refuse(
        [
            Problem(
                path, 1, f"no such file; {q.label} asks for it: run its experiment and keep what it writes"
            )
            for q, path in wanted.items()
            if not path.is_file()
        ]
    )
    return {q.artifact: path.read_bytes() for q, path in wanted.items()}


def _mutated(source: Source, mutant: Mutant) -> tuple[str, Problem | None]:
    """Return the hole's lines with the mistake in them, or what is wrong with the mutant."""

    def wrong(message: str) -> tuple[str, Problem]:
        return "", Problem(
            mutant.path, mutant.line, f"mutant {mutant.name!r} of {mutant.question}: {message}"
        )

    try:
        _, file, hole = source.place(mutant.question)
    except KeyError:
        return wrong(f"{mutant.question!r} is no code question of the manifest")
    lines = body(file.text, hole)
    count = lines.count(mutant.old)
    if not mutant.old or count != 1:
        return wrong(f"`old` is found {count} times in the hole, expected once: {mutant.old!r}")
    if mutant.new == mutant.old:
        return wrong("`new` equals `old`")
    new = lines.replace(mutant.old, mutant.new)
    try:
        ast.parse(with_body(file.text, hole, new))
    except SyntaxError as error:
        return wrong(f"the mutated hole is not valid Python: {error.msg}")
    return new, None


def _read_mutants(path: Path, problems: list[Problem]) -> list[Mutant]:
    found = []
    for line, table in read_tables(path, "mutant", _KEYS, problems):
        if _IDENTIFIER.fullmatch(table["name"]):
            found.append(Mutant(**table, path=path, line=line))
        else:
            message = f"a mutant's name is an identifier, got {table['name']!r}"
            problems.append(Problem(path, line, message))
    return found


def read_tables(
    path: Path, name: str, keys: Sequence[str], problems: list[Problem]
) -> list[tuple[int, dict[str, str]]]:
    """Read a TOML file of ``[[name]]`` tables that hold texts under given keys.

    Args:
        path: the file.
        name: what a table is, such as "mutant".
        keys: the keys of a table, all of them needed.
        problems: gets what is wrong.

    Returns:
        The sound tables, each with its line.
    """
    text = path.read_text(encoding="utf-8")
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"line (\d+)", str(error))
        problems.append(Problem(path, int(match.group(1)) if match else 1, f"not valid TOML: {error}"))
        return []
    head = re.compile(rf"\s*\[\[\s*{name}\s*\]\]")
    heads = [i for i, line in enumerate(text.split("\n"), start=1) if head.match(line)]
    tables = raw.get(name, [])
    if set(raw) - {name} or not isinstance(tables, list):
        problems.append(Problem(path, 1, f"a file of {name}s holds [[{name}]] tables and nothing else"))
        return []
    found = []
    for i, table in enumerate(tables):
        line = heads[i] if i < len(heads) else 1
        if (message := _table_problem(table, name, keys)) is not None:
            problems.append(Problem(path, line, message))
        else:
            found.append((line, table))
    return found


def _table_problem(table: dict[str, Any], name: str, keys: Sequence[str]) -> str | None:
    if set(table) != set(keys):
        return f"a {name} has the keys {', '.join(keys)}, got {', '.join(table) or 'none'}"
    if not all(isinstance(v, str) for v in table.values()):
        return f"every value of a {name} is text"
    return None


def _alternative(
    source: Source, cell: SourceCell, path: Path, found: list[Alternative], problems: list[Problem]
) -> list[Alternative]:
    def problem(message: str) -> list[Alternative]:
        problems.append(Problem(path, cell.line, message))
        return []

    match = _ALTERNATIVE.fullmatch(cell.title)
    if match is None:
        return problem(f"a cell's header is `# %% alternative <id> <name>`, got {cell.title or 'no title'!r}")
    question, name = match.groups()
    try:
        _, _, hole = source.place(question)
    except KeyError:
        return problem(f"{question!r} is no code question of the manifest")
    if any((a.question, a.name) == (question, name) for a in found):
        return problem(f"alternative {name!r} of {question} exists already")
    tree = ast.parse(cell.source)
    defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    if hole.function not in defined:
        return problem(f"it does not define `{hole.function}`, the function of {question}")
    why = []
    for line in cell.source.split("\n"):
        if not line.startswith("#"):
            break
        why.append(line.lstrip("# "))
    if not why:
        return problem("begin the cell with a comment that says what is different")
    return [Alternative(question, name, " ".join(why), cell.source, path, cell.line)]


__all__ = [
    "Alternative",
    "Mutant",
    "Variant",
    "alternatives",
    "hole_body",
    "mutants",
    "read_tables",
    "solved",
    "solved_notebook",
    "starter",
    "starter_notebook",
    "with_alternative",
    "with_hole_bodies",
    "with_hole_body",
    "with_mutant",
]
