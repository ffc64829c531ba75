"""Unpack a submission's parts, and choose the notebook among what was handed in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.course import Assignment
from autograder.errors import IntakeError
from autograder.intake import archive
from autograder.intake.entries import MAX_MESSAGES, is_junk, printable
from autograder.intake.notebook import StudentNotebook, read_notebook, read_script
from autograder.intake.pairing import pair
from autograder.intake.sources import Part, SubmissionSource
from autograder.intake.template import Template

MAX_FILES = 4000  # of a folder
MAX_NOTEBOOKS = 8  # read to choose among


@dataclass(frozen=True)
class Candidate:
    """One file of a submission, on disk."""

    name: str  # relative to its archive or folder
    path: Path
    group: int  # files of one archive or folder belong together
    size: int


def gather(source: SubmissionSource, workdir: Path) -> tuple[list[Candidate], tuple[str, ...]]:
    """Unpack what was handed in below ``workdir``; archives inside archives stay closed.

    Returns:
        The files, and what was refused, in words.

    Raises:
        IntakeError: nothing of it can be read.
    """
    refused: list[str] = []
    broken: list[str] = []
    files: list[Candidate] = []
    places = [
        place
        for n, part in enumerate(source.parts)
        for place in _places(part, workdir / f"part-{n}", refused)
    ]
    for group, place in enumerate(places):
        if isinstance(place, Path) and archive.is_archive(place):
            into = workdir / f"archive-{group}"
            try:
                extracted = archive.extract(place, into)
            except IntakeError as error:
                broken.append(str(error))
                continue
            refused += extracted.refused
            files += [_candidate(name, into / name, group) for name in extracted.files]
        else:
            folder, names = (place.parent, [place.name]) if isinstance(place, Path) else place
            files += [_candidate(name, folder / name, group) for name in names]
    if not files and broken:
        raise IntakeError(broken[0])
    nested = [f.name for f in files if archive.is_archive(f.path) and f.group < len(places)]
    refused += [
        f"{printable(n)!r} is an archive inside an archive and was not opened." for n in nested[:MAX_MESSAGES]
    ]
    return files, tuple([*(b.split("\n")[0] for b in broken), *refused])


_Folder = tuple[Path, list[str]]


def _candidate(name: str, path: Path, group: int) -> Candidate:
    return Candidate(name, path, group, path.stat().st_size)


def _places(part: Part, into: Path, refused: list[str]) -> Iterator[Path | _Folder]:
    """Yield a part's archives and files one by one, and a folder's other files together."""
    if part.member:
        extracted = archive.extract(part.path, into, under=part.member)
        refused += extracted.refused
        names = list(extracted.files)
        if part.name and len(names) == 1 and names[0] != Path(part.name).name and "/" not in part.name:
            (into / names[0]).rename(into / part.name)
            names = [part.name]
        yield from _sorted_out(into, names)
    elif part.path.is_dir():
        yield from _sorted_out(part.path, list(_listed(part.path, refused)))
    elif archive.is_archive(part.path) or part.name in ("", part.path.name):
        yield part.path
    else:  # the LMS's prefix comes off
        into.mkdir(parents=True, exist_ok=True)
        yield Path(shutil.copyfile(part.path, into / Path(part.name).name))


def _sorted_out(folder: Path, names: list[str]) -> Iterator[Path | _Folder]:
    yield from (folder / n for n in names if archive.is_archive(Path(n)) and "/" not in n)
    rest = [n for n in names if not (archive.is_archive(Path(n)) and "/" not in n)]
    if rest:
        yield folder, rest


def _listed(root: Path, refused: list[str]) -> Iterator[str]:
    """List a folder's regular files; links and special files are refused."""
    count = 0
    for folder, subfolders, files in os.walk(root, followlinks=False):
        subfolders[:] = sorted(d for d in subfolders if not is_junk(d))
        for name in sorted(files):
            path = Path(folder, name)
            relative = path.relative_to(root).as_posix()
            if is_junk(relative):
                continue
            if path.is_symlink() or not path.is_file():
                refused.append(f"{printable(relative)!r} was not read: it is a link or a special file.")
                continue
            count += 1
            if count > MAX_FILES:
                refused.append(f"The folder has more than {MAX_FILES} files; the rest were not read.")
                return
            yield relative


# The notebook among the files


def choose(
    files: list[Candidate], assignment: Assignment, template: Template
) -> tuple[Candidate, StudentNotebook, tuple[str, ...]]:
    """Choose the notebook that matches the starter best; a script only where there is no notebook.

    Returns:
        The file, its cells, and remarks on the others.

    Raises:
        IntakeError: there is none, or none can be read.
    """
    notebooks = [f for f in files if f.name.casefold().endswith(".ipynb")]
    scripts = [f for f in files if _could_be_it(f.name, assignment)]
    remarks: list[str] = []
    failures: list[IntakeError] = []
    for kind in (notebooks, scripts):
        scored = []
        for file in sorted(
            kind, key=lambda f: (Path(f.name).name != assignment.notebook, f.name.count("/"), f.name)
        )[:MAX_NOTEBOOKS]:
            try:
                notebook = _read(file)
            except IntakeError as error:
                failures.append(error)
                continue
            alone = len(kind) == 1 and kind is notebooks
            score = (1, 0, True, True) if alone else _score(file, notebook, assignment, template)
            scored.append((score, file, notebook))
        useful = [s for s in scored if s[0][0] > 0] or (scored if kind is notebooks else [])
        if useful:
            _, file, notebook = max(useful, key=lambda s: (s[0], s[1].group, s[1].name))
            if len(scored) > 1:
                others = ", ".join(printable(f.name) for _, f, _ in scored if f is not file)
                remarks.append(f"{printable(file.name)} was graded; left out: {others}.")
            remarks += [str(f).split("\n")[0] for f in failures]
            return file, notebook, tuple(remarks)
    if failures:
        raise failures[0]
    shown = ", ".join(printable(f.name) for f in files[:5]) or "no files"
    raise IntakeError(
        f"no notebook in the submission; found {shown}, expected {assignment.notebook}.\n"
        "  Next: hand in the zip that `autograder submit` writes."
    )


def _could_be_it(name: str, assignment: Assignment) -> bool:
    parts = name.split("/")
    is_test = (
        "tests" in parts[:-1] or parts[-1].startswith("test_") or parts[-1] in ("conftest.py", "setup.py")
    )
    return name.casefold().endswith(".py") and not is_test and parts[-1] not in assignment.files


def _read(file: Candidate) -> StudentNotebook:
    shown = printable(Path(file.name).name)
    limit = 300 << 20
    if file.size > limit:
        raise IntakeError(
            f"{shown}: {file.size >> 20} MB, expected at most {limit >> 20} MB.\n  Next: clear its outputs."
        )
    data = file.path.read_bytes()
    if file.name.casefold().endswith(".ipynb"):
        return read_notebook(data, shown)
    return read_script(data, shown)


def _score(
    file: Candidate, notebook: StudentNotebook, assignment: Assignment, template: Template
) -> tuple[int, int, bool, bool]:
    """Score a notebook: cells that match and are attempted; then whether it is of this assignment."""
    paired = pair(template, notebook.cells)
    kinds = {c.index: c for c in template.cells}
    matched = set(paired.claims.values())
    attempted = sum(
        1 for p, i in paired.claims.items()
        if kinds[i].kind in ("hole", "written") and paired.facts[p].norm not in ("", kinds[i].norm)
    )  # fmt: skip
    right = notebook.assignment == assignment.slug
    return len(matched) + 3 * attempted, attempted, right, Path(file.name).name == assignment.notebook
