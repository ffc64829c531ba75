"""Cut holes out of complete code, or take the markers off it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from autograder.source.markers import Hole, find_holes, lines_of

LINE_LENGTH = 110  # of the student's copy


def cut(text: str, labels: Collection[str], path: Path = Path("source.py")) -> str:
    """Return the student's copy: each hole becomes its hints and a NotImplementedError.

    Raises:
        AuthoringError: a marker is wrong; nothing is cut then.
    """
    return cut_holes(text, find_holes(text, labels, path))


def cut_holes(text: str, holes: Sequence[Hole]) -> str:
    """Cut holes that were found in this very text."""
    return _replace(text, holes, lambda hole, _: _todo(hole))


def uncover(text: str, holes: Sequence[Hole], other: Mapping[str, str] | None = None) -> str:
    """Return the complete code without markers and hints; some holes with other lines, by question."""

    def lines_for(hole: Hole, lines: list[str]) -> list[str]:
        given = (other or {}).get(hole.id)
        return lines[hole.first - 1 : hole.end - 1] if given is None else lines_of(given)

    return _replace(text, holes, lines_for)


def body(text: str, hole: Hole) -> str:
    """Return the lines that a student would write."""
    return "\n".join(lines_of(text)[hole.first - 1 : hole.end - 1])


def with_body(text: str, hole: Hole, new: str) -> str:
    """Put other lines into a hole; the markers stay."""
    lines = lines_of(text)
    lines[hole.first - 1 : hole.end - 1] = lines_of(new)
    return "\n".join(lines)


def _replace(text: str, holes: Sequence[Hole], lines_for: Callable[[Hole, list[str]], list[str]]) -> str:
    lines = lines_of(text)
    for hole in sorted(holes, key=lambda h: h.begin, reverse=True):
        lines[hole.begin - 1 : hole.end] = lines_for(hole, lines)
    return "\n".join(lines)


def _todo(hole: Hole) -> list[str]:
    comment = _hints(hole)
    comment.append(f'raise NotImplementedError("{hole.label} is yours to write")')
    return [hole.indent + line for line in comment]


def _hints(hole: Hole) -> list[str]:
    """Lay the hints out under the label, and wrap them anew where the label makes a line too long."""
    first, *rest = hole.hints or (" Write this part.",)
    lines = [f"# TODO({hole.label}): {first.strip()}"]
    for hint in rest:
        depth = max(3, len(hint) - len(hint.lstrip()))
        lines.append("#" + " " * depth + hint.strip())
    width = LINE_LENGTH - len(hole.indent)
    if all(len(line) <= width for line in lines):
        return lines
    words = " ".join([lines[0], *(hint.strip() for hint in rest)])
    return textwrap.wrap(
        words, width, subsequent_indent="#   ", break_on_hyphens=False, break_long_words=False
    )


__all__ = ["body", "cut", "cut_holes", "uncover", "with_body"]
