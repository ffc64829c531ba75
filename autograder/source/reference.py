"""The reference module: the complete source, executed without its experiments, for hidden tests."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import autograder
from autograder.course import Course
from autograder.errors import AuthoringError
from autograder.sandbox.loader import is_definition, without_magics
from autograder.source.document import Source, read_source
from autograder.source.markers import lines_of


def reference_source(
    course: Course, slug: str, source: Source | None = None, *, experiments: bool = False
) -> str:
    """Return the complete source with every line that grading does not run made blank; line numbers stay.

    With ``experiments`` what the experiments define stays too, though not what they run.
    """
    source = source or read_source(course, slug, complete=False)
    lines = lines_of(source.notebook.text)
    kept = [""] * len(lines)
    for cell in source.cells:
        kind = source.kind(cell)
        if kind in ("glue", "hole"):
            kept[cell.line : cell.last] = lines[cell.line : cell.last]
        elif kind == "experiment" and experiments:
            for first, last in _definitions(lines[cell.line : cell.last]):
                kept[cell.line + first : cell.line + last] = lines[cell.line + first : cell.line + last]
    return "\n".join(kept)


def _definitions(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Yield the first line, from 0, and the line after the last of each definition at the top of a cell."""
    for node in ast.parse(without_magics("\n".join(lines))).body:
        if is_definition(node):
            decorators = getattr(node, "decorator_list", [])
            yield min(n.lineno for n in (node, *decorators)) - 1, node.end_lineno or node.lineno


def load_reference(
    course: Course, slug: str, source: Source | None = None, *, experiments: bool = False
) -> ModuleType:
    """Execute the complete source as a module; with ``experiments``, their definitions too.

    The notebook's ``check`` and ``submit`` do nothing there, and further files of the source are
    imported from solutions/ without staying in ``sys.modules``. It is executed in the assignment's folder,
    where ``data`` lies as it does beside a student's notebook.

    Raises:
        AuthoringError: the source raises; the line is the one of ``solutions/<slug>/<slug>.py``.
    """
    source = source or read_source(course, slug, complete=False)
    path = source.notebook.path
    module = ModuleType(f"reference_{slug}", f"The reference solution of {slug}.")
    module.__file__ = str(path)
    text = reference_source(course, slug, source, experiments=experiments)
    code = compile(text, str(path), "exec")
    with _importable(source), chdir(source.assignment.path):
        sys.modules[module.__name__] = module  # dataclasses look their module up
        try:
            exec(code, module.__dict__)
        except Exception as error:
            line = _line_in(error, path)
            raise AuthoringError(
                f"the reference raises {type(error).__name__}: {error}", path, line
            ) from error
    return module


def _line_in(error: BaseException, path: Path) -> int:
    line, step = 1, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == str(path):
            line = step.tb_lineno
        step = step.tb_next
    return line


@contextmanager
def _importable(source: Source) -> Iterator[None]:
    """Let the source import its further files and a ``check`` that does nothing; undo both afterwards."""
    names = {Path(name).with_suffix("").parts[0] for name in source.files}
    names |= {p.stem for p in source.solution.glob("*.py")} - {source.assignment.slug}

    def ours() -> list[str]:
        return [m for m in sys.modules if m.split(".", maxsplit=1)[0] in names]

    hidden = {name: sys.modules.pop(name) for name in ours()}
    package = vars(autograder)
    loud = {name: package[name] for name in autograder.__all__ if name in package}
    package.update(dict.fromkeys(autograder.__all__, _nothing))
    folder = str(source.solution)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        for name in ours():
            del sys.modules[name]
        sys.modules.update(hidden)
        for name in autograder.__all__:
            del package[name]
        package.update(loud)


def _nothing(*_: Any, **__: Any) -> None:
    """Stand in for ``check`` and ``submit``."""


__all__ = ["load_reference", "reference_source"]
