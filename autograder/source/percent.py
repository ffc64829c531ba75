"""The percent format: a Python file whose ``# %%`` lines begin the cells of a notebook."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.source.markers import comments, lines_of, resembles_marker
from autograder.source.problems import Problem, refuse

TAGS = ("setup", "experiment")
_HEADER = re.compile(r"#\s*%%")
_QUOTED = re.compile(r"\s*[a-zA-Z]*(\"\"\"|''')")
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
    """Read the cells of a percent file and what is wrong with them; no cells where headers cannot be told."""
    headers = [c for c in comments(text, path) if c.column == 0 and _HEADER.match(c.text)]
    problems = [
        Problem(path, c.line, f"a cell's header is written `# %%`, got {c.text!r}")
        for c in headers
        if not _EXACT.fullmatch(c.text)
    ]
    lines = lines_of(text)
    first = headers[0].line if headers else len(lines) + 1
    for number, line in enumerate(lines[: first - 1], start=1):
        if line.strip():
            problems.append(
                Problem(path, number, "text before the first cell; begin the file with `# %% [markdown]`")
            )
            break
    if problems:
        return (), problems
    raw = _read(text)
    if len(raw) != len(headers):
        return (), [
            Problem(
                path,
                first,
                f"{len(headers)} cell headers, but {len(raw)} cells were read; is a header inside a string?",
            )
        ]
    ends = [c.line - 1 for c in headers[1:]] + [len(lines)]
    cells = [
        _cell(c, header.line, end, path, titles, problems)
        for c, header, end in zip(raw, headers, ends, strict=True)
    ]
    for cell in cells:
        if cell.markdown and _QUOTED.match(lines[cell.line] if cell.line < len(lines) else ""):
            problems += [
                Problem(
                    path,
                    cell.line,
                    f"a marker, or what looks like one, in a markdown cell: {text.strip()!r}; holes stand in code",
                )
                for text in cell.source.splitlines()
                if resembles_marker(text)
            ]
    return tuple(cells), problems


def _read(text: str) -> list[Any]:
    import jupytext

    fmt = {"extension": ".py", "format_name": "percent", "comment_magics": False}
    return list(jupytext.reads(text, fmt=fmt).cells) if text.strip() else []


def _cell(cell: Any, line: int, last: int, path: Path, titles: bool, problems: list[Problem]) -> SourceCell:
    def problem(message: str) -> None:
        problems.append(Problem(path, line, message))

    metadata = {k: v for k, v in cell.metadata.items() if k != "lines_to_next_cell"}
    tags, written, title = metadata.pop("tags", []), metadata.pop("written", ""), metadata.pop("title", "")
    if cell.cell_type not in ("code", "markdown"):
        problem(f"a cell of type {cell.cell_type!r}; cells are code or [markdown]")
    markdown = cell.cell_type == "markdown"
    if metadata:
        problem(f"unknown key {', '.join(sorted(metadata))} in the cell's header; known are tags and written")
    if title and not titles:
        problem(
            f'cannot read {title!r} in the cell\'s header; write `# %% tags=["experiment"]` or `# %% [markdown] written="9.1"`'
        )
    if not isinstance(tags, list) or any(t not in TAGS for t in tags):
        problem(f"unknown tag in {tags!r}; known are {', '.join(TAGS)}")
        tags = []
    if not isinstance(written, str):
        problem(f'write the question\'s id in quotes: written="{written}"')
    if written and not markdown:
        problem("a written answer is a markdown cell; write `# %% [markdown] written=...`")
    return SourceCell(line, last, markdown, cell.source, tuple(tags), str(written), str(title))


__all__ = ["TAGS", "SourceCell", "read_cells", "scan_cells"]
