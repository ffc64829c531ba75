"""Mistakes in an author's files, collected so that all of them are reported at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from autograder.errors import AuthoringError


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake: where it stands and what to do about it."""

    path: Path
    line: int
    message: str


@dataclass
class Problems:
    """The mistakes found in one file so far."""

    path: Path
    found: list[Problem] = field(default_factory=list)

    def at(self, line: int, message: str) -> None:
        """Note a mistake at a line of the file."""
        self.found.append(Problem(self.path, line, message))


def refuse(problems: Iterable[Problem]) -> None:
    """Raise one AuthoringError that names every problem as ``path:line: message``, if there is any."""
    found = sorted(set(problems))
    if not found:
        return
    first, *rest = found
    message = first.message + "".join(f"\n{p.path}:{p.line}: {p.message}" for p in rest)
    raise AuthoringError(message, first.path, first.line)
