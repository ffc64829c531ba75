"""An assignment's whole source: the notebook's percent file and the further files, checked against the manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.course import MANIFEST, Assignment, Course, Kind
from autograder.source.markers import Hole, scan_holes
from autograder.source.percent import SourceCell, scan_cells
from autograder.source.problems import Problem, refuse

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
        """Return where a code question's hole is: the file's name in the student's folder, the file, the hole."""
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
    path = source.notebook.path
    kinds = {q.id: q.kind for q in source.assignment.questions}
    problems = []
    first = source.cells[0]
    if not first.markdown or not first.source.startswith("# "):
        problems.append(
            Problem(path, first.line, "the first cell is the title: a markdown cell that begins with `# `")
        )
    written: dict[str, int] = {}
    for cell in source.cells:
        if "experiment" in cell.tags and source.holes_in(cell):
            labels = ", ".join(h.label for h in source.holes_in(cell))
            problems.append(
                Problem(
                    path,
                    cell.line,
                    f"hole {labels} in an experiment cell, which grading does not run; give it a cell of its own",
                )
            )
        checked = checked_question(cell)
        if checked and kinds.get(checked, Kind.WRITTEN) is Kind.WRITTEN:
            problems.append(
                Problem(path, cell.line, f"check({checked!r}): no code or artifact question of the manifest")
            )
        if not cell.written:
            continue
        if kinds.get(cell.written) is not Kind.WRITTEN:
            known = ", ".join(i for i, k in kinds.items() if k is Kind.WRITTEN) or "none"
            problems.append(
                Problem(
                    path,
                    cell.line,
                    f"written={cell.written!r} is no written question of the manifest; its written questions are {known}",
                )
            )
        elif cell.written in written:
            problems.append(
                Problem(
                    path,
                    cell.line,
                    f"two answers to {cell.written!r}; the first is at line {written[cell.written]}",
                )
            )
        written.setdefault(cell.written, cell.line)
        if not cell.source.strip():
            problems.append(
                Problem(
                    path, cell.line, f"the model answer to {cell.written!r} is empty; the rubric needs one"
                )
            )
    return problems


def _check_ids(source: Source, complete: bool) -> list[Problem]:
    """Every code question has its one hole in the whole source, every written question its answer."""
    path = source.notebook.path
    problems = []
    seen: dict[str, SourceFile] = {}
    for file in (source.notebook, *source.files.values()):
        for hole in file.holes:
            if hole.label in seen:
                problems.append(
                    Problem(
                        file.path,
                        hole.begin,
                        f"hole {hole.label!r} is cut in {seen[hole.label].path.name} too; one hole per id",
                    )
                )
            seen[hole.label] = file
    written = {c.written for c in source.cells}
    for q in source.assignment.questions if complete else ():
        if q.kind is Kind.CODE and q.label not in seen:
            problems.append(
                Problem(
                    path,
                    1,
                    f"code question {q.label!r} of the manifest has no hole; write `### BEGIN SOLUTION {q.label}`",
                )
            )
        if q.kind is Kind.WRITTEN and q.id not in written:
            problems.append(
                Problem(
                    path,
                    1,
                    f'written question {q.label!r} of the manifest has no cell; write `# %% [markdown] written="{q.id}"`',
                )
            )
    return problems


__all__ = ["Source", "SourceFile", "checked_question", "read_source"]
