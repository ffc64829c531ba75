"""The starter notebook as the course gave it out: what each of its cells is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from autograder.intake.notebook import NotebookCell, read_notebook
from autograder.intake.statements import definitions, statements

_HOLE = re.compile(r"""raise NotImplementedError\(\s*["'](?P<id>\d+(?:\.\d+)?)\s+(?P<name>\w+)""")
_PLACEHOLDER = re.compile(r"^[ \t]*\*?Your answer to (?P<id>\d+(?:\.\d+)?) here\.?\*?[ \t]*$", re.M)


@dataclass(frozen=True)
class TemplateCell:
    """One cell of the starter notebook."""

    index: int
    id: str
    kind: str  # glue, hole, experiment, check, text, written
    questions: tuple[str, ...]
    source: str
    holes: Mapping[str, str]  # question id -> the function that holds its hole
    defines: tuple[str, ...]  # its functions and classes
    norm: str

    @property
    def is_code(self) -> bool:
        """Whether it is a code cell."""
        return self.kind in ("glue", "hole", "experiment", "check")


@dataclass(frozen=True)
class Template:
    """The starter notebook."""

    cells: tuple[TemplateCell, ...]

    @property
    def functions(self) -> dict[str, TemplateCell]:
        """The functions that hold holes, with their cells."""
        return {name: cell for cell in self.cells for name in cell.holes.values()}


@lru_cache(maxsize=8)
def read_template(data: bytes) -> Template:
    """Read the course's own starter notebook."""
    notebook = read_notebook(data, "the starter notebook")
    return Template(tuple(_template_cell(i, cell) for i, cell in enumerate(notebook.cells)))


def _template_cell(index: int, cell: NotebookCell) -> TemplateCell:
    kind = cell.kind or ("glue" if cell.type == "code" else "text")
    holes = _hole_functions(cell.source) if kind == "hole" else {}
    if kind == "hole":
        holes = {q: holes.get(q, "") for q in cell.questions} | holes
    return TemplateCell(
        index, cell.ids[0] if cell.ids else f"template-{index}", kind, cell.questions or tuple(holes),
        cell.source, holes, definitions(cell.source) if cell.type == "code" else (), normal(cell.source),
    )  # fmt: skip


def _hole_functions(source: str) -> dict[str, str]:
    """Return, by question id, the top-level function or class in which its hole lies."""
    return {m["id"]: s.defines for s in statements(source) for m in _HOLE.finditer(s.text)}


def untouched_holes(source: str) -> tuple[str, ...]:
    """Return the ids of the holes that still raise NotImplementedError in some code."""
    return tuple(dict.fromkeys(m["id"] for m in _HOLE.finditer(re.sub(r"(?m)^[ \t]*#.*$", "", source))))


def without_placeholder(text: str) -> str:
    """Return a written answer without the line that invites it."""
    return _PLACEHOLDER.sub("", text).strip()


def placeholder_of(text: str) -> str:
    """Return the question whose unanswered placeholder stands in the text; empty if none."""
    match = _PLACEHOLDER.search(text)
    return match["id"] if match else ""


def normal(source: str) -> str:
    """Return source as it is compared: no trailing blanks, no blank lines at either end."""
    return "\n".join(line.rstrip() for line in source.strip().split("\n")).strip()


__all__ = [
    "Template", "TemplateCell", "normal", "placeholder_of", "read_template", "untouched_holes",
    "without_placeholder",
]  # fmt: skip
