"""Mistakes in an author's files, collected so that all of them are reported at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import AuthoringError


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake: where it stands and what to do about it."""

    path: Path
    line: int
    message: str


def refuse(problems: Sequence[Problem]) -> None:
    """Raise one AuthoringError that names every problem as ``path:line: message``; do nothing if there is none."""
    if not problems:
        return
    first, *rest = sorted(set(problems))
    message = first.message + "".join(f"\n{p.path}:{p.line}: {p.message}" for p in rest)
    raise AuthoringError(message, first.path, first.line)
