"""Writes for a TA where a test stopped: its own lines up to the one that failed, with its arguments.

pytest's own report says the same and parses the file for it; this one costs a tenth of a millisecond, which
counts where a class fails by the thousand.
"""

from __future__ import annotations

import linecache
import traceback
from pathlib import Path
from types import TracebackType

from autograder.testing.mismatch import Mismatch
from autograder.testing.plugin import FIXTURES
from autograder.testing.values import printable, show

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_LINES = 60  # of one function
_FIXTURES = set(FIXTURES) - {"seed", "tmp_path"}  # objects of ours, which say nothing about a failure


def write(error: BaseException, path: Path) -> str:
    """Write the frames of a test's file and of what it called, without ours and pytest's.

    Args:
        error: what left the test.
        path: the test's file.
    """
    frames = [entry for entry in _entries(error.__traceback__) if not _ours(entry)]
    while frames and frames[0].tb_frame.f_code.co_filename != str(path):
        frames.pop(0)
    if not frames:
        return write_all(error)
    blocks = [_source(frames[0], path)]
    for entry in frames[1:]:
        code = entry.tb_frame.f_code
        line = linecache.getline(code.co_filename, entry.tb_lineno).strip()
        blocks.append(f"{Path(code.co_filename).name}:{entry.tb_lineno}: in {code.co_name}\n    {line}")
    if isinstance(error, Mismatch):  # it stands above the frames in full
        return "\n".join(blocks)
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be shown)"
    last = f"{type(error).__name__}: {printable(text, 4000)}"
    return "\n".join([*blocks, *(f"E   {line}" for line in last.splitlines())])


def write_all(error: BaseException) -> str:
    """Write every frame and every cause, for an error that is the grader's own."""
    return printable("".join(traceback.format_exception(error, limit=60)), 16_000)


def _entries(entry: TracebackType | None) -> list[TracebackType]:
    entries = []
    while entry is not None:
        entries.append(entry)
        entry = entry.tb_next
    return entries


def _ours(entry: TracebackType) -> bool:
    return entry.tb_frame.f_code.co_filename.startswith(_PACKAGE)


def _source(entry: TracebackType, path: Path) -> str:
    code = entry.tb_frame.f_code
    found = {name: entry.tb_frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount]}
    values = [f"{name} = {show(value, 300)}" for name, value in found.items() if name not in _FIXTURES]
    numbers = range(max(code.co_firstlineno, entry.tb_lineno - _LINES), entry.tb_lineno + 1)
    lines = [
        ("> " if n == entry.tb_lineno else "  ") + linecache.getline(code.co_filename, n).rstrip()
        for n in numbers
    ]
    return "\n".join([f"{path.name}:{entry.tb_lineno}: in {code.co_name}", *values, "", *lines])
