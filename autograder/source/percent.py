"""The percent format: a Python file whose ``# %%`` lines begin the cells of a notebook."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.source.markers import comments, lines_of, resembles_marker
from autograder.source.problems import Problem, Problems, refuse

TAGS = ("setup", "experiment")
_HEADER = re.compile(r"#\s*%%")
_KNOWN = {"tags", "written", "title", "lines_to_next_cell", "incorrectly_encoded_metadata", "cell_marker"}
_QUOTED = re.compile(r"\s*[a-zA-Z]*(\"\"\"|''')")
_TAGS = re.compile(r"\btags\s*=\s*(?!\[)")
_EXACT = re.compile(r"# %%( .*)?")


@dataclass(frozen=True)
class SourceCell:
    """One cell: ``line`` is its header's line, ``last`` its last line, both counted from 1."""

    line: int
    last: int
    markdown: bool
    source: str
    tags: tuple[str, ...] = ()
    written: str = ""  # the id of the written question that this cell answers
    title: str = ""


def read_cells(text: str, path: Path, titles: bool = False) -> tuple[SourceCell, ...]:
    """Read the cells of a percent file.

    Args:
        text: the file's text.
        path: the file, for messages.
        titles: whether cells may have a title after ``# %%`` (alternatives do, notebooks do not).

    Raises:
        AuthoringError: a header says something unknown, or text stands outside the cells; all at once.
    """
    cells, problems = scan_cells(text, path, titles)
    refuse(problems)
    return cells


def scan_cells(text: str, path: Path, titles: bool = False) -> tuple[tuple[SourceCell, ...], list[Problem]]:
    """Read the cells of a percent file and their problems; no cells where headers cannot be told."""
    problems = Problems(path)
    headers = [c for c in comments(text, path) if c.column == 0 and _HEADER.match(c.text)]
    for header in headers:
        if not _EXACT.fullmatch(header.text):
            problems.at(header.line, f"a cell's header is written `# %%`, got {header.text!r}")
        elif _TAGS.search(header.text):
            problems.at(header.line, f'tags is a list, `tags=["experiment"]`; got {header.text!r}')
    lines = lines_of(text)
    first = headers[0].line if headers else len(lines) + 1
    for number, line in enumerate(lines[: first - 1], start=1):
        if line.strip():
            problems.at(number, "text before the first cell; begin the file with `# %% [markdown]`")
            break
    raw = [] if problems.found else _read(text)
    if not problems.found and len(raw) != len(headers):
        got = f"{len(headers)} cell headers, but {len(raw)} cells were read"
        problems.at(first, f"{got}; is a header inside a string?")
    if problems.found:
        return (), problems.found
    ends = [header.line - 1 for header in headers[1:]] + [len(lines)]
    cells = []
    for read, header, end in zip(raw, headers, ends, strict=True):
        cells.append(SourceCell(line=header.line, last=end, **_fields(read)))
        _check(read, cells[-1], titles, problems)
        if cells[-1].markdown and _QUOTED.match("".join(lines[header.line : header.line + 1])):
            _check_quoted(cells[-1], problems)
    return tuple(cells), problems.found


def _read(text: str) -> list[Any]:
    import jupytext

    fmt = {"extension": ".py", "format_name": "percent", "comment_magics": False}
    return list(jupytext.reads(text, fmt=fmt).cells) if text.strip() else []


def _fields(read: Any) -> dict[str, Any]:
    """Return what was read as the fields of a SourceCell."""
    tags = read.metadata.get("tags", [])
    return {
        "markdown": read.cell_type == "markdown",
        "source": read.source.strip("\n"),
        "tags": tuple(str(t) for t in tags) if isinstance(tags, list) else (str(tags),),
        "written": str(read.metadata.get("written", "")),
        "title": str(read.metadata.get("title", read.metadata.get("incorrectly_encoded_metadata", ""))),
    }


def _check(read: Any, cell: SourceCell, titles: bool, problems: Problems) -> None:
    """Check a cell's header: what is unknown there could leak an answer or run an experiment."""
    unknown = set(read.metadata) - _KNOWN
    if read.cell_type not in ("code", "markdown"):
        problems.at(cell.line, f"a cell of type {read.cell_type!r}; cells are code or [markdown]")
    if unknown:
        names = ", ".join(sorted(unknown))
        problems.at(cell.line, f"unknown key {names} in the cell's header; known are tags and written")
    if (cell.title and not titles) or "incorrectly_encoded_metadata" in read.metadata:
        form = '`# %% tags=["experiment"]` or `# %% [markdown] written="9.1"`'
        problems.at(cell.line, f"cannot read {cell.title!r} in the cell's header; write {form}")
    if wrong := [t for t in cell.tags if t not in TAGS]:
        problems.at(cell.line, f"unknown tag {', '.join(wrong)}; known are {', '.join(TAGS)}")
    if not isinstance(read.metadata.get("written", ""), str):
        problems.at(cell.line, f'write the question\'s id in quotes: written="{cell.written}"')
    if not cell.markdown and not _parses(cell.source):
        problems.at(cell.line, "the cell is not valid Python on its own; does it begin inside a statement?")
    if cell.written and not cell.markdown:
        problems.at(cell.line, "a written answer is a markdown cell; write `# %% [markdown] written=...`")


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _check_quoted(cell: SourceCell, problems: Problems) -> None:
    """Look for markers in a markdown cell that is written as a string, where no comment shows them."""
    for text in cell.source.splitlines():
        if resembles_marker(text):
            wrong = f"a marker, or what looks like one, in a markdown cell: {text.strip()!r}"
            problems.at(cell.line, f"{wrong}; holes stand in code")


__all__ = ["TAGS", "SourceCell", "read_cells", "scan_cells"]
