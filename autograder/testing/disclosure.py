"""Finds messages of hidden tests that would tell a student what was hidden.

What a hidden test says to a student (``message``, ``what``, ``hint``, the words of an ``assert``) must not be
built from the reference's answers, from what was drawn, or from what the student's code returned: it held
hidden inputs and could hand them out. What was ``measured`` may show numbers that were returned, formatted as
numbers. Found in the tests' text: a name is secret, or the student's, where it is assigned something that
was, directly or not, computed from ``reference``, ``rng`` or ``seed``, or from ``student``. Names of loops
pass: they go through tables in which words stand beside numbers.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from pathlib import Path

from autograder.testing.collection import Problem

_SECRET = frozenset({"reference", "rng", "seed"})
_SAID = {"expect": 1}  # position of `message`; every other expectation says `what` and `hint` by keyword
_KEYWORDS = ("message", "what", "hint")
_NUMERIC = tuple("bdeEfFgGnoxX%")  # types of a format that refuse text


def disclosures(path: Path) -> list[Problem]:
    """Return the messages of one file of hidden tests that tell what is hidden."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return []
    tests = (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_"))
    return [problem for test in tests for problem in _of_test(test, path)]


def _of_test(test: ast.FunctionDef, path: Path) -> Iterator[Problem]:
    own = {a.arg for a in test.args.args}
    returned = _grown(test, own & {"student"}, frozenset())
    told = _grown(test, own & _SECRET, returned), returned
    for node in ast.walk(test):
        for said in _said(node):
            yield from _problems(test, path, said, _names(said), *told)
        for measured in _measured(node):
            yield from _problems(test, path, measured, _names(measured), told[0], set())
            yield from _problems(test, path, measured, _unformatted(measured), set(), told[1])


def _problems(
    test: ast.FunctionDef, path: Path, said: ast.expr, used: set[str], secret: set[str], returned: set[str]
) -> Iterator[Problem]:
    for names, advice in (
        (secret, "say what is wrong without inputs and expected values"),
        (returned, "student code returned it and could tell inputs by it; leave it out, or, where it is "
                   "measured, format it as a number such as {x:.3g}"),
    ):  # fmt: skip
        if found := sorted(used & names):
            words = (
                f"{test.name}: students read this message, and it is made from {', '.join(found)}; {advice}"
            )
            yield Problem(path, said.lineno, words)


def _said(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the words of an expectation, or of an assertion, that a student reads."""
    if isinstance(node, ast.Assert) and node.msg is not None:
        yield node.msg
    name = _called(node)
    if isinstance(node, ast.Call) and name.startswith("expect"):
        position = _SAID.get(name)
        yield from node.args[position : position + 2] if position is not None else ()
        yield from (k.value for k in node.keywords if k.arg in _KEYWORDS)


def _measured(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the words beside partial credit."""
    if isinstance(node, ast.Call) and _called(node) == "credit":
        yield from node.args[1:2]
        yield from (k.value for k in node.keywords if k.arg == "measured")


def _called(node: ast.AST) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _grown(test: ast.FunctionDef, names: set[str], apart: Collection[str]) -> set[str]:
    """Return the names that hold what was made from these and not from ``apart``, following assignments."""
    bindings = [pair for node in ast.walk(test) for pair in _bindings(node)]
    while True:
        told = (new for new, value in bindings if _names(value) & names and not _names(value) & set(apart))
        grown = names.union(*told) - set(apart)
        if grown == names:
            return names
        names = grown


def _bindings(node: ast.AST) -> Iterator[tuple[set[str], ast.expr]]:
    """Yield the names that a node binds, with what it binds them to."""
    if isinstance(node, ast.Assign):
        yield {name for target in node.targets for name in _names(target)}, node.value
    elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
        yield _names(node.target), node.value


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _unformatted(said: ast.expr) -> set[str]:
    """Return the names that a text shows in another way than as a formatted number."""
    numbers = [n for n in ast.walk(said) if isinstance(n, ast.FormattedValue) and _is_number(n)]
    inside = {id(name) for number in numbers for name in ast.walk(number.value)}
    return {n.id for n in ast.walk(said) if isinstance(n, ast.Name) and id(n) not in inside}


def _is_number(shown: ast.FormattedValue) -> bool:
    spec = shown.format_spec
    last = spec.values[-1] if isinstance(spec, ast.JoinedStr) and spec.values else None
    return isinstance(last, ast.Constant) and str(last.value)[-1:] in _NUMERIC


__all__ = ["disclosures"]
