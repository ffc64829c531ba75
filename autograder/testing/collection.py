"""Collects scoring tests with pytest, once, by hand: no ini file, conftest, plugin or option of the place
where it happens has any influence."""

from __future__ import annotations

import ast
import contextlib
import itertools
import linecache
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from _pytest.assertion.rewrite import rewrite_asserts
from _pytest.config import Config, _prepareconfig
from _pytest.main import Session
from _pytest.mark.structures import MARK_GEN

from autograder.testing.plugin import Fixtures

_BLOCKED = (
    "cacheprovider", "terminal", "capture", "logging", "warnings", "unittest", "doctest", "junitxml",
    "pastebin", "stepwise", "faulthandler", "unraisableexception", "threadexception", "recwarn",
    "tmpdir", "legacypath", "subtests", "setuponly", "setupplan", "nose",
)  # fmt: skip
_ENVIRONMENT = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DEBUG")
_counter = itertools.count()


@dataclass(frozen=True)
class Problem:
    """One mistake of an author, at its place."""

    path: Path
    line: int
    message: str


@dataclass
class Collected:
    """Items of one folder of tests, with the mistakes found on the way."""

    items: list[pytest.Function]
    problems: list[Problem]


class ScoringModule(pytest.Module):
    """A test file, loaded under a name that no other file has; siblings are reached by relative imports."""

    package: str

    def _getobj(self) -> ModuleType:
        return _load(self.path, self.package, self.config)


def make_session(root: Path) -> Session:
    """Make a pytest session that knows our fixtures and nothing of its surroundings."""
    args = ["--noconftest", "-c", os.devnull, "--rootdir", str(root), "--assert=plain"]
    args += [f"-pno:{name}" for name in _BLOCKED]
    with _clean_environment():
        config = _prepareconfig(args, plugins=[Fixtures()])
        config.addinivalue_line("markers", "question(label, points): the test scores a question")
        before = MARK_GEN._config
        try:
            config._do_configure()
            session = Session.from_config(config)
            config.hook.pytest_sessionstart(session=session)
        finally:
            MARK_GEN._config = before
    return session


@contextlib.contextmanager
def _clean_environment() -> Iterator[None]:
    saved = {name: os.environ.pop(name, None) for name in (*_ENVIRONMENT, "PYTEST_DISABLE_PLUGIN_AUTOLOAD")}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        for name, value in saved.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def collect_folder(session: Session, folder: Path) -> Collected:
    """Collect every ``test_*.py`` of a folder; one that cannot be loaded is a problem, not an exception."""
    found = Collected([], [])
    package = _make_package(folder)
    before_config, before_bytecode = MARK_GEN._config, sys.dont_write_bytecode
    MARK_GEN._config, sys.dont_write_bytecode = session.config, True
    try:
        for path in sorted(folder.glob("test_*.py")):
            _collect_file(session, path, package, found)
    finally:
        MARK_GEN._config, sys.dont_write_bytecode = before_config, before_bytecode
    return found


def _make_package(folder: Path) -> str:
    """Register a package of a unique name, so that ``from .cases import X`` finds the folder's own files."""
    package = ModuleType(f"autograder_tests_{next(_counter)}")
    package.__path__ = [str(folder)]
    sys.modules[package.__name__] = package
    return package.__name__


def _collect_file(session: Session, path: Path, package: str, found: Collected) -> None:
    try:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source, filename=str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        found.problems.append(Problem(path, line, f"not valid Python: {getattr(error, 'msg', error)}"))
        return
    found.problems += _repeated_names(tree, path)
    linecache.checkcache(str(path))
    module = ScoringModule.from_parent(session, path=path)
    module.package = package
    try:
        _ = module.obj
        items = [item for child in module.collect() for item in _items(child)]
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        found.problems.append(_load_problem(error, path))
        return
    names = {item.originalname for item in items}
    for name, value in vars(module.obj).items():
        marked = any(mark.name == "question" for mark in getattr(value, "pytestmark", ()) or ())
        if marked and callable(value) and name not in names:
            line = getattr(getattr(value, "__code__", None), "co_firstlineno", 1)
            words = f"{name} scores a question but is no test; call it test_{name}"
            found.problems.append(Problem(path, line, words))
    found.items += items


def _items(node: Any) -> Iterator[pytest.Function]:
    if isinstance(node, pytest.Function):
        yield node
    else:
        for child in node.collect():
            yield from _items(child)


def _load(path: Path, package: str, config: Config) -> ModuleType:
    source = path.read_bytes()
    tree = ast.parse(source, filename=str(path))
    rewrite_asserts(tree, source, str(path), config)
    module = ModuleType(f"{package}.{path.stem}")
    module.__file__ = str(path)
    module.__package__ = package
    sys.modules[module.__name__] = module
    exec(compile(tree, str(path), "exec", dont_inherit=True), module.__dict__)
    return module


def _load_problem(error: BaseException, path: Path) -> Problem:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path) and frame.lineno]
    text = str(error).splitlines()[0] if str(error) else ""
    words = f"the tests cannot be loaded: {type(error).__name__}: {text}"
    return Problem(path, lines[-1] if lines else 1, words)


def _repeated_names(tree: ast.Module, path: Path) -> list[Problem]:
    seen: dict[str, int] = {}
    problems = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            if node.name in seen:
                words = f"{node.name} is defined again (first in line {seen[node.name]}); rename one"
                problems.append(Problem(path, node.lineno, words))
            seen[node.name] = node.lineno
    return problems


def definition_lines(path: Path) -> dict[int, int]:
    """Map the line of a function's first decorator, which its code knows, to the line of its ``def``."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError):
        return {}
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {min([f.lineno, *(d.lineno for d in f.decorator_list)]): f.lineno for f in functions}


def unknown_fixtures(item: pytest.Function) -> Sequence[str]:
    """Return the fixtures a test asks for and nobody provides."""
    known = item._fixtureinfo.name2fixturedefs
    callspec = getattr(item, "callspec", None)
    params = set(callspec.params) if callspec is not None else set()
    return [n for n in item.fixturenames if n not in known and n not in params and n != "request"]
