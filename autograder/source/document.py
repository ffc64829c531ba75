"""An assignment's whole source: the notebook's percent file and further files, held against the manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.course import Assignment, Course, Kind
from autograder.source.markers import Hole, scan_holes
from autograder.source.percent import SourceCell, scan_cells
from autograder.source.problems import Problem, Problems, refuse

_CHECK = re.compile(r"check\(\s*[\"']([\d.]+)[\"']\s*\)")


@dataclass(frozen=True)
class SourceFile:
    """One Python file of solutions/ with its holes."""

    path: Path
    text: str
    holes: tuple[Hole, ...]


@dataclass(frozen=True)
class Source:
    """Everything that an author wrote for the student, complete and checked."""

    assignment: Assignment
    solution: Path  # the secret folder
    notebook: SourceFile
    cells: tuple[SourceCell, ...]
    files: Mapping[str, SourceFile]  # further files with holes, by their name in the student's folder

    def kind(self, cell: SourceCell) -> str:
        """Say what a cell is: text, written, experiment, hole, check or glue."""
        if cell.markdown:
            return "written" if cell.written else "text"
        if checked_question(cell):
            return "check"
        if "experiment" in cell.tags:
            return "experiment"
        return "hole" if self.holes_in(cell) else "glue"

    def holes_in(self, cell: SourceCell) -> tuple[Hole, ...]:
        """Return the holes of a cell, in order."""
        return tuple(h for h in self.notebook.holes if cell.line < h.begin <= cell.last)

    def place(self, question_id: str) -> tuple[str, SourceFile, Hole]:
        """Return where a code question's hole is: the file's name for the student, the file, the hole."""
        for name, file in {self.assignment.notebook: self.notebook, **self.files}.items():
            for hole in file.holes:
                if hole.id == question_id:
                    return name, file, hole
        raise KeyError(f"no hole for question {question_id!r}")


def checked_question(cell: SourceCell) -> str:
    """Return the id in a cell that is nothing but ``check("3.2")``, or an empty text."""
    match = None if cell.markdown else _CHECK.fullmatch(cell.source.strip())
    return match.group(1) if match else ""


def read_source(course: Course, slug: str, *, complete: bool = True) -> Source:
    """Read ``solutions/<slug>/<slug>.py`` and the further files of the manifest, and check them together.

    Args:
        course: the course.
        slug: the assignment's slug.
        complete: whether every question of the manifest must be there; an assignment that is still being
            written can be run without, never released.

    Raises:
        AuthoringError: a marker, a cell, an id or a file is wrong; all problems at once.
    """
    assignment = course.assignment(slug)
    folder = course.solution(slug)
    labels = [q.label for q in assignment.questions if q.kind is Kind.CODE]
    problems: list[Problem] = []
    notebook = _read_file(folder / f"{slug}.py", labels, problems)
    cells, wrong = scan_cells(notebook.text, notebook.path)
    problems += wrong
    files = {name: _read_file(folder / name, labels, problems) for name in assignment.files}
    source = Source(assignment, folder, notebook, cells, files)
    problems += (
        _check_cells(source)
        if cells
        else [Problem(notebook.path, 1, "no cell; begin with `# %% [markdown]`")]
    )
    if not problems:
        problems += _check_ids(source, complete)
    refuse(problems)
    return source


def _read_file(path: Path, labels: list[str], problems: list[Problem]) -> SourceFile:
    try:
        text = path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        refuse([Problem(path, 1, "no such file; the manifest asks for it")])
        raise
    except UnicodeDecodeError as error:
        refuse([Problem(path, 1, f"not UTF-8 text ({error.reason} at byte {error.start})")])
        raise
    holes, wrong = scan_holes(text, labels, path)
    problems += wrong
    return SourceFile(path, text, holes)


def _check_cells(source: Source) -> list[Problem]:
    """Check the cells: title first, no hole where grading does not run, checks and answers with known ids."""
    problems = Problems(source.notebook.path)
    kinds = {q.id: q.kind for q in source.assignment.questions}
    first = source.cells[0]
    if not first.markdown or not first.source.startswith("# "):
        problems.at(first.line, "the first cell is the title: a markdown cell that begins with `# `")
    for cell in source.cells:
        if "experiment" in cell.tags and (holes := source.holes_in(cell)):
            labels = ", ".join(h.label for h in holes)
            problems.at(cell.line, f"hole {labels} in an experiment cell, which grading does not run")
        checked = checked_question(cell)
        if checked and kinds.get(checked, Kind.WRITTEN) is Kind.WRITTEN:
            problems.at(cell.line, f"check({checked!r}): no code or artifact question of the manifest")
    _check_answers(source, kinds, problems)
    return problems.found


def _check_answers(source: Source, kinds: Mapping[str, Kind], problems: Problems) -> None:
    known = ", ".join(i for i, kind in kinds.items() if kind is Kind.WRITTEN) or "none"
    seen: dict[str, int] = {}
    for cell in source.cells:
        if not cell.written:
            continue
        first = seen.setdefault(cell.written, cell.line)
        if kinds.get(cell.written) is not Kind.WRITTEN:
            problems.at(
                cell.line, f"written={cell.written!r} is no written question of the manifest ({known})"
            )
        elif first != cell.line:
            problems.at(cell.line, f"two answers to {cell.written!r}, the first at line {first}; keep one")
        if not cell.source.strip():
            problems.at(cell.line, f"the model answer to {cell.written!r} is empty; write it for the rubric")


def _check_ids(source: Source, complete: bool) -> list[Problem]:
    """Every code question has its one hole in the whole source, every written question its answer."""
    problems = Problems(source.notebook.path)
    seen: dict[str, SourceFile] = {}
    for file in (source.notebook, *source.files.values()):
        for hole in file.holes:
            first = seen.setdefault(hole.label, file)
            if first is not file:
                twice = f"hole {hole.label!r} is cut in {first.path.name} too; one hole per id"
                problems.found.append(Problem(file.path, hole.begin, twice))
    written = {c.written for c in source.cells}
    for q in source.assignment.questions if complete else ():
        if q.kind is Kind.CODE and q.label not in seen:
            problems.at(1, f"code question {q.label!r} has no hole; write `### BEGIN SOLUTION {q.label}`")
        if q.kind is Kind.WRITTEN and q.id not in written:
            problems.at(
                1, f'written question {q.label!r} has no answer; write `# %% [markdown] written="{q.id}"`'
            )
    return problems.found


__all__ = ["Source", "SourceFile", "checked_question", "read_source"]
