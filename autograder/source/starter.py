"""The student's folder, generated: ``starter_code/<slug>/`` from solutions/ and assignments/."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from autograder.course import MANIFEST, Assignment, Course, manifest_line
from autograder.source import figures
from autograder.source.document import Source, read_source
from autograder.source.problems import Problem, refuse
from autograder.source.variants import starter

_LITTER = frozenset({"__pycache__", ".pytest_cache", ".ipynb_checkpoints", ".DS_Store"})


@dataclass(frozen=True)
class Difference:
    """One file that is not as it would be generated."""

    name: str
    what: str  # missing, extra, changed
    diff: str = ""


def starter_files(course: Course, slug: str, source: Source | None = None) -> dict[str, bytes]:
    """Generate every file of the student's folder, by its name there.

    Raises:
        AuthoringError: the source, or a file that the manifest lists, is wrong.
    """
    source = source or read_source(course, slug)
    assignment = source.assignment
    made = starter(source)
    files = {assignment.notebook: made.notebook, **made.files}
    files[MANIFEST] = (assignment.path / MANIFEST).read_bytes()
    problems: list[Problem] = []
    for path in (p for p in files_under(assignment.tests) if p.suffix != ".pyc"):
        files[path.relative_to(assignment.path).as_posix()] = path.read_bytes()
    line = manifest_line(assignment.path, "data=")
    for name in assignment.data:
        listed = assignment.path / name
        paths = files_under(listed) if listed.is_dir() else [listed]
        if not listed.exists():
            lost = f"data: {name!r} is not in assignments/{slug}/; put it there, or take it off the list"
            problems.append(Problem(assignment.path / MANIFEST, line, lost))
            continue
        for path in paths:
            inside = path.relative_to(assignment.path).as_posix()
            if inside in files:
                made_anyway = f"data: {inside!r} is generated; take it off the list"
                problems.append(Problem(assignment.path / MANIFEST, line, made_anyway))
            files[inside] = path.read_bytes()
    problems += _lost_references(source, files)
    refuse(problems)
    return dict(sorted(files.items()))


def files_under(folder: Path) -> list[Path]:
    """Return the files of a folder, sorted, without what interpreters and editors leave there."""
    return sorted(
        p for p in folder.rglob("*") if p.is_file() and not _LITTER & set(p.relative_to(folder).parts)
    )


def differences(course: Course, slug: str, source: Source | None = None) -> list[Difference]:
    """Compare the student's folder with what would be generated."""
    folder = course.starter(slug)
    made = starter_files(course, slug, source)
    there = (
        {p.relative_to(folder).as_posix(): p.read_bytes() for p in files_under(folder)}
        if folder.is_dir()
        else {}
    )
    found = [Difference(name, "missing") for name in made if name not in there]
    found += [Difference(name, "extra") for name in there if name not in made]
    for name in sorted(made.keys() & there.keys()):
        if made[name] != there[name]:
            found.append(Difference(name, "changed", _diff(name, there[name], made[name])))
    return sorted(found, key=lambda d: d.name)


def write_starter(course: Course, slug: str, source: Source | None = None) -> list[Difference]:
    """Generate the student's folder and put it in the old one's place in one step; return what changed."""
    found = differences(course, slug, source)
    if found:
        replace_folder(course.starter(slug), starter_files(course, slug, source))
    return found


def replace_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files to a new folder beside ``folder`` and swap the two; on an error the old one stays."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        for name, data in files.items():
            target = new / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        if folder.exists():
            os.replace(folder, old)
        try:
            os.replace(new, folder)
        except OSError:
            if old.exists():
                os.replace(old, folder)
            raise
        shutil.rmtree(old, ignore_errors=True)


def _lost_references(source: Source, files: Mapping[str, bytes]) -> Iterator[Problem]:
    """Find pictures and links in the student's texts that lead nowhere in the student's folder."""
    path = source.notebook.path
    for cell in source.cells:
        if cell.markdown and not cell.written:
            for name in figures.missing(cell.source, files):
                yield Problem(path, cell.line, _lost(name, source.assignment))
    for name, data in files.items():
        if name.endswith(".md"):
            for lost in figures.missing(data.decode("utf-8"), files):
                yield Problem(source.assignment.path / name, 1, _lost(lost, source.assignment))


def _lost(name: str, assignment: Assignment) -> str:
    next_step = f"list it under `data` in {assignment.path.name}/{MANIFEST}"
    return f"the text refers to {name!r}, which is not in the student's folder; {next_step}"


def _diff(name: str, old: bytes, new: bytes) -> str:
    try:
        before, after = old.decode().splitlines(), new.decode().splitlines()
    except UnicodeDecodeError:
        return f"{len(old)} bytes, expected {len(new)}"
    return "\n".join(unified_diff(before, after, f"{name} (there)", f"{name} (generated)", lineterm="", n=1))


__all__ = ["Difference", "differences", "files_under", "replace_folder", "starter_files", "write_starter"]
