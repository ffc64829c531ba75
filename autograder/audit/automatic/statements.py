"""Mistakes in statements; each operator is as in :mod:`autograder.audit.automatic.expressions`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from autograder.audit.automatic.expressions import Change, Operator, short
from autograder.audit.automatic.scope import Scope, names_stored


def dropped(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """A statement forgotten. One that gives a name its first value is kept: without it nothing could run."""
    if not isinstance(node, ast.stmt) or isinstance(node, ast.Pass | ast.Import | ast.ImportFrom):
        return
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Global | ast.Nonlocal):
        return
    first = {n for n in names_stored(node) if node.lineno <= scope.bindings.get(n, 0) <= _end(node)}
    if not any(_read_after(n, node, scope) for n in first):
        yield f"without {short(_head(node))}", ast.Pass()
    if isinstance(node, ast.Break):
        yield "break to continue", ast.Continue()


def branch(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """A branch always or never taken, or the other one; a loop that never begins, or runs only once."""
    above = scope.parents[node]
    if isinstance(above, ast.If | ast.While) and node is above.test and isinstance(node, ast.expr):
        values = (True, False) if isinstance(above, ast.If) else (False,)
        for value in values:
            yield f"{short(node)} to {value}", ast.Constant(value)
        if not isinstance(node, ast.Compare | ast.Constant):
            yield f"{short(node)} negated", ast.UnaryOp(ast.Not(), node)
    elif isinstance(above, ast.For) and node is above.iter and isinstance(node, ast.expr):
        yield f"{short(node)} to nothing", ast.Tuple([], ast.Load())
    leaves = isinstance(node, ast.Break | ast.Continue | ast.Return)
    if isinstance(above, ast.While | ast.For) and node is above.body[-1] and not leaves:
        yield "the loop ends after once", ast.Module([node, ast.Break()], [])  # type: ignore[list-item]


def in_place(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """An array written into instead of made anew, and the other way round."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        target, value = node.targets[0], node.value
        if isinstance(value, ast.BinOp) and isinstance(value.left, ast.Name) and value.left.id == target.id:
            yield _to(node, ast.AugAssign(target, value.op, value.right))
        elif isinstance(value, ast.Name) and scope.bindings[target.id] < node.lineno:
            whole = ast.Subscript(ast.Name(target.id, ast.Load()), ast.Constant(...), ast.Store())
            yield _to(node, ast.Assign([whole], value))
    elif (
        isinstance(node, ast.AugAssign)
        and isinstance(node.target, ast.Name)
        and not isinstance(node.value, ast.Constant)  # a counter is no array
    ):
        fresh = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
        yield _to(node, ast.Assign([node.target], fresh))


def returned(node: ast.AST, scope: Scope) -> Iterator[Change]:
    """A part of what is returned forgotten."""
    if isinstance(node, ast.Tuple) and isinstance(scope.parents[node], ast.Return) and len(node.elts) > 1:
        for i, part in enumerate(node.elts):
            rest = [*node.elts[:i], *node.elts[i + 1 :]]
            yield f"without {short(part)}", rest[0] if len(rest) == 1 else ast.Tuple(rest, ast.Load())


def _head(node: ast.stmt) -> ast.AST:
    """Return what names a statement: a compound one without its body."""
    if isinstance(node, ast.While | ast.If):
        return node.test
    if isinstance(node, ast.For):
        return node.iter
    return node


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _read_after(name: str, node: ast.stmt, scope: Scope) -> bool:
    reads = (n for n in ast.walk(scope.function) if isinstance(n, ast.Name) and n.id == name)
    return any(isinstance(n.ctx, ast.Load) and n.lineno > _end(node) for n in reads)


def _to(old: ast.AST, new: ast.stmt) -> Change:
    return f"{short(old)} to {short(ast.fix_missing_locations(new))}", new


OPERATORS: dict[str, Operator] = {
    "statement": dropped, "branch": branch, "in place": in_place, "returned": returned,
}  # fmt: skip
