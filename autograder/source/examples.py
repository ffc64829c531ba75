"""An assignment's sample class: submissions made from its own source, so that they never go stale."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

from autograder.course import Course
from autograder.errors import AuthoringError
from autograder.source import variants
from autograder.source.document import read_source

BUILD = Path("examples") / "build.py"


def write_examples(course: Course, slug: str, out: Path) -> list[tuple[str, str]]:
    """Write the sample class of an assignment into a folder.

    A ``build`` that takes ``files`` gets the complete further files and artifacts, by name, to put into zips.

    Args:
        course: the course's folders.
        slug: the assignment.
        out: the folder; files of the same names are replaced.

    Returns:
        Each file's name and, where ``describe()`` tells it, what is special about it.

    Raises:
        AuthoringError: the assignment has no ``examples/build.py``, or it fails.
    """
    course.assignment(slug)  # names the known ones
    path = course.solution(slug) / BUILD
    if not path.is_file():
        raise AuthoringError(
            "no sample class: no such file; it defines `build(out, solved, starter, alternatives)`", path
        )
    source = read_source(course, slug)
    others = {f"{a.question} {a.name}": a.source for a in variants.alternatives(course, slug, source)}
    module = _load(path, slug)
    complete = variants.solved(source)
    beside = {"files": dict(complete.files)} if "files" in inspect.signature(module.build).parameters else {}
    try:
        module.build(out, complete.notebook, variants.starter(source).notebook, others, **beside)
    except Exception as error:
        raise AuthoringError(
            f"the sample class cannot be built: {error}", path, _line(error, path)
        ) from error
    described = dict(module.describe()) if hasattr(module, "describe") else {}
    return [
        (p.name, described.get(p.name, ""))
        for p in sorted(out.iterdir())
        if p.name in described or not described
    ]


def _load(path: Path, slug: str) -> ModuleType:
    name = f"robolearn_examples_{slug}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look themselves up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise AuthoringError(
            f"cannot be imported: {type(error).__name__}: {error}", path, _line(error, path)
        ) from error
    if not callable(getattr(module, "build", None)):
        raise AuthoringError("defines no `build(out, solved, starter, alternatives)`", path)
    return module


def _line(error: BaseException, path: Path) -> int:
    """Return the last line of a file that an exception passed through."""
    line = error.lineno if isinstance(error, SyntaxError) and error.lineno else 1
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
