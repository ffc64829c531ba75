"""What code a submission really holds, found without intake: an oracle for whether full marks are right.

A mark is right when the function that the question asks for stands in what was handed in as the reference
has it, whatever happened to cells, ids, metadata and packing around it.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from enum import StrEnum
from functools import lru_cache
from typing import Any

_DEF = re.compile(r"^(?:async[ \t]+)?def[ \t]+(\w+)", re.M)


class Why(StrEnum):
    """How a function stands in what was handed in."""

    SAME = "the last definition is the reference's"
    AMONG = "the reference's definition is among several"
    CHANGED = "only other definitions are there"
    GIVEN = "only what was given out is there"
    ABSENT = "no definition is there"


WRONG = (Why.GIVEN, Why.ABSENT)


def normalised(node: ast.AST) -> str:
    """Return a definition as text in which docstrings, comments and layout do not count."""
    for inner in ast.walk(node):
        body = getattr(inner, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            inner.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.dump(node)


@lru_cache(maxsize=8192)
def functions(text: str) -> tuple[tuple[str, str], ...]:
    """Return (name, normalised definition) of each function at the left edge; broken code around is ignored."""
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return tuple((n.name, normalised(n)) for n in ast.parse(text).body if isinstance(n, kinds))
    found = []
    starts = [m.start() for m in _DEF.finditer(text)]
    for start, end in zip(starts, [*starts[1:], len(text)]):
        lines = text[start:end].split("\n")
        for stop in range(len(lines), 0, -1):  # until what follows the function is cut off
            if stop < len(lines) and lines[stop].strip() and lines[stop][0] in " \t":
                break  # less would cut into the function
            with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                node = ast.parse("\n".join(lines[:stop])).body[0]
                found.append((getattr(node, "name", ""), normalised(node)))
                break
    return tuple(found)


def legible(texts: Iterable[str]) -> bool:
    """Tell whether each text with a function at its left edge is Python as a whole, so that no cell is lost."""
    for text in texts:
        if _DEF.search(text):
            try:
                ast.parse(text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return False
    return True


def judge(name: str, texts: Iterable[str], right: str, given: str) -> Why:
    """Say how a function stands in texts.

    Args:
        name: the function.
        texts: of the cells, in the student's order.
        right: the reference's definition, normalised.
        given: the starter's, normalised.
    """
    mine = [body for text in texts for called, body in functions(text) if called == name]
    if right in mine:
        return Why.SAME if mine[-1] == right else Why.AMONG
    if not mine:
        return Why.ABSENT
    return Why.GIVEN if set(mine) == {given} else Why.CHANGED


# What was handed in, as plain tools read it


def texts_of(name: str, data: bytes) -> list[str]:
    """Return the texts of all cells in a notebook, or in all notebooks of an archive."""
    if name.endswith(".ipynb"):
        return _notebook(data)
    return [text for member in _members(data) for text in _notebook(member)]


def _notebook(data: bytes) -> list[str]:
    for encoding in ("utf-8-sig", "utf-16", "utf-8"):
        with suppress(ValueError, RecursionError):
            raw = json.loads(data.decode(encoding, "replace" if encoding == "utf-8" else "strict").lstrip("\ufeff"))
            return [text for cell in _cells(raw) for text in [_source(cell)] if text]
    return []


def _cells(raw: Any) -> Sequence[Any]:
    if not isinstance(raw, dict):
        return []
    lists = [raw.get("cells"), *(w.get("cells") for w in raw.get("worksheets") or () if isinstance(w, dict))]
    return [cell for cells in lists if isinstance(cells, list) for cell in cells if isinstance(cell, dict)]


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", cell.get("input"))
    if isinstance(source, list):
        source = "".join(s for s in source if isinstance(s, str))
    text = source if isinstance(source, str) else ""
    text = text.encode("utf-8", "replace").decode()
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _members(data: bytes) -> list[bytes]:
    found: list[bytes] = []
    with suppress(Exception), zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            with suppress(Exception):
                found.append(archive.read(info))
    with suppress(Exception), tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            if (stream := tar.extractfile(member)) is not None:
                found.append(stream.read())
    return found
