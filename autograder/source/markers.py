"""The markers of holes, read as whole comment tokens; whatever merely resembles one is a mistake.

A hole is written::

    ### BEGIN SOLUTION 2.3 gae
    # HINT: Walk backwards in time.
    ...
    ### END SOLUTION 2.3 gae

and must be the tail of a function. Text inside a string is never a marker.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Collection
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from autograder.source.problems import Problem, refuse

_MARKER = re.compile(r"### (BEGIN|END) SOLUTION (\d+(?:\.\d+)?) ([A-Za-z_][A-Za-z0-9_]*)")
_RESEMBLES = re.compile(
    r"\b(begin|end)[\W_]*(solutions?|hidden[\W_]*tests?|mark[\W_]*scheme)\b", re.IGNORECASE
)
_BARE = re.compile(r"#+\s*SOLUTION\b(\s+NO\s+PROMPT)?\s*:?\s*")
_HINT = re.compile(r"# HINT:(.*)")
_RESEMBLES_HINT = re.compile(r"#+\s*hints?\b", re.IGNORECASE)
_CELL = re.compile(r"#\s*%%")
_FORM = "the one accepted form is `### BEGIN SOLUTION <id> <name>`, closed by `### END SOLUTION <id> <name>`"


@dataclass(frozen=True)
class Comment:
    """A comment token: its line (from 1), its column, its text, and whether code stands before it."""

    line: int
    column: int
    text: str
    whole_line: bool


@dataclass(frozen=True)
class Hole:
    """What a student writes: the lines between two markers.

    ``begin`` and ``end`` are the markers' lines, counted from 1; the answer's lines are
    ``first`` to ``end - 1``, after the hints.
    """

    label: str
    begin: int
    end: int
    first: int
    indent: str
    hints: tuple[str, ...]
    function: str

    @property
    def id(self) -> str:
        """The question's id."""
        return self.label.split()[0]


def lines_of(text: str) -> list[str]:
    """Split into lines as the tokenizer counts them."""
    return text.split("\n")


def comments(text: str, path: Path) -> tuple[Comment, ...]:
    """Return every comment token of Python text; AuthoringError where it is no Python."""
    lines = lines_of(text)
    found = []
    try:
        ast.parse(text)
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                line, column = token.start
                whole = not lines[line - 1][:column].strip()
                found.append(Comment(line, column, token.string, whole))
    except (SyntaxError, tokenize.TokenError) as error:
        line = getattr(error, "lineno", None) or (
            error.args[1][0] if isinstance(error, tokenize.TokenError) else 1
        )
        what = error.msg if isinstance(error, SyntaxError) else error.args[0]
        refuse([Problem(path, line, f"not valid Python: {what}")])
    return tuple(found)


def resembles_marker(text: str) -> bool:
    """Say whether a line of text could be meant as a marker."""
    if _RESEMBLES.search(text) or _BARE.fullmatch(text):
        return True
    words = re.findall(r"[a-z]+", text.lower())[:2]
    if len(words) < 2:
        return False
    return any(_close(words[0], w) for w in ("begin", "end", "start", "stop")) and _close(
        words[1], "solution"
    )


def _close(word: str, target: str) -> bool:
    return SequenceMatcher(None, word, target).ratio() >= 0.75


def find_holes(text: str, labels: Collection[str], path: Path) -> tuple[Hole, ...]:
    """Find the holes of one file.

    Args:
        text: Python text, in the percent format or not.
        labels: labels of all code questions of the manifest.
        path: the file, for messages.

    Raises:
        AuthoringError: a marker, or what resembles one, is wrong; all problems at once.
    """
    holes, problems = scan_holes(text, labels, path)
    refuse(problems)
    return holes


def scan_holes(text: str, labels: Collection[str], path: Path) -> tuple[tuple[Hole, ...], list[Problem]]:
    """Find the holes and the problems of one file; AuthoringError only where it is no Python."""
    found = comments(text, path)
    problems: list[Problem] = []
    spans = _pair([c for c in found if _MARKER.fullmatch(c.text) or resembles_marker(c.text)], path, problems)
    tree = ast.parse(text)
    known: dict[str, int] = {}
    holes = []
    for label, begin, end in spans:
        if label in known:
            problems.append(
                Problem(
                    path,
                    begin.line,
                    f"hole {label!r} is cut twice; the first is at line {known[label]}. One hole per id.",
                )
            )
            continue
        known[label] = begin.line
        if label not in labels:
            problems.append(Problem(path, begin.line, _unknown(label, labels)))
        inside = [c for c in found if begin.line < c.line < end.line]
        hole = _hole(label, begin, end, inside, tree, lines_of(text), path, problems)
        if hole is not None:
            holes.append(hole)
    return tuple(holes), problems


def _pair(markers: list[Comment], path: Path, problems: list[Problem]) -> list[tuple[str, Comment, Comment]]:
    """Pair BEGIN with END; what is no marker, stands beside code or has no partner is a problem."""
    spans = []
    opened: tuple[str, Comment] | None = None

    def problem(comment: Comment, message: str) -> None:
        problems.append(Problem(path, comment.line, message))

    for comment in markers:
        match = _MARKER.fullmatch(comment.text)
        if match is None:
            problem(
                comment,
                f"looks like a marker and is none: {comment.text!r}; {_FORM}. If it is prose, reword it.",
            )
            continue
        if not comment.whole_line:
            problem(comment, "a marker stands on a line of its own; code is before this one")
        word, label = match.group(1), f"{match.group(2)} {match.group(3)}"
        if word == "BEGIN":
            if opened is not None:
                problem(
                    comment,
                    f"hole {label!r} begins inside hole {opened[0]!r} (line {opened[1].line}); holes do not nest",
                )
            opened = (label, comment)
        elif opened is None:
            problem(comment, f"END SOLUTION {label} without its BEGIN SOLUTION")
        else:
            if label != opened[0]:
                problem(
                    comment,
                    f"END SOLUTION {label!r} closes hole {opened[0]!r} (line {opened[1].line}); the labels must be equal",
                )
            spans.append((opened[0], opened[1], comment))
            opened = None
    if opened is not None:
        problem(opened[1], f"hole {opened[0]!r} has no END SOLUTION")
    return spans


def _unknown(label: str, labels: Collection[str]) -> str:
    number = label.split()[0]
    near = [known for known in labels if known.split()[0] == number]
    expected = (
        f"the manifest says {near[0]!r}"
        if near
        else f"its code questions are {', '.join(sorted(labels)) or 'none'}"
    )
    return f"hole {label!r} is no code question of the manifest; {expected}"


def _hole(
    label: str,
    begin: Comment,
    end: Comment,
    inside: list[Comment],
    tree: ast.Module,
    lines: list[str],
    path: Path,
    problems: list[Problem],
) -> Hole | None:
    def problem(line: int, message: str) -> None:
        problems.append(Problem(path, line, f"hole {label!r}: {message}"))

    hints: list[str] = []
    for comment in inside:
        if comment.column == 0 and _CELL.match(comment.text):
            problem(comment.line, "a cell begins inside the hole; close the hole first")
            return None
        if match := _HINT.fullmatch(comment.text):
            if comment.line != begin.line + 1 + len(hints) or not match.group(1).strip():
                problem(
                    comment.line, "hints say something and follow BEGIN SOLUTION directly, line after line"
                )
            hints.append(match.group(1))
        elif _RESEMBLES_HINT.match(comment.text):
            problem(comment.line, f"looks like a hint and is none: {comment.text!r}; write `# HINT: ...`")
    tail = _tail(tree, begin.line, end.line)
    if isinstance(tail, str):
        problem(begin.line, tail)
        return None
    function, column = tail
    if begin.column != column or end.column != column:
        problem(
            begin.line,
            f"markers stand at columns {begin.column} and {end.column}, the function's body at {column}; align them",
        )
        return None
    first = begin.line + 1 + len(hints)
    return Hole(
        label, begin.line, end.line, first, lines[begin.line - 1][: begin.column], tuple(hints), function
    )


def _tail(tree: ast.Module, begin: int, end: int) -> tuple[str, int] | str:
    """Return the function whose tail lies between two lines and its body's column, or what is wrong."""
    if not any(isinstance(n, ast.stmt) and begin < _first_line(n) < end for n in ast.walk(tree)):
        return "empty; nothing stands between its markers"
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or _first_line(function) >= begin:
            continue
        inside = [s for s in function.body if begin < _first_line(s) and (s.end_lineno or 0) < end]
        before = function.body[: len(function.body) - len(inside)]
        if (
            not inside
            or function.body[len(before) :] != inside
            or any((s.end_lineno or 0) >= begin for s in before)
        ):
            continue
        if all(_says_nothing(s) for s in inside):
            return "empty; it holds no statement that does something"
        if not before and ast.get_docstring(function) is not None:
            return "the docstring stands inside the hole; signature and docstring are given to the student"
        return function.name, inside[0].col_offset
    return "not the tail of a function; a hole holds the last statements of one function, and nothing follows it there"


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def _says_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


__all__ = ["Comment", "Hole", "comments", "find_holes", "lines_of", "resembles_marker", "scan_holes"]
