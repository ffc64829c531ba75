"""Read one person's submission into code, answers and findings. Nothing in it is executed."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autograder.course import Assignment
from autograder.errors import IntakeError
from autograder.files import scratch
from autograder.intake.answers import written_answers
from autograder.intake.choice import Candidate, choose, gather
from autograder.intake.display import display_notebook
from autograder.intake.entries import printable
from autograder.intake.machine import Changed, stamp
from autograder.intake.matching import match
from autograder.intake.sources import SubmissionSource
from autograder.intake.template import read_template
from autograder.results import Finding, Person
from autograder.sandbox.code import Cell, WorkerCode

MB = 1 << 20
MAX_FILE = 64 * MB  # of one further file
MAX_FILES = 128 * MB  # of all
MAX_MODULE = 1 * MB  # of a student's own module
MAX_MODULES = 20
TRIES = 3  # a submission that changes while it is read is read again
MAX_TOLD = 5  # refused entries told where nothing else is left
_RESERVED = {"autograder", "environments", "numpy", "torch", "mujoco", "gymnasium", "matplotlib", "scipy",
             "msgpack", "conftest", "setup", "tests", "solutions"}  # fmt: skip


@dataclass(frozen=True)
class Submission:
    """What one person handed in, ready to be graded."""

    person: Person
    path: Path
    digest: (
        str  # of all that grading depends on; the same content gives the same digest however it was packed
    )
    submitted_at: str = ""
    code: WorkerCode = field(default_factory=lambda: WorkerCode(()))
    answers: Mapping[str, str] = field(default_factory=dict)  # written question -> text; "" is not attempted
    findings: tuple[Finding, ...] = ()
    notebook: bytes | None = None  # the student's notebook for people, with the starter's cell ids
    error: str = ""  # why nothing can be graded
    late: bool = False


def read_submission(
    source: SubmissionSource,
    assignment: Assignment,
    template: bytes,
    workdir: Path | None = None,
    starter: Mapping[str, bytes] | None = None,
) -> Submission:
    """Read a submission; a student's mistake is never an exception.

    What is wrong with the machine is one, and so is a mistake of this code: then nothing is known of what was
    handed in, and it is to be read again.

    Args:
        source: from :func:`~autograder.intake.find_submissions`.
        assignment: its manifest.
        template: the course's own starter notebook.
        workdir: an empty folder to unpack into; by default a temporary one that is removed.
        starter: the starter's further files by name, put in where the student's are missing.

    Returns:
        The submission; with ``error`` set where nothing can be graded.

    Raises:
        OSError: the disk is full, a file is gone or may not be read, or it was written to again and again.
    """
    if workdir is None:
        with scratch() as folder:
            return read_submission(source, assignment, template, folder, starter)
    paths = [part.path for part in source.parts]
    for attempt in range(TRIES):
        before = stamp(paths)
        try:
            submission = _read(source, assignment, template, workdir / f"try-{attempt}", starter or {})
        except IntakeError as error:
            submission = _unreadable(source, str(error))
        if stamp(paths) == before:
            return submission
    raise Changed(f"{printable(source.path.name)} was written to while it was read, {TRIES} times")


def _unreadable(source: SubmissionSource, why: str) -> Submission:
    digest = hashlib.sha256(why.encode("utf-8", "replace")).hexdigest()
    return Submission(
        source.person,
        source.path,
        digest,
        source.submitted_at,
        findings=source.findings,
        error=why,
        late=source.late,
    )


def _read(
    source: SubmissionSource,
    assignment: Assignment,
    template: bytes,
    workdir: Path,
    starter: Mapping[str, bytes],
) -> Submission:
    given = read_template(template)
    candidates, refused = gather(source, workdir)
    try:
        picked, notebook, remarks = choose(candidates, assignment, given)
    except IntakeError as error:
        raise IntakeError("\n  ".join((str(error), *refused[:MAX_TOLD]))) from None
    findings = [
        *source.findings,
        *map(Finding, refused),
        *map(Finding, remarks),
        *map(Finding, notebook.remarks),
    ]
    matched = match(notebook.cells, given, assignment, script=picked.name.casefold().endswith(".py"))
    answers, told = written_answers(matched.pairing, assignment)
    findings += [*matched.findings, *told]
    if notebook.assignment not in ("", assignment.slug):
        findings.append(
            Finding(
                f"The notebook says that it is of {printable(notebook.assignment)}, not {assignment.slug}."
            )
        )
    files, missing = _files(candidates, picked, assignment, starter)
    findings += missing
    chosen = {p: i for p, i in matched.chosen.items()}
    return Submission(
        source.person, source.path, _digest(matched.cells, files, answers, findings), source.submitted_at,
        WorkerCode(matched.cells, files), answers, tuple(dict.fromkeys(findings)),
        display_notebook(notebook.cells, chosen, given), late=source.late,
    )  # fmt: skip


# Further files


def _files(
    candidates: list[Candidate], picked: Candidate, assignment: Assignment, starter: Mapping[str, bytes]
) -> tuple[dict[str, bytes], list[Finding]]:
    """Collect the worker's files: the course's data, the student's named files and own modules."""
    files: dict[str, bytes] = {}
    findings: list[Finding] = []
    files.update(_course_data(assignment))
    beside = _beside(candidates, picked)
    room = MAX_FILES
    wanted: list[tuple[str, tuple[str, ...]]] = [(name, ()) for name in assignment.files]
    wanted += [(q.artifact, (q.id,)) for q in assignment.questions if q.artifact]
    for name, questions in wanted:
        found = beside.get(name) or next(
            (c for n, c in beside.items() if n.rsplit("/", 1)[-1] == name.rsplit("/", 1)[-1]), None
        )
        if found is None:
            findings.append(Finding(f"{name} was not handed in.", questions))
            if name in starter:
                files[name] = starter[name]
        elif found.size > min(MAX_FILE, room):
            findings.append(Finding(f"{name} has {found.size // MB} MB and was left out.", questions))
        else:
            files[name] = found.path.read_bytes()
            room -= found.size
    for name, module in _modules(beside, picked, files):
        files[name] = module.path.read_bytes()
        findings.append(Finding(f"Your own module {printable(name)} was taken along."))
    return files, findings


def _course_data(assignment: Assignment) -> dict[str, bytes]:
    """Read the assignment's own data, folders and all; texts for people stay out."""
    found: dict[str, bytes] = {}
    for name in assignment.data:
        listed = assignment.path / name
        for path in sorted(listed.rglob("*")) if listed.is_dir() else [listed]:
            if path.is_file() and path.suffix not in (".md", ".svg") and path.stat().st_size <= MAX_FILE:
                found[path.relative_to(assignment.path).as_posix()] = path.read_bytes()
    return found


def _beside(candidates: list[Candidate], picked: Candidate) -> dict[str, Candidate]:
    """Return the files around the chosen notebook first, then loose ones, by their path relative to it."""
    folder = picked.name.rpartition("/")[0]
    prefix = f"{folder}/" if folder else ""
    own = {
        c.name[len(prefix) :]: c for c in candidates if c.group == picked.group and c.name.startswith(prefix)
    }
    others = {c.name: c for c in candidates if c.group != picked.group}
    return {**others, **own}


def is_own_module(name: str) -> bool:
    """Tell whether a file beside the notebook is a module of the student's that shadows nothing."""
    stem = name.removesuffix(".py")
    usable = name.endswith(".py") and stem.isidentifier() and not stem.startswith("test_")
    return usable and stem not in _RESERVED | sys.stdlib_module_names


def _modules(
    beside: Mapping[str, Candidate], picked: Candidate, files: Mapping[str, bytes]
) -> list[tuple[str, Candidate]]:
    """Return the student's own modules beside the notebook."""
    mine = [(n, f) for n, f in sorted(beside.items()) if f.group == picked.group and f is not picked]
    own = [(n, f) for n, f in mine if n not in files and is_own_module(n) and f.size <= MAX_MODULE]
    return own[:MAX_MODULES]


# Digest


def _digest(
    cells: tuple[Cell, ...], files: Mapping[str, bytes], answers: Mapping[str, str], findings: list[Finding]
) -> str:
    """Digest what grading and its report depend on: never names, times, packing or outputs."""
    content = {
        "cells": [[c.id, c.kind, list(c.questions), c.label, c.source] for c in cells],
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "answers": dict(answers),
        "findings": [[f.what, list(f.questions)] for f in findings],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


__all__ = ["Submission", "is_own_module", "read_submission"]
