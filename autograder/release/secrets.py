"""What solutions/ holds and a student's zip must not: lines, sentences, numbers, names, whole files."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from keyword import iskeyword
from pathlib import Path
from typing import Any

from autograder.errors import AuthoringError
from autograder.release.texts import code, digits, tight
from autograder.source.document import Source
from autograder.source.holes import body
from autograder.source.markers import comments
from autograder.source.starter import files_under

MIN_HOLE_LINE = 12  # characters without whitespace; shorter lines are said by everybody
MIN_LINE = 24
MIN_TEXT = 20
MIN_RUBRIC = 15
MIN_DIGITS = 5
_WORD = re.compile(r"[A-Za-z_]\w*")


class SecretKind(StrEnum):
    """What a secret is; each kind has its own rule of what excuses it."""

    HOLE_LINE = "a line of"
    HOLE_BLOCK = "consecutive lines of"
    ANSWER = "a sentence of"
    TEXT = "a text of"
    LINE = "a code line of"
    TEST_NAME = "the name of a hidden test in"
    SEED = "the grading seed of"
    NUMBER = "a number of"
    FILE_NAME = "the name of"
    FILE = "the whole of"


@dataclass(frozen=True)
class Secret:
    """One thing to look for. ``text`` is in the form that its kind is compared in; it is never shown."""

    kind: SecretKind
    text: str
    path: Path
    line: int
    label: str = ""  # "hole 3.2 value_iteration", or the file

    @cached_property
    def words(self) -> str:
        """What was found, for people, without saying it."""
        return f"{self.kind.value} {self.label or self.path.name}"


def secrets_of(source: Source) -> tuple[Secret, ...]:
    """Collect the secrets of one assignment."""
    found = [*_of_holes(source), *_of_answers(source)]
    shared = {f.path for f in (source.notebook, *source.files.values())}
    for path in files_under(source.solution):
        found += _of_file(path, source)
        if path not in shared:
            found.append(Secret(SecretKind.FILE_NAME, path.name, path, 1))
        data = path.read_bytes()
        if len(data) >= 16:
            found.append(Secret(SecretKind.FILE, sha256(data).hexdigest(), path, 1))
    unique = {(s.kind, s.text): s for s in reversed(found)}
    return tuple(sorted(unique.values(), key=lambda s: (str(s.path), s.line, s.kind, s.text)))


def _of_holes(source: Source) -> Iterator[Secret]:
    for file in (source.notebook, *source.files.values()):
        remarks = {c.line: c.text for c in comments(file.text, file.path)}
        for hole in file.holes:
            label = f"hole {hole.label}"
            lines = [(hole.first + i, line) for i, line in enumerate(body(file.text, hole).split("\n"))]
            for number, line in lines:
                if len(text := code(line)) >= MIN_HOLE_LINE and _says_something(text):
                    yield Secret(SecretKind.HOLE_LINE, text, file.path, number, label)
                if len(remark := tight(remarks.get(number, "").lstrip("#"))) >= MIN_TEXT:
                    yield Secret(SecretKind.TEXT, remark, file.path, number, label)
            for text in _blocks([code(line) for _, line in lines if code(line)]):
                yield Secret(SecretKind.HOLE_BLOCK, text, file.path, hole.begin, label)


def _blocks(lines: list[str]) -> Iterator[str]:
    """Yield runs of lines that give a hole away wherever they stand: three in a row, or the whole of it."""
    size, enough = (3, 60) if len(lines) >= 3 else (len(lines), 25 if len(lines) == 1 else 40)
    for start in range(len(lines) - size + 1):
        window = lines[start : start + size]
        if sum(map(len, window)) >= enough:
            yield "\n".join(window)


def _says_something(text: str) -> bool:
    names = {w for w in _WORD.findall(text) if not iskeyword(w)}
    return len(names) >= 2 or (len(names) == 1 and len(text) >= MIN_LINE)


def _of_answers(source: Source) -> Iterator[Secret]:
    for cell in source.cells:
        if cell.written:
            for sentence in _sentences(cell.source, MIN_TEXT):
                yield Secret(
                    SecretKind.ANSWER, sentence, source.notebook.path, cell.line, f"answer {cell.written}"
                )


def _sentences(text: str, least: int) -> Iterator[str]:
    for part in re.split(r"(?<=[.!?:;])\s+|\n\s*\n", text):
        if len(squeezed := tight(part.strip("*_#> \n"))) >= least:
            yield squeezed


def _of_file(path: Path, source: Source) -> Iterator[Secret]:
    """Yield what one file of solutions/ says beside its holes and answers."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    inside = path.relative_to(source.solution)
    if path in {f.path for f in (source.notebook, *source.files.values())}:
        return
    if path.suffix == ".py":
        yield from _of_python(path, text, inside.parts[0] == "tests")
    elif path.suffix in (".toml", ".json"):
        yield from _of_data(path, text)
    elif path.suffix != ".ipynb":
        for number, line in enumerate(text.splitlines(), start=1):
            if len(squeezed := tight(line)) >= MIN_LINE:
                yield Secret(SecretKind.TEXT, squeezed, path, number)


def _of_python(path: Path, text: str, hidden_tests: bool) -> Iterator[Secret]:
    for number, line in enumerate(text.splitlines(), start=1):
        squeezed = code(line)
        if (
            len(squeezed) >= MIN_LINE
            and _says_something(squeezed)
            and not line.startswith(("import ", "from ", "# %%"))
        ):
            yield Secret(SecretKind.LINE, squeezed, path, number)
    for comment in comments(text, path):
        if len(remark := tight(comment.text.lstrip("#"))) >= MIN_TEXT:
            yield Secret(SecretKind.TEXT, remark, path, comment.line)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for sentence in _sentences(node.value, MIN_TEXT):
                yield Secret(SecretKind.TEXT, sentence, path, node.lineno)
        if hidden_tests and isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield Secret(SecretKind.TEST_NAME, node.name, path, node.lineno)


def _of_data(path: Path, text: str) -> Iterator[Secret]:
    """Yield numbers and texts of a TOML or JSON file."""
    try:
        values = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:  # of TOML and of JSON
        raise AuthoringError(f"cannot be searched for secrets: {error}", path) from None
    for key, value in _leaves(values):
        if isinstance(value, str):
            least = MIN_RUBRIC if path.stem == "rubric" else MIN_TEXT
            parts = value.split("\n") if key in ("old", "new") else [value]
            for part in parts:
                for sentence in [tight(part)] if key in ("old", "new") else _sentences(part, least):
                    if len(sentence) >= least and key not in ("question", "old"):
                        yield Secret(SecretKind.TEXT, sentence, path, 1)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            significant = digits(repr(value))
            if len(significant) >= MIN_DIGITS:
                kind = SecretKind.SEED if key == "seed" and path.stem == "grading" else SecretKind.NUMBER
                yield Secret(kind, significant, path, 1)


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, key)
    else:
        yield key, value


__all__ = ["Secret", "SecretKind", "secrets_of"]
