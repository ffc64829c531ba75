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

from autograder.source.problems import Problem, Problems, refuse

_MARKER = re.compile(r"### (BEGIN|END) SOLUTION (\d+(?:\.\d+)?) ([A-Za-z_][A-Za-z0-9_]*)")
_RESEMBLES = re.compile(
    r"\b(begin|end)[\W_]*(solutions?|hidden[\W_]*tests?|mark[\W_]*scheme)\b", re.IGNORECASE
)
_BARE = re.compile(r"#+\s*SOLUTION\b(\s+NO\s+PROMPT)?\s*:?\s*")
_HINT = re.compile(r"# HINT:(.*)")
_RESEMBLES_HINT = re.compile(r"#+\s*hints?\b", re.IGNORECASE)
_CELL = re.compile(r"#\s*%%")
_FORM = "write `### BEGIN SOLUTION <id> <name>` and `### END SOLUTION <id> <name>`, or reword the comment"


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
        what, at = (error.msg, error.lineno or 1) if isinstance(error, SyntaxError) else (error.args[0], 1)
        refuse([Problem(path, at, f"not valid Python: {what}")])
    return tuple(found)


def resembles_marker(text: str) -> bool:
    """Say whether a line of text could be meant as a marker."""
    if _RESEMBLES.search(text) or _BARE.fullmatch(text):
        return True
    words = re.findall(r"[a-z]+", text.lower())[:2]
    edges = ("begin", "end", "start", "stop")
    return len(words) == 2 and any(_close(words[0], w) for w in edges) and _close(words[1], "solution")


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
    problems = Problems(path)
    tree, lines = ast.parse(text), lines_of(text)
    known: dict[str, int] = {}
    holes = []
    for label, begin, end in _pair(found, problems):
        first = known.setdefault(label, begin.line)
        if first != begin.line:
            problems.at(begin.line, f"hole {label!r} is cut twice, first at line {first}; one hole per id")
            continue
        if label not in labels:
            problems.at(begin.line, _unknown(label, labels))
        hints = _hints(label, [c for c in found if begin.line < c.line < end.line], begin.line, problems)
        tail = _tail(tree, begin.line, end.line)
        if isinstance(tail, str):
            problems.at(begin.line, f"hole {label!r}: {tail}")
            continue
        function, column = tail
        if not begin.column == end.column == column:
            got = f"columns {begin.column} and {end.column}, the function's body at {column}"
            problems.at(begin.line, f"hole {label!r}: the markers stand at {got}; align them")
        indent = lines[begin.line - 1][: begin.column]
        holes.append(Hole(label, begin.line, end.line, begin.line + 1 + len(hints), indent, hints, function))
    return tuple(holes), problems.found


def _pair(found: Collection[Comment], problems: Problems) -> list[tuple[str, Comment, Comment]]:
    """Pair BEGIN with END; what is no marker, stands beside code or has no partner is a problem."""
    spans = []
    opened: tuple[str, Comment] | None = None
    for comment in found:
        match = _MARKER.fullmatch(comment.text)
        if match is None:
            if resembles_marker(comment.text):
                problems.at(comment.line, f"looks like a marker and is none: {comment.text!r}; {_FORM}")
            continue
        if not comment.whole_line:
            problems.at(comment.line, "a marker stands on a line of its own; code is before this one")
        label = f"{match.group(2)} {match.group(3)}"
        inside = "" if opened is None else f"{opened[0]!r} (line {opened[1].line})"
        if match.group(1) == "BEGIN":
            if opened is not None:
                problems.at(comment.line, f"hole {label!r} begins inside hole {inside}; holes do not nest")
            opened = (label, comment)
        elif opened is None:
            problems.at(comment.line, f"END SOLUTION {label} without its BEGIN SOLUTION")
        else:
            if label != opened[0]:
                problems.at(comment.line, f"END SOLUTION {label} closes hole {inside}; make the labels equal")
            spans.append((*opened, comment))
            opened = None
    if opened is not None:
        problems.at(opened[1].line, f"hole {opened[0]!r} has no END SOLUTION")
    return spans


def _unknown(label: str, labels: Collection[str]) -> str:
    number = label.split(maxsplit=1)[0]
    near = [repr(known) for known in labels if known.split(maxsplit=1)[0] == number]
    expected = f"it says {near[0]}" if near else f"it has {', '.join(sorted(labels)) or 'none'}"
    return f"hole {label!r} is no code question of the manifest; {expected}"


def _hints(label: str, inside: list[Comment], begin: int, problems: Problems) -> tuple[str, ...]:
    """Return the hints that follow BEGIN directly; what is no hint where one was meant is a problem."""
    hints: list[str] = []
    for comment in inside:
        if comment.column == 0 and _CELL.match(comment.text):
            problems.at(comment.line, f"hole {label!r}: a cell begins inside the hole; close the hole first")
        elif match := _HINT.fullmatch(comment.text):
            if comment.line == begin + 1 + len(hints) and match.group(1).strip():
                hints.append(match.group(1))
            else:
                problems.at(comment.line, f"hole {label!r}: hints say something and follow BEGIN directly")
        elif _RESEMBLES_HINT.match(comment.text):
            wrong = f"looks like a hint and is none: {comment.text!r}; write `# HINT: ...`"
            problems.at(comment.line, f"hole {label!r}: {wrong}")
    return tuple(hints)


def _tail(tree: ast.Module, begin: int, end: int) -> tuple[str, int] | str:
    """Return the function whose tail lies between two lines and its body's column, or what is wrong."""
    if not any(isinstance(n, ast.stmt) and begin < _first_line(n) < end for n in ast.walk(tree)):
        return "empty; nothing stands between its markers"
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or _first_line(function) >= begin:
            continue
        inside = [s for s in function.body if begin < _first_line(s) and (s.end_lineno or 0) < end]
        before = function.body[: len(function.body) - len(inside)]
        last = function.body[len(before) :] == inside and all((s.end_lineno or 0) < begin for s in before)
        if not inside or not last:
            continue
        if all(_says_nothing(s) for s in inside):
            return "empty; it holds no statement that does something"
        if not before and ast.get_docstring(function) is not None:
            return "the docstring stands inside the hole; signature and docstring are given to the student"
        return function.name, inside[0].col_offset
    return "not the tail of a function; a hole holds the last statements of a function and nothing follows it"


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def _says_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


__all__ = ["Comment", "Hole", "comments", "find_holes", "lines_of", "resembles_marker", "scan_holes"]
