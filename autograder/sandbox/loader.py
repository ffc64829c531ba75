"""Runs a submission's cells, each on its own, in a module that is not ``__main__``.

The only file that executes student code when grading. A cell that fails is reported; what it defines after
the line that failed, and every other cell, still loads.
"""

from __future__ import annotations
import __future__

import ast
import linecache
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from autograder.sandbox import tracebacks
from autograder.sandbox.code import Cell

MODULE = "submission"
_FUTURE_FLAGS = 0
for _name in __future__.all_feature_names:
    _FUTURE_FLAGS |= getattr(__future__, _name).compiler_flag

_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass)
_CONSTANT_PARTS = (
    ast.Constant, ast.Name, ast.Attribute, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.Tuple,
    ast.List, ast.Set, ast.Dict, ast.Starred, ast.Lambda, ast.JoinedStr, ast.FormattedValue, ast.Slice,
    ast.Subscript, ast.IfExp, ast.keyword, ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop,
)  # fmt: skip
# Calls that only make a value or a definition: x = np.array([1, 2]), State = namedtuple(...)
_CONSTANT_CALLS = frozenset((
    "NamedTuple", "NewType", "TypeVar", "arange", "array", "cache", "default_rng", "device", "dict", "dtype",
    "eye", "field", "float", "frozenset", "int", "linspace", "list", "lru_cache", "namedtuple", "ones",
    "partial", "radians", "range", "set", "sqrt", "str", "tensor", "tuple", "vectorize", "zeros",
))  # fmt: skip


def new_module() -> types.ModuleType:
    """Make the module that cells run in; importable, so that dataclasses and pickling find it."""
    module = types.ModuleType(MODULE)
    module.__dict__["display"] = _nothing
    module.__dict__["get_ipython"] = _nothing
    sys.modules[MODULE] = module
    return module


def silence_notebook_checks() -> None:
    """Make ``from autograder import check, submit`` harmless: a submission is not checked by itself."""
    import autograder

    vars(autograder).update(check=_nothing, submit=_nothing)


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Do nothing, for calls that belong to the notebook."""


def load(
    cells: Iterable[Cell], module: types.ModuleType, announce: Callable[[str], None] = _nothing
) -> Iterator[tuple[str, str, str, str]]:
    """Run the cells in order, yielding (cell id, type name, message, traceback) for each that fails.

    Args:
        cells: the submission's.
        module: their namespace.
        announce: told the id of each cell before it runs.
    """
    flags = 0
    labels: set[str] = set()
    for cell in cells:
        announce(cell.id)
        label = cell.label or cell.id
        label = label if label not in labels else f"{label} ({cell.id})"
        labels.add(label)
        try:
            flags = _run(cell, label, module.__dict__, flags)
        except BaseException as error:  # SystemExit and KeyboardInterrupt cost one cell too
            yield (cell.id, *tracebacks.describe(error))


def _run(cell: Cell, label: str, namespace: dict[str, Any], flags: int) -> int:
    """Run one cell; return the ``__future__`` flags for the cells after it, as IPython does."""
    source = without_magics(cell.source)
    linecache.cache[label] = (len(source), None, source.splitlines(keepends=True), label)
    tree = ast.parse(source, label)
    if cell.kind == "added":
        tree.body = [node for node in tree.body if is_definition(node)]
    code = _compile(tree.body, label, flags)
    try:
        exec(code, namespace)
    except BaseException as error:
        _define_the_rest(tree.body, _line_of(error, label), label, namespace, flags)
        raise
    return flags | (code.co_flags & _FUTURE_FLAGS)


def _compile(body: list[ast.stmt], label: str, flags: int) -> types.CodeType:
    code: types.CodeType = compile(ast.Module(body, []), label, "exec", flags=flags, dont_inherit=True)
    return code


def _define_the_rest(
    body: list[ast.stmt], failed_line: int, label: str, namespace: dict[str, Any], flags: int
) -> None:
    for node in body:
        if node.lineno > failed_line and is_definition(node):
            try:
                exec(_compile([node], label, flags), namespace)
            except BaseException:  # the first failure is the one to report
                return


def _line_of(error: BaseException, label: str) -> int:
    trace = error.__traceback__
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == label and trace.tb_frame.f_code.co_name == "<module>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def is_definition(node: ast.stmt) -> bool:
    """Tell whether a statement only imports, defines, or names a constant."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return _is_constant(value)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody):
            inner = [*body, *orelse, *finalbody, *(s for h in handlers for s in h.body)]
            return all(is_definition(s) for s in inner)
    return isinstance(node, _DEFINITIONS)


def _is_constant(value: ast.expr) -> bool:
    if isinstance(value, ast.Lambda):
        return True
    for node in ast.walk(value):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if name not in _CONSTANT_CALLS:
                return False
        elif not isinstance(node, _CONSTANT_PARTS):
            return False
    return True


_MAGIC = re.compile(r"^\s*(?:%|!|\?|.*\?\s*$)")
_FOREIGN_CELLS = (
    "%%bash", "%%sh", "%%html", "%%javascript", "%%js", "%%latex", "%%markdown", "%%script", "%%writefile",
)  # fmt: skip


def without_magics(source: str) -> str:
    """Blank out IPython's magics and shell lines, where the source is not Python without that."""
    if source.lstrip().startswith(_FOREIGN_CELLS):
        return ""
    if "%" not in source and "!" not in source and "?" not in source:
        return source
    try:
        ast.parse(source)
        return source
    except (SyntaxError, ValueError):
        pass
    plain = "\n".join(_blank(line) if _MAGIC.match(line) else line for line in source.split("\n"))
    try:
        ast.parse(plain)
    except (SyntaxError, ValueError):
        return source  # the error is the student's own, and speaks of their text
    return plain


def _blank(line: str) -> str:
    return line[: len(line) - len(line.lstrip())] + "pass"
