"""Finds messages of hidden tests that would tell a student what was hidden.

What a hidden test says to a student (``message``, ``what``, ``hint``) must not be built from the reference's
answers or from what was drawn. Found in the tests' text: a name is secret where it is assigned something that
was, directly or not, computed from ``reference``, ``rng`` or ``seed``. Names of loops pass: they go through
tables in which words stand beside numbers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from autograder.testing.collection import Problem

_SECRET = frozenset({"reference", "rng", "seed"})
_SAID = {"expect": 1}  # position of `message`; every other expectation says `what` and `hint` by keyword
_KEYWORDS = ("message", "what", "hint")


def disclosures(path: Path) -> list[Problem]:
    """Return the messages of one file of hidden tests that tell what is hidden."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return []
    tests = (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_"))
    return [problem for test in tests for problem in _of_test(test, path)]


def _of_test(test: ast.FunctionDef, path: Path) -> Iterator[Problem]:
    secret = _secret_names(test)
    for call in (n for n in ast.walk(test) if isinstance(n, ast.Call)):
        for said in _said(call):
            if found := sorted(_names(said) & secret):
                words = (
                    f"{test.name}: students read this message, and it is made from {', '.join(found)}; "
                    "say what is wrong without inputs and expected values"
                )
                yield Problem(path, said.lineno, words)


def _said(call: ast.Call) -> Iterator[ast.expr]:
    """Yield the arguments of an expectation that a student reads."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name.startswith("expect"):
        position = _SAID.get(name)
        yield from call.args[position : position + 2] if position is not None else ()
        yield from (k.value for k in call.keywords if k.arg in _KEYWORDS)


def _secret_names(test: ast.FunctionDef) -> set[str]:
    """Return the names that hold what was drawn or what the reference says, following assignments."""
    secret = {a.arg for a in test.args.args} & _SECRET
    bindings = [pair for node in ast.walk(test) for pair in _bindings(node)]
    grown = True
    while grown:
        told = (names for names, value in bindings if _names(value) & secret and not _asks(value))
        new: set[str] = set().union(*told)
        grown = not new <= secret
        secret |= new
    return secret


def _bindings(node: ast.AST) -> Iterator[tuple[set[str], ast.expr]]:
    """Yield the names that a node binds, with what it binds them to."""
    if isinstance(node, ast.Assign):
        yield {name for target in node.targets for name in _names(target)}, node.value
    elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
        yield _names(node.target), node.value


def _asks(value: ast.expr) -> bool:
    """Tell whether a value comes from the student's code, which the student may read about."""
    return "student" in _names(value)


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


__all__ = ["disclosures"]
