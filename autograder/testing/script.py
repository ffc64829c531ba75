"""Loads a student's notebook from its file into names of this process, for checks from a shell."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import autograder
from autograder.course import Assignment
from autograder.errors import UsageError
from autograder.sandbox.code import Cell, CellError
from autograder.sandbox.loader import load, new_module, silence_notebook_checks

_WHOLE = ("glue", "hole")
_SKIPPED = ("experiment", "check")


@dataclass(frozen=True)
class Loaded:
    """A notebook's names, and the cells that did not load."""

    names: dict[str, Any]
    errors: tuple[CellError, ...]


def find_notebook(folder: Path, assignment: Assignment) -> Path:
    """Find the student's notebook: the one of the assignment's name, or the only one there.

    Raises:
        UsageError: there is none, or several of other names.
    """
    path = folder / assignment.notebook
    if path.is_file():
        return path
    others = sorted(folder.glob("*.ipynb"))
    if len(others) == 1:
        return others[0]
    there = ", ".join(p.name for p in others[:6]) or "none"
    raise UsageError(
        f"no {assignment.notebook} in {folder}; notebooks there: {there}.\n"
        f"  Next: name your notebook {assignment.notebook}, as it was handed out."
    )


def read_cells(path: Path) -> list[Cell]:
    """Read the code cells that grading would run; experiments and checks are left out.

    Raises:
        UsageError: the file is not a notebook.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = [(i, cell) for i, cell in enumerate(raw, 1) if cell["cell_type"] == "code"]
        read = [_cell(i, cell) for i, cell in code]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path}: not a readable notebook ({type(error).__name__}: {error}).\n"
            "  Next: open it in Jupyter, save it, and check again."
        ) from None
    has_kinds = any(kind for kind, _ in read)
    cells = []
    for kind, cell in read:
        whole = kind in _WHOLE or not has_kinds  # without metadata nobody can tell what the student added
        if kind not in _SKIPPED:
            cells.append(Cell(cell.id, cell.source, "glue" if whole else "added", label=cell.label))
    return cells


def _cell(number: int, raw: dict[str, Any]) -> tuple[str, Cell]:
    """Return a cell and its kind: experiment by tag or by metadata, empty for one that the student added."""
    metadata = raw.get("metadata", {})
    kind = str(metadata.get("robolearn", {}).get("kind", ""))
    if "experiment" in metadata.get("tags", []):
        kind = "experiment"
    source = raw["source"]
    text = source if isinstance(source, str) else "".join(source)
    return kind, Cell(str(raw.get("id", number)), text, label=f"cell {number}")


def load_notebook(
    folder: Path, assignment: Assignment, path: Path, progress: Callable[[str], None]
) -> Loaded:
    """Run a notebook's cells in this process, each on its own, as grading does.

    Args:
        folder: the assignment's folder; it must be the working directory, see :func:`working_in`.
        assignment: its manifest; further files with holes are loaded first.
        path: the notebook.
        progress: told the label of each cell before it runs.

    Raises:
        KeyboardInterrupt: somebody pressed Ctrl-C while a cell ran.
    """
    cells = [
        Cell(name, (folder / name).read_text(encoding="utf-8"), "file", label=name)
        for name in assignment.files
        if name.endswith(".py") and (folder / name).is_file()
    ]
    cells += read_cells(path)
    labels = {cell.id: cell.label for cell in cells}
    module = new_module()
    errors = []
    with _silent_checks():
        for cell_id, kind, message, text in load(cells, module, lambda cell_id: progress(labels[cell_id])):
            if kind == "KeyboardInterrupt":
                raise KeyboardInterrupt
            errors.append(CellError(cell_id, kind, message, text, label=labels[cell_id]))
    return Loaded(module.__dict__, tuple(errors))


@contextmanager
def _silent_checks() -> Iterator[None]:
    """Make a notebook's own ``check`` and ``submit`` do nothing while its cells run."""
    own = {name: getattr(autograder, name) for name in autograder.__all__}
    silence_notebook_checks()
    try:
        yield
    finally:
        autograder.__dict__.update(own)


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Work in a folder as a notebook there does: paths and imports start from it; no windows open."""
    before = Path.cwd()
    os.environ.setdefault("MPLBACKEND", "Agg")
    sys.path.insert(0, str(folder))
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        sys.path.remove(str(folder))
