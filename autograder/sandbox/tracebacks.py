"""An exception as text for its author: the frames from the student's code on, plain and cut."""

from __future__ import annotations

import ast
import os
import traceback

from autograder.sandbox import protocol as p

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def describe(error: BaseException) -> tuple[str, str, str]:
    """Return an exception's class name, message and traceback, whatever it does when asked."""
    kind = str(type.__getattribute__(type(error), "__name__"))[: p.NAME_CHARS]
    try:
        message = _cut(str(error), p.MESSAGE_CHARS)
    except Exception:  # a __str__ of the student's own
        message = "(its text cannot be shown)"
    try:
        lines = _cut("".join(_lines(error)), p.TRACEBACK_CHARS)
    except Exception:
        lines = ""
    return kind, message, lines


def _lines(error: BaseException) -> list[str]:
    report = traceback.TracebackException.from_exception(error, limit=200, compact=True)
    seen = 0
    link: traceback.TracebackException | None = report
    while link is not None and seen < 10:
        link.stack = _own_frames(link.stack)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
        seen += 1
    return list(report.format())


def _own_frames(stack: traceback.StackSummary) -> traceback.StackSummary:
    """Leave the grader's frames and its parsing out, and name library files without the machine's folders."""
    frames = []
    for frame in stack:
        if frame.filename.startswith((_HERE, "<frozen importlib")) or frame.filename == ast.__file__:
            continue
        name = frame.filename
        for folder in ("site-packages" + os.sep, f"python{os.sep}lib{os.sep}"):
            name = name.rpartition(folder)[2] if folder in name else name
        if os.path.isabs(name):
            name = os.path.basename(name)
        frames.append(_renamed(frame, name))
    return traceback.StackSummary.from_list(frames)


def _renamed(frame: traceback.FrameSummary, name: str) -> traceback.FrameSummary:
    line = frame.line  # read from the file under its own name
    return traceback.FrameSummary(name, frame.lineno, frame.name, lookup_line=False, line=line)


def _cut(text: str, length: int) -> str:
    """Keep the end of a long text's beginning and of its end: the last lines say what happened."""
    if len(text) <= length:
        return text
    half = length // 2 - 10
    return f"{text[:half]}\n[...]\n{text[-half:]}"
