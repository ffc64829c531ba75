"""The student's notebook for people to look at: valid nbformat, the starter's cell ids, no giant outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from autograder.intake.notebook import NotebookCell
from autograder.intake.template import Template

_OUTPUT_KEYS = {
    "stream": ("name", "text"),
    "error": ("ename", "evalue", "traceback"),
    "display_data": ("data", "metadata"),
    "execute_result": ("data", "metadata", "execution_count"),
}
_DEFAULTS: dict[str, Any] = {
    "name": "stdout",
    "text": "",
    "ename": "",
    "evalue": "",
    "traceback": [],
    "data": {},
    "metadata": {},
    "execution_count": None,
}


def display_notebook(cells: Sequence[NotebookCell], chosen: Mapping[int, str], template: Template) -> bytes:
    """Write a student's cells as a notebook whose matched cells carry the starter's ids and metadata.

    Args:
        cells: the student's, in their order.
        chosen: position of a cell to the id of the starter cell that it stands for.
        template: the starter notebook.
    """
    given = {c.id: c for c in template.cells}
    written: list[dict[str, Any]] = []
    used: set[str] = set()
    for position, cell in enumerate(cells):
        id_ = chosen.get(position, "")
        id_ = f"student-{cell.number}" if id_ in used | {""} else id_
        used.add(id_)
        metadata: dict[str, Any] = {}
        if id_ in given:
            metadata["robolearn"] = {"kind": given[id_].kind, "questions": list(given[id_].questions)}
        one: dict[str, Any] = {"cell_type": cell.type, "id": id_, "metadata": metadata, "source": cell.source}
        if cell.type == "code":
            one.update(execution_count=None, outputs=_outputs(cell.raw.get("outputs")))
        written.append(one)
    notebook = {"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, sort_keys=True, ensure_ascii=True).encode()


def _outputs(raw: Any) -> list[dict[str, Any]]:
    """Keep the outputs that nbformat knows, with the keys that it knows."""
    found = []
    for output in raw if isinstance(raw, list) else ():
        kind = output.get("output_type") if isinstance(output, dict) else None
        keys = _OUTPUT_KEYS.get(kind, ()) if isinstance(kind, str) else ()
        if not keys:
            continue
        kept = {key: output[key] for key in keys if key in output}
        well = {key: kept.get(key) if _fits(key, kept.get(key)) else _DEFAULTS[key] for key in keys}
        found.append({"output_type": kind, **well})
    return found


def _fits(key: str, value: Any) -> bool:
    if key in ("data", "metadata"):
        return isinstance(value, dict)
    if key == "traceback":
        return isinstance(value, list) and all(isinstance(v, str) for v in value)
    if key == "text":
        return isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value))
    if key == "execution_count":
        return value is None
    return isinstance(value, str)
