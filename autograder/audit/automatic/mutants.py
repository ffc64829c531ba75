"""Every automatic mistake of an assignment's reference, in a fixed order, each different from all others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType

from autograder.audit.automatic import expressions, statements
from autograder.audit.automatic.expressions import Operator
from autograder.audit.automatic.scope import Scope, imported
from autograder.course import Kind
from autograder.source.document import Source, SourceFile
from autograder.source.markers import Hole

OPERATORS: dict[str, Operator] = {**expressions.OPERATORS, **statements.OPERATORS}


@dataclass(frozen=True)
class AutomaticMutant:
    """The reference with one small change in one hole."""

    question: str
    name: str  # "3.2 L7 compare < to <=": the line within the hole, the operator, what it did
    operator: str
    old: str  # the lines that changed, without their indentation
    new: str
    body: str = field(repr=False)  # the whole hole
    path: Path = Path()
    line: int = 1

    @property
    def why(self) -> str:
        """The change, for people."""
        return f"{self.old} -> {self.new}"


def automatic_mutants(source: Source) -> list[AutomaticMutant]:
    """Return the automatic mistakes of all holes: by question, then by place, then by operator."""
    found: list[AutomaticMutant] = []
    for question in source.assignment.questions:
        if question.kind is Kind.CODE:
            _, file, hole = source.place(question.id)
            found += hole_mutants(question.id, file, hole)
    return found


def hole_mutants(question: str, file: SourceFile, hole: Hole) -> list[AutomaticMutant]:
    """Return the automatic mistakes of one hole; what compiles to the same code as another is left out."""
    workbench = _Workbench(file, hole)
    seen = {workbench.reference}
    found: list[AutomaticMutant] = []
    names: dict[str, int] = {}
    for line, operator, what, text in workbench.variants():
        code = _compiled(text)
        if code is None or code in seen:
            continue
        seen.add(code)
        body, old, new = workbench.difference(text)
        name = f"{question} L{line - hole.first + 1} {operator} {what}"
        names[name] = names.get(name, 0) + 1
        name = name if names[name] == 1 else f"{name} ({names[name]})"
        found.append(AutomaticMutant(question, name, operator, old, new, body, file.path, line))
    return found


class _Workbench:
    """The function around one hole, as text and as a tree whose line numbers are the file's."""

    def __init__(self, file: SourceFile, hole: Hole) -> None:
        self._hole = hole
        tree = ast.parse(file.text)
        functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        around = [n for n in functions if n.lineno <= hole.begin and (n.end_lineno or 0) >= hole.first]
        self._function = min(around, key=lambda n: n.lineno)  # the outermost: it compiles on its own
        self._scope = Scope(self._function, imported(tree))
        self._last = max(self._function.end_lineno or hole.end, hole.end - 1)
        self._lines = file.text.split("\n")[self._function.lineno - 1 : self._last]
        self.reference = _compiled("\n".join(self._lines))

    def variants(self) -> Iterator[tuple[int, str, str, str]]:
        """Yield (line in the file, operator, what it did, text of the changed function)."""
        places = [n for n in self._nodes() if self._hole.first <= n.lineno < self._hole.end]
        for node in sorted(places, key=lambda n: (n.lineno, n.col_offset)):
            for operator, function in OPERATORS.items():
                for what, new in function(node, self._scope):
                    if (text := self._replaced(node, new)) is not None:
                        yield node.lineno, operator, what, text

    def difference(self, text: str) -> tuple[str, str, str]:
        """Return the changed hole, and the lines of it that differ: before, after."""
        before, after = self._lines, text.split("\n")
        first = self._hole.first - self._function.lineno
        end = self._hole.end - self._function.lineno
        body = after[first : end + len(after) - len(before)]
        least = min(len(before), len(after))
        start = next((i for i in range(least) if before[i] != after[i]), least)
        tail = next((i for i in range(least - start) if before[-1 - i] != after[-1 - i]), least - start)
        start -= start + tail == len(before)  # only lines were added: the one before them says where
        old, new = (_stripped(lines[start : len(lines) - tail]) for lines in (before, after))
        return "\n".join(body), old, new

    def _nodes(self) -> Iterator[ast.expr | ast.stmt]:
        """Yield what can be changed; the inside of f-strings has no places of its own."""
        todo: list[ast.AST] = [self._function]
        while todo:
            node = todo.pop()
            if isinstance(node, ast.JoinedStr):
                continue
            if isinstance(node, ast.expr | ast.stmt) and node is not self._function:
                yield node
            todo += ast.iter_child_nodes(node)

    def _replaced(self, node: ast.expr | ast.stmt, new: ast.AST) -> str | None:
        """Put a node in another's place; only its own text changes, parenthesised where that is needed."""
        wanted = self._tree_with(node, new)
        for text in _spellings(new, node.col_offset):
            spliced = self._spliced(node, text)
            try:
                tree = ast.parse(_at_top(spliced))
            except SyntaxError:
                continue
            if ast.dump(_only_function(tree)) == wanted:
                return spliced
        return None

    def _tree_with(self, node: ast.AST, new: ast.AST) -> str:
        """Dump the function's tree with another node in a node's place."""
        above = self._scope.parents[node]
        for name, value in ast.iter_fields(above):
            if value is node:
                setattr(above, name, new)
                break
            if isinstance(value, list) and any(item is node for item in value):
                fresh = new.body if isinstance(new, ast.Module) else [new]
                at = next(i for i, item in enumerate(value) if item is node)
                setattr(above, name, [*value[:at], *fresh, *value[at + 1 :]])
                break
        try:
            return ast.dump(self._function)
        finally:
            setattr(above, name, value)

    def _spliced(self, node: ast.expr | ast.stmt, text: str) -> str:
        lines = list(self._lines)
        first, last = node.lineno - self._function.lineno, (node.end_lineno or 0) - self._function.lineno
        head = lines[first].encode()[: node.col_offset].decode()
        tail = lines[last].encode()[node.end_col_offset :].decode()
        lines[first : last + 1] = (head + text + tail).split("\n")
        return "\n".join(lines)


def _stripped(lines: list[str]) -> str:
    return "\n".join(line.strip() for line in lines)


def _spellings(new: ast.AST, indent: int) -> Iterator[str]:
    text = ast.unparse(ast.fix_missing_locations(new)).strip()
    if isinstance(new, ast.Tuple) and new.elts:
        yield text[1:-1].rstrip(",") if len(new.elts) > 1 else text[1:-1]
    if isinstance(new, ast.stmt | ast.Module):
        text = text.replace("\n", "\n" + " " * indent)
    yield text
    yield f"({text})"


def _at_top(text: str) -> str:
    """Make a function's text a module: a method gets a class around it."""
    return text if not text.startswith(" ") else "class _:\n" + text


def _only_function(tree: ast.Module) -> ast.stmt:
    first = tree.body[0]
    return first.body[0] if isinstance(first, ast.ClassDef) else first


def _compiled(text: str) -> object:
    """Return what a function's text compiles to, to tell texts of one meaning; None where it does not."""
    try:
        code = compile(_at_top(text), "hole", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    return _named(code)


def _named(code: CodeType) -> object:
    constants = tuple(
        _named(c) if isinstance(c, CodeType) else (type(c).__name__, repr(c)) for c in code.co_consts
    )
    return (
        code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_exceptiontable, constants,
        code.co_name,
    )  # fmt: skip
