"""A complete tiny assignment to begin from: it checks, releases and grades as it is."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from autograder.course import Course
from autograder.errors import UsageError
from autograder.release.packages import TEMPLATES, render
from autograder.source.starter import files_under, write_starter

_SLUG = re.compile(r"[a-z][a-z0-9_]*")
_SCAFFOLD = TEMPLATES / "scaffold"


def scaffold(course: Course, slug: str, seed: int | None = None) -> list[Path]:
    """Write a new assignment's folders under assignments/, solutions/ and starter_code/.

    Args:
        course: the course; its folders are made where they are missing.
        slug: the new assignment's name.
        seed: the grading seed; by default a fresh secret one.

    Returns:
        The files written, by their path.

    Raises:
        UsageError: the name is no slug, or one of the folders exists.
    """
    if not _SLUG.fullmatch(slug):
        form = "expected lower-case letters, digits and _, as in hw7_demo"
        raise UsageError(f"{slug!r} is no name for an assignment; {form}.")
    folders = (course.root / "assignments" / slug, course.solution(slug), course.starter(slug))
    if there := ", ".join(str(f) for f in folders if f.exists()):
        next_step = "choose another name, or remove it"
        raise UsageError(f"{there} exists already; nothing was written.\n  Next: {next_step}.")
    context = {
        "slug": slug,
        "title": _title(slug),
        "seed": seed if seed is not None else 10**8 + secrets.randbelow(9 * 10**8),
    }
    written = []
    for template, target in _targets(course, slug):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(render(template, context))
        written.append(target)
    write_starter(course, slug)
    return written + files_under(course.starter(slug))


def _targets(course: Course, slug: str) -> Iterator[tuple[str, Path]]:
    """Yield each template's name and the file that it becomes."""
    places = {"public": course.root / "assignments" / slug, "secret": course.solution(slug)}
    for path in files_under(_SCAFFOLD):
        side, *rest = path.relative_to(_SCAFFOLD).parts
        name = "/".join(rest).removesuffix(".j2")
        yield (
            path.relative_to(TEMPLATES).as_posix(),
            places[side] / (f"{slug}.py" if name == "source.py" else name),
        )


def _title(slug: str) -> str:
    match = re.fullmatch(r"hw(\d+)_(\w+)", slug)
    number, words = match.groups() if match else ("", slug)
    name = words.replace("_", " ").capitalize()
    return f"Homework {number}: {name}" if number else f"{name}: a new assignment"


__all__ = ["scaffold"]
