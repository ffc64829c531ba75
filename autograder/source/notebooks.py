"""Notebooks from the one source: deterministic bytes, stable cell ids, no outputs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

from autograder.course import Kind, Question
from autograder.source import figures
from autograder.source.document import Source, checked_question
from autograder.source.holes import cut_holes, uncover
from autograder.source.percent import SourceCell, read_cells
from autograder.source.problems import Problem, refuse
from autograder.source.rules import grading_section

Cell = dict[str, Any]
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


def placeholder(question_id: str) -> str:
    """Return the text of a written answer that nobody has given yet."""
    return f"*Your answer to {question_id} here.*"


def starter_notebook_of(source: Source) -> bytes:
    """Return the student's notebook: holes cut, answers blank, checks and the grading section inserted."""
    return _notebook(source, cut_holes(source.notebook.text, source.notebook.holes), solved=False)


def solved_notebook_of(
    source: Source, text: str | None = None, added: Iterable[tuple[str, str]] = ()
) -> bytes:
    """Return the complete notebook, without markers and hints.

    Args:
        source: the assignment's source.
        text: the percent text to use, markers taken off; by default the source's own.
        added: (cell id, code) of cells appended at the end, as a student would add them.
    """
    complete = uncover(source.notebook.text, source.notebook.holes) if text is None else text
    return _notebook(source, complete, solved=True, added=added)


def _notebook(source: Source, text: str, *, solved: bool, added: Iterable[tuple[str, str]] = ()) -> bytes:
    cells = list(_cells(source, read_cells(text, source.notebook.path), solved))
    _number(cells)
    cells += [_code(code, id=cell_id) for cell_id, code in added]
    name = {"assignment": source.assignment.slug, "version": source.assignment.version}
    return to_bytes(
        {"cells": cells, "metadata": {**METADATA, "robolearn": name}, "nbformat": 4, "nbformat_minor": 5}
    )


def _cells(source: Source, texts: tuple[SourceCell, ...], solved: bool) -> Iterator[Cell]:
    """Yield the notebook's cells; ``texts`` are the source's cells with their changed text."""
    questions = {q.id: q for q in source.assignment.questions}
    explicit = {checked_question(c) for c in source.cells}
    for position, (original, cell) in enumerate(zip(source.cells, texts, strict=True)):
        kind = source.kind(original)
        holes = source.holes_in(original)
        if kind == "text":
            yield _text(source, original, cell.source)
        elif kind == "written":
            yield _written(
                questions[original.written], cell.source if solved else placeholder(original.written)
            )
        elif kind == "check":
            yield _check(questions[checked_question(original)])
        else:
            yield _plain(kind, cell, [h.id for h in holes])
        if position == 0:
            yield _labelled(_markdown(grading_section(source.assignment)), "text", [])
        yield from (_check(questions[h.id]) for h in holes if h.id not in explicit)
    for file in source.files.values():
        yield from (_check(questions[h.id]) for h in file.holes if h.id not in explicit)


def _text(source: Source, original: SourceCell, text: str) -> Cell:
    cell = _labelled(_markdown(text), "text", [])
    if names := figures.attachments(text):
        try:
            cell["attachments"] = figures.embed(names, source.assignment.path)
        except FileNotFoundError as error:
            folder = source.assignment.path.name
            wrong = f"attachment:{error} is neither in {folder}/ nor in {folder}/figures/"
            refuse([Problem(source.notebook.path, original.line, wrong)])
    return cell


def _plain(kind: str, cell: SourceCell, ids: list[str]) -> Cell:
    made = _labelled(_code(cell.source), kind, ids)
    if kind == "hole":
        made["id"] = "-".join(["hole", *(_dashed(i) for i in ids)])
        made["metadata"]["deletable"] = False
        made["metadata"]["nbgrader"] = _nbgrader(made["id"], "code", solution=True)
    if cell.tags:
        made["metadata"]["tags"] = list(cell.tags)
    return made


def _written(question: Question, text: str) -> Cell:
    cell = _labelled(_markdown(text), "written", [question.id])
    cell["id"] = f"written-{_dashed(question.id)}"
    cell["metadata"]["deletable"] = False
    cell["metadata"]["nbgrader"] = _nbgrader(cell["id"], "markdown", solution=True, points=question.points)
    return cell


def _check(question: Question) -> Cell:
    cell = _labelled(_code(f'check("{question.id}")'), "check", [question.id])
    cell["id"] = f"check-{_dashed(question.id)}"
    cell["metadata"]["tags"] = ["experiment"]
    if question.kind is not Kind.WRITTEN:
        cell["metadata"]["nbgrader"] = _nbgrader(cell["id"], "code", points=question.points)
    return cell


def _nbgrader(
    grade_id: str, cell_type: str, *, solution: bool = False, points: float | None = None
) -> dict[str, Any]:
    """nbgrader's metadata, schema 3: answers are solution cells, checks are locked cells with points."""
    metadata: dict[str, Any] = {
        "cell_type": cell_type,
        "grade": points is not None,
        "grade_id": grade_id,
        "locked": not solution,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    if points is not None:
        metadata["points"] = points
    return metadata


def _markdown(text: str) -> Cell:
    return {"cell_type": "markdown", "id": "", "metadata": {}, "source": text}


def _code(text: str, id: str = "") -> Cell:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": id,
        "metadata": {},
        "outputs": [],
        "source": text,
    }


def _labelled(cell: Cell, kind: str, ids: list[str]) -> Cell:
    cell["metadata"]["robolearn"] = {"kind": kind, "questions": ids}
    return cell


def _dashed(question_id: str) -> str:
    return question_id.replace(".", "-")


def _number(cells: list[Cell]) -> None:
    """Give ids to the cells without one: kind and a hash of the text, with a counter for repeats."""
    seen: dict[str, int] = {}
    for cell in cells:
        if not cell["id"]:
            digest = sha256(cell["source"].encode()).hexdigest()[:10]
            cell["id"] = f"{cell['metadata']['robolearn']['kind']}-{digest}"
        seen[cell["id"]] = seen.get(cell["id"], 0) + 1
        if seen[cell["id"]] > 1:
            cell["id"] += f"-{seen[cell['id']]}"


def to_bytes(notebook: dict[str, Any]) -> bytes:
    """Write a notebook as nbformat does, with sorted keys; raises where it is no valid notebook."""
    import nbformat

    notebook = {**notebook, "cells": [{**c, "source": _lines(c["source"])} for c in notebook["cells"]]}
    nbformat.validate(nbformat.from_dict(notebook))
    return (json.dumps(notebook, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)


__all__ = ["placeholder", "solved_notebook_of", "starter_notebook_of", "to_bytes"]
