"""Pack what a student hands in into one zip, and say what is missing before it is too late."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from autograder.course import MANIFEST, Assignment, Kind, load_assignment
from autograder.errors import UsageError
from autograder.intake.notebook import NotebookCell, StudentNotebook, read_notebook
from autograder.intake.sources import SUBMISSION_NOTE
from autograder.intake.statements import without_magics
from autograder.intake.submission import is_own_module
from autograder.intake.template import placeholder_of, untouched_holes, without_placeholder

MB = 1 << 20
MAX_NOTEBOOK = 8 * MB  # a larger notebook goes in without its outputs
LARGE = 50 * MB  # of the zip; many course pages take no more
STALE_S = 600.0  # since the notebook was last saved
UNPACKED = 1_609_459_200.0  # 2021-01-01: files of a release are dated 2020, nothing was saved before this


@dataclass(frozen=True)
class HandIn:
    """What was packed and what a student should know; prints as text and shows itself in a notebook.

    Attributes:
        zip: the file to hand in.
        assignment: its manifest.
        files: name and size of everything in the zip.
        missing: what would cost points, one sentence each.
        notes: what is good to know.
        kept: the earlier zip under its new name, if there was another one.
    """

    zip: Path
    assignment: Assignment
    files: tuple[tuple[str, int], ...]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    kept: Path | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    def lines(self) -> list[tuple[str, str]]:
        """Return (style, line) pairs: ``title``, ``file``, ``missing``, ``note``, ``next``."""
        width = max(len(name) for name, _ in self.files)
        size = _size(self.zip.stat().st_size) if self.zip.exists() else ""
        return [
            ("title", f"{self.assignment.title} ({self.assignment.slug} {self.assignment.version})"),
            *(("file", f"  {name:<{width}}  {_size(n):>8}") for name, n in self.files),
            *(("missing", f"  ! {line}") for line in self.missing),
            *(("note", f"  - {line}") for line in self.notes),
            ("title", f"Written: {self.zip.name} ({size})."),
            ("next", f"Next: upload {self.zip.name} to your course's page."),
        ]

    def __repr__(self) -> str:
        return "\n".join(line for _, line in self.lines())

    def _repr_html_(self) -> str:
        colours = {"missing": "color:#b35900", "note": "opacity:.75", "title": "font-weight:600"}
        rows = (
            f'<div style="white-space:pre-wrap;{colours.get(style, "")}">{escape(line)}</div>'
            for style, line in self.lines()
        )
        return f'<div style="font-family:monospace">{"".join(rows)}</div>'


@dataclass(frozen=True)
class NothingWritten:
    """Why no zip was written, shown without a traceback."""

    message: str
    complete: bool = False

    def __repr__(self) -> str:
        return f"Nothing was written: {self.message}"


@dataclass
class _Packed:
    files: dict[str, bytes] = field(default_factory=dict)
    saved: list[float] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, name: str, path: Path) -> bytes:
        self.files[name] = path.read_bytes()
        self.saved.append(path.stat().st_mtime)
        return self.files[name]


def submit(folder: Path | str = ".", out: Path | str | None = None, *, now: float | None = None) -> HandIn:
    """Write the zip to hand in; an earlier zip with other content is kept under another name.

    Args:
        folder: the assignment's folder, with the notebook and its manifest.
        out: the zip; by default ``<assignment>-submission.zip`` in the folder.
        now: seconds since the epoch, for saying how long ago the notebook was saved.

    Raises:
        UsageError: the folder has no manifest, or no notebook.
        IntakeError: the notebook cannot be read.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        raise UsageError(
            f"no {MANIFEST} in {folder.resolve()}.\n"
            "  Next: run this in the folder of the homework, or name it: autograder submit --folder hw1_mdp."
        )
    assignment = load_assignment(folder)
    packed = _pack(folder, assignment, time.time() if now is None else now)
    target = _target(folder, assignment, out)
    packed.files[SUBMISSION_NOTE] = _note(assignment, packed)
    from autograder.release.archives import write_bytes, zip_bytes

    data = zip_bytes(packed.files)
    kept = _keep_earlier(target, data)
    if kept is not None:
        packed.notes.append(f"Your earlier {target.name} is kept as {kept.name}.")
    if len(data) > LARGE:
        packed.notes.append(
            f"The zip has {_size(len(data))}; many course pages take no more than {_size(LARGE)}."
        )
    write_bytes(target, data)
    sizes = tuple(
        (name, len(content)) for name, content in sorted(packed.files.items()) if name != SUBMISSION_NOTE
    )
    return HandIn(target, assignment, sizes, tuple(packed.missing), tuple(packed.notes), kept)


def _target(folder: Path, assignment: Assignment, out: Path | str | None) -> Path:
    name = f"{assignment.slug}-submission.zip"
    if out is None:
        return folder / name
    target = Path(out) / name if Path(out).is_dir() else Path(out)
    if target.suffix != ".zip":
        raise UsageError(
            f"{target}: expected a name that ends in .zip.\n  Next: autograder submit --out {target}.zip"
        )
    if not target.parent.is_dir():
        raise UsageError(f"{target.parent}: no such folder.\n  Next: make it, or give --out another place.")
    return target


def _keep_earlier(target: Path, data: bytes) -> Path | None:
    """Rename an earlier zip with other content, so that nothing is lost."""
    if not target.exists() or target.read_bytes() == data:
        return None
    number = 1
    while (kept := target.with_name(f"{target.stem}-{number}.zip")).exists():
        number += 1
    target.rename(kept)
    return kept


def _note(assignment: Assignment, packed: _Packed) -> bytes:
    """Say in the zip what it is; without a clock, so that the same work packs to the same bytes."""
    saved = datetime.fromtimestamp(int(max(packed.saved)), UTC).isoformat()
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(packed.files.items())}
    note = {"assignment": assignment.slug, "version": assignment.version, "created": saved, "files": digests}
    return (json.dumps(note, indent=1) + "\n").encode()


# What goes in


def _pack(folder: Path, assignment: Assignment, now: float) -> _Packed:
    from autograder.testing.script import find_notebook

    packed = _Packed()
    path = find_notebook(folder, assignment)
    data = packed.take(assignment.notebook, path)
    notebook = read_notebook(data, path.name)
    _tell_saved(packed, path, now)
    _tell_other_notebooks(packed, folder, path, assignment)
    if len(data) > MAX_NOTEBOOK:
        packed.files[assignment.notebook] = without_outputs(data)
        packed.notes.append(
            f"{path.name} has {_size(len(data))}; its outputs were left out, your file keeps them."
        )
    sources = {path.name: [c for c in notebook.cells if c.type == "code"]}
    for name in assignment.files:
        if (folder / name).is_file():
            text = packed.take(name, folder / name).decode("utf-8", "replace")
            sources[name] = [NotebookCell(0, "code", text)]
        else:
            packed.missing.append(f"{name} is not in the folder; the questions in it earn nothing.")
    for module in sorted(folder.glob("*.py")):
        if module.name not in packed.files and is_own_module(module.name):
            packed.take(module.name, module)
            packed.notes.append(f"{module.name}, a module of your own, goes along.")
    _tell_questions(packed, folder, assignment, notebook, sources)
    for name, cells in sources.items():
        packed.missing += [line for cell in cells if (line := _syntax_error(name, cell))]
    return packed


def without_outputs(data: bytes) -> bytes:
    """Return a notebook without outputs; everything else stays as it is."""
    raw: dict[str, Any] = json.loads(data.decode("utf-8-sig", "replace"))
    for cell in raw.get("cells", []):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return (json.dumps(raw, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


# What is missing


def _tell_questions(
    packed: _Packed, folder: Path, assignment: Assignment, notebook: StudentNotebook,
    sources: Mapping[str, Sequence[NotebookCell]],
) -> None:  # fmt: skip
    untouched = {q for cells in sources.values() for c in cells for q in untouched_holes(c.source)}
    known = {q for c in notebook.cells for q in c.questions}
    holes = {q for c in notebook.cells if c.kind == "hole" for q in c.questions}
    for question in assignment.questions:
        if question.kind is Kind.WRITTEN:
            packed.missing += _tell_written(question.id, question.label, notebook, bool(known))
        elif question.kind is Kind.ARTIFACT:
            path = folder / question.artifact
            if path.is_file():
                packed.take(question.artifact, path)
            else:
                packed.missing.append(
                    f"{question.label}: {question.artifact} is not in the folder; its experiment writes it."
                )
        elif question.id in untouched:
            packed.missing.append(f"{question.label} is not written yet.")
        elif holes and not assignment.files and question.id not in holes:
            packed.missing.append(f"{question.label}: its cell is not in the notebook.")
        elif not _is_defined(question.name, sources):
            packed.missing.append(
                f"{question.label}: nothing is called `{question.name}`. Was it renamed? Keep the names."
            )


def _is_defined(name: str, sources: Mapping[str, Sequence[NotebookCell]]) -> bool:
    """Say whether a function, method or variable of this name, or a class called so, is made anywhere."""
    known, camel = re.escape(name), re.escape("".join(word.capitalize() for word in name.split("_")))
    made = re.compile(
        rf"^[ \t]*(?:(?:async[ \t]+)?def[ \t]+{known}|class[ \t]+(?:{known}|{camel}))\b|^{known}\b[^\n]*=",
        re.M,
    )
    return any(made.search(cell.source) for cells in sources.values() for cell in cells)


def _tell_written(id_: str, label: str, notebook: StudentNotebook, has_metadata: bool) -> list[str]:
    cells = [
        c
        for c in notebook.cells
        if (c.kind == "written" and id_ in c.questions) or placeholder_of(c.source) == id_
    ]
    if any(without_placeholder(c.source) for c in cells):
        return []
    if cells:
        return [f"{label} has no answer yet."]
    return [f"{label}: the cell of your answer is not in the notebook."] if has_metadata else []


def _syntax_error(name: str, cell: NotebookCell) -> str:
    """Say where a cell is no Python; cells that grading leaves out are not looked at."""
    if cell.kind in ("experiment", "check") or "experiment" in cell.tags:
        return ""
    where = f"{name}, {cell.label}" if cell.number else name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(
                without_magics(cell.source),
                "<cell>",
                "exec",
                ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
                dont_inherit=True,
            )
    except SyntaxError as error:
        shown = (error.text or "").strip()[:60]
        return f"{where}, line {error.lineno}: {error.msg}" + (f" (`{shown}`)." if shown else ".")
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return f"{where}: not valid Python ({error})."
    return ""


def _tell_saved(packed: _Packed, path: Path, now: float) -> None:
    saved = path.stat().st_mtime
    age = now - saved
    if saved < UNPACKED:
        packed.notes.append(f"{path.name} was not saved since it was unpacked. Save it and submit again.")
    elif age > STALE_S:
        packed.notes.append(
            f"{path.name} was last saved {_ago(age)} ago. If you changed it since, save it and submit again."
        )


def _tell_other_notebooks(packed: _Packed, folder: Path, path: Path, assignment: Assignment) -> None:
    others = [p.name for p in sorted(folder.glob("*.ipynb")) if p != path]
    if others:
        packed.notes.append(f"{path.name} goes in; left out: {', '.join(others)}.")
    if path.name != assignment.notebook:
        packed.notes.append(f"{path.name} goes in as {assignment.notebook}.")


def _ago(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 60:.0f} minutes"


def _size(count: int) -> str:
    return re.sub(r"\.0 ", " ", f"{count / MB:.1f} MB") if count >= MB else f"{max(count / 1024, 0.1):.1f} kB"
