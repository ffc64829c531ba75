"""What an operator must know of the function around a hole: its names, what they are, what is a module."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

# `terminated: (T, N) bool; ...` in the docstring's Args: a name, its shape, its type
_ARGUMENT = re.compile(r"^ +(\w+): ((?:\([^)]*\) )?\w+)", re.M)
_SECTION = re.compile(r"^ *Args:\n(.*?)(?:\n *\n|\Z)", re.M | re.S)


@dataclass(frozen=True)
class Scope:
    """The function that holds a hole."""

    function: ast.FunctionDef | ast.AsyncFunctionDef
    modules: frozenset[str]  # names that imports of the file bind

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The function's parameters, in order."""
        a = self.function.args
        every = (*a.posonlyargs, *a.args, *filter(None, [a.vararg]), *a.kwonlyargs, *filter(None, [a.kwarg]))
        return tuple(arg.arg for arg in every)

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Shape and type of each documented parameter: ``{"terminated": "(T, N) bool"}``."""
        text = ast.get_docstring(self.function) or ""
        section = _SECTION.search(text)
        found = dict(_ARGUMENT.findall(section.group(1))) if section else {}
        return {name: kind for name, kind in found.items() if name in self.parameters}

    def alike(self, name: str) -> list[str]:
        """Return the other parameters that the docstring gives the same shape and type."""
        kind = self.kinds.get(name)
        return [p for p in self.parameters if p != name and kind is not None and self.kinds.get(p) == kind]

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node that holds each node."""
        return {child: node for node in ast.walk(self.function) for child in ast.iter_child_nodes(node)}

    @cached_property
    def bindings(self) -> dict[str, int]:
        """Each name that the function binds, with the line of its first binding; parameters with line 0."""
        first = dict.fromkeys(self.parameters, 0)
        for name, line in sorted(_stored(self.function), key=lambda pair: pair[1]):
            first.setdefault(name, line)
        return first

    def is_module(self, node: ast.expr) -> bool:
        """Tell whether an expression is a module, or something out of one: ``np``, ``np.linalg``."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.modules and node.id not in self.bindings

    def called(self, node: ast.expr) -> str:
        """Return the name of a function of a module or of Python itself: ``max`` of ``np.max``; else ""."""
        if isinstance(node, ast.Attribute) and self.is_module(node.value):
            return node.attr
        return node.id if isinstance(node, ast.Name) and node.id not in self.bindings else ""


def imported(tree: ast.AST) -> frozenset[str]:
    """Return the names that imports bind, anywhere in a file."""
    found = (n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom))
    return frozenset((a.asname or a.name).split(".")[0] for n in found for a in n.names)


def names_stored(node: ast.AST) -> set[str]:
    """Return the names that a statement binds."""
    return {name for name, _ in _stored(node)}


def _stored(node: ast.AST) -> Iterator[tuple[str, int]]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id, inner.lineno
