"""Takes away the layers outside the sandbox, one by one, in this process and for a while.

Production code has no switch for them: here they are patched.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from autograder.grading import attempt, gradebook
from autograder.intake import archive, choice, entries, notebook, submission
from autograder.reports import lms, notebook_html, pages, wording
from autograder.sandbox.code import Cell
from autograder.testing import outcomes, suite
from tests.attacks.attack import Own

_ENDLESS = 1 << 40


@contextlib.contextmanager
def switched_off(layers: Collection[Own]) -> Iterator[None]:
    """Take some layers away; BOUNDARY is no patch but another grader, and is none here."""
    with contextlib.ExitStack() as stack:
        for layer in layers:
            for target, name, value in _PATCHES.get(layer, list)():
                stack.enter_context(patch.object(target, name, value))
        pages._environment.cache_clear()
        notebook_html._markdown.cache_clear()
        stack.callback(pages._environment.cache_clear)
        stack.callback(notebook_html._markdown.cache_clear)
        yield


def _unchanged(text: str, *limits: int) -> str:
    return text


def _escaping() -> list[tuple[Any, str, Any]]:
    from jinja2 import Environment

    class Raw(Environment):
        def __init__(self, **options: Any) -> None:
            super().__init__(**{**options, "autoescape": False})

    class Passing:
        def clean(self, html: str) -> str:
            return html

    return [
        *((module, "plain", _unchanged) for module in (wording, notebook_html)),
        (lms, "_cell", _unchanged),
        (gradebook, "_safe", _unchanged),
        (notebook_html, "escape", _unchanged),
        (notebook_html, "_cleaner", Passing),
        (wording, "safe_file_name", lambda text: re.sub(r"[/\0]", "_", text)),
        *((module, "printable", _unchanged) for module in (choice, entries, submission, outcomes)),
        (notebook_html, "_convert", _converted),
        (notebook_html, "_visible", _unchanged),
        (__import__("jinja2"), "Environment", Raw),
    ]


def _converted(tex: str, display: str) -> str:
    from latex2mathml.converter import convert

    return str(convert(tex, display=display))


def _withheld() -> list[tuple[Any, str, Any]]:
    return [
        (suite, "withheld", lambda verdict, error: verdict),
        (pages, "for_student", lambda result: result),
        (lms, "for_student", lambda result: result),
    ]


def _intake() -> list[tuple[Any, str, Any]]:
    limits = ("MAX_BYTES", "MAX_TEXT", "MAX_CONTAINERS", "MAX_ITEMS", "MAX_CELLS", "MAX_SOURCE", "MAX_SOURCES")
    return [
        (archive, "extract", extract_carelessly),
        *((notebook, name, _ENDLESS) for name in limits),
        (notebook, "_without_large_outputs", lambda text: (text, 0)),
        (notebook, "clean_text", _unchanged),
        (notebook, "_parse", lambda text, name: json.loads(text)),
        (submission, "is_own_module", lambda name: name.endswith(".py")),
        (submission, "MAX_MODULES", _ENDLESS),
        (entries, "name_fault", lambda name: ""),
        (choice, "_listed", _listed_carelessly),
    ]


def _added_cells() -> list[tuple[Any, str, Any]]:
    matcher = __import__("autograder.intake.matching", fromlist=["_Matcher"])._Matcher
    careful = matcher._added_cell

    def added_cell(self: Any, position: int, suffix: str = "") -> Cell:
        cell: Cell = careful(self, position, suffix)
        return Cell(cell.id, self.cells[position].source, "glue", cell.questions, cell.label)

    return [(matcher, "_added_cell", added_cell), (matcher, "_runs_more", lambda *a: False)]


def _artifact() -> list[tuple[Any, str, Any]]:
    return [
        (submission, "MAX_FILE", _ENDLESS),
        (submission, "MAX_FILES", _ENDLESS),
        (attempt, "not_attempted", lambda *arguments: ""),
    ]


def _hidden_tests() -> list[tuple[Any, str, Any]]:
    careful = suite.Suite.run

    def run(self: Any, question_id: str, student: Any, **options: Any) -> Any:
        tests, attachments = careful(self, question_id, student, **{**options, "public_only": True})
        whole = self.assignment.question(question_id).points / sum(test.possible for test in tests)
        scaled = (replace(t, points=t.points * whole, possible=t.possible * whole) for t in tests)
        return tuple(scaled), attachments

    return [(suite.Suite, "run", run)]


_PATCHES: dict[Own, Callable[[], list[tuple[Any, str, Any]]]] = {
    Own.ESCAPING: _escaping, Own.WITHHELD: _withheld, Own.INTAKE: _intake, Own.ADDED_CELLS: _added_cells,
    Own.ARTIFACT: _artifact, Own.HIDDEN_TESTS: _hidden_tests,
}  # fmt: skip


def extract_carelessly(path: Path, into: Path, limits: Any = None, under: str = "") -> archive.Extracted:
    """Unpack as a script does that trusts names, kinds and sizes."""
    into.mkdir(parents=True, exist_ok=True)
    data = path.read_bytes()
    write = _zip_carelessly if data[:2] == b"PK" else _tar_carelessly
    names = list(write(data, into))
    return archive.Extracted(tuple(dict.fromkeys(n for n in names if os.path.isfile(into / n))))


def _zip_carelessly(data: bytes, into: Path) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        for info in opened.infolist():
            name = info.orig_filename.replace("\\", "/").split("\0")[0]
            if name.endswith("/"):
                continue
            content = _unpacked(data, info)
            if stat.S_ISLNK(info.external_attr >> 16):
                _link(into / name, content.decode())
            else:
                _write(into / name, content)
            yield name
            if name.endswith(".zip"):
                yield from (f"{name}.d/{n}" for n in _zip_carelessly(content, into / f"{name}.d"))


def _unpacked(data: bytes, info: zipfile.ZipInfo) -> bytes:
    """Unpack what lies where an entry points, whatever name and size it gives; bounded all the same."""
    name_bytes, extra_bytes = struct.unpack_from("<HH", data, info.header_offset + 26)
    start = info.header_offset + 30 + name_bytes + extra_bytes
    if info.compress_type == zipfile.ZIP_STORED:
        return data[start : start + info.compress_size]
    return zlib.decompressobj(-15).decompress(data[start:], 200 << 20)


def _tar_carelessly(data: bytes, into: Path) -> Iterator[str]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as opened:
        for member in opened:
            target = into / member.name
            if member.issym() or member.islnk():
                _link(target, member.linkname)
            elif member.isfifo():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.mkfifo(target)
            elif member.isfile() and (content := opened.extractfile(member)) is not None:
                _write(target, content.read())
            yield member.name


def _link(target: Path, to: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(to)


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _listed_carelessly(root: Path, refused: list[str]) -> Iterator[str]:
    yield from (p.relative_to(root).as_posix() for p in sorted(root.rglob("*")) if p.is_file())
