"""The course's folders and an assignment's manifest, read and validated.

A manifest is ``assignments/<slug>/assignment.toml``; a student's folder holds a copy beside the notebook.
Everything a person can get wrong in it is reported as ``path:line: what, got, next step``.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from autograder.errors import AuthoringError, UsageError

MANIFEST = "assignment.toml"


class Kind(StrEnum):
    """What a question asks for."""

    CODE = "code"  # a hole in the notebook, or in a further file
    ARTIFACT = "artifact"  # a file made by an experiment and handed in, such as a trained policy
    WRITTEN = "written"  # a text that a person reads against a rubric


@dataclass(frozen=True)
class Limits:
    """What one question's student code may use. CPU first; wall time has room for a busy machine."""

    cpu_s: float = 10.0
    wall_s: float = 30.0
    memory_mb: int = 2048
    threads: int = 8
    output_kb: int = 64


@dataclass(frozen=True)
class Question:
    """One question of an assignment."""

    id: str  # "3.2"
    name: str  # "value_iteration": the hole's label is "3.2 value_iteration"
    title: str
    points: float
    kind: Kind = Kind.CODE
    bonus: bool = False
    stand_ins: tuple[str, ...] = ()  # earlier functions that the reference answers for while grading
    artifact: str = ""  # kind artifact: the file to hand in
    limits: Limits = field(default_factory=Limits)

    @property
    def label(self) -> str:
        """Id and name, as markers and tests write it."""
        return f"{self.id} {self.name}"


@dataclass(frozen=True)
class Assignment:
    """An assignment's manifest; ``path`` is the folder that holds it."""

    slug: str
    title: str
    version: str
    path: Path
    questions: tuple[Question, ...]
    files: tuple[str, ...] = ()  # further files with holes, beside the notebook
    data: tuple[str, ...] = ()  # files that travel with the notebook, relative to the assignment's folder
    preload: tuple[str, ...] = ("numpy",)  # imported once by the warm parent
    load_limits: Limits = field(default_factory=Limits)  # for importing the submission itself

    @property
    def notebook(self) -> str:
        """The student's notebook file name."""
        return f"{self.slug}.ipynb"

    @property
    def tests(self) -> Path:
        """The folder of public tests."""
        return self.path / "tests"

    @property
    def possible(self) -> float:
        """Points possible without bonus."""
        return sum(q.points for q in self.questions if not q.bonus)

    def question(self, question_id: str) -> Question:
        """Return a question by id or by label; UsageError names the known ones."""
        for q in self.questions:
            if question_id in (q.id, q.label, q.name):
                return q
        known = ", ".join(q.id for q in self.questions)
        raise UsageError(f"{self.slug} has no question {question_id!r}.\n  Known questions: {known}.")


@dataclass(frozen=True)
class Course:
    """The folders of a course; the secret ones are absent from a student's copy."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Course:
        """Find the course that holds ``start`` (default: the working directory)."""
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / "assignments").is_dir():
                return cls(folder)
        raise UsageError(
            f"no course found at {here} or above.\n  Next: run this inside a folder that has assignments/."
        )

    def slugs(self) -> list[str]:
        """Return the slugs of all assignments, sorted."""
        return sorted(p.parent.name for p in (self.root / "assignments").glob(f"*/{MANIFEST}"))

    def assignment(self, slug: str) -> Assignment:
        """Load one assignment; UsageError names the known slugs."""
        folder = self.root / "assignments" / slug
        if not (folder / MANIFEST).is_file():
            known = ", ".join(self.slugs()) or "none"
            raise UsageError(f"no assignment {slug!r} in {self.root / 'assignments'}.\n  Known: {known}.")
        return load_assignment(folder)

    def solution(self, slug: str) -> Path:
        """Return the secret folder of an assignment."""
        return self.root / "solutions" / slug

    def starter(self, slug: str) -> Path:
        """Return the generated folder of an assignment."""
        return self.root / "starter_code" / slug


def load_assignment(folder: Path) -> Assignment:
    """Read and validate ``folder/assignment.toml``.

    Raises:
        AuthoringError: the manifest is missing, is not TOML, or says something wrong; all problems at once.
    """
    path = folder / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AuthoringError("no manifest here; `autograder new` writes one", path) from None
    except UnicodeDecodeError as error:
        raise AuthoringError(f"not UTF-8 text ({error.reason} at byte {error.start})", path) from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"line (\d+)", str(error))
        raise AuthoringError(f"not valid TOML: {error}", path, int(match.group(1)) if match else 1) from None
    return _build(_validate(raw, path, text), folder)


def manifest_line(folder: Path, start: str) -> int:
    """Return the line of a manifest that begins so, spaces aside: ``data=``, ``id="3.2"``; else 1."""
    try:
        lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    except OSError:
        return 1
    return next((i for i, line in enumerate(lines, 1) if line.replace(" ", "").startswith(start)), 1)


def _validate(raw: dict[str, Any], path: Path, text: str) -> Any:
    from pydantic import ValidationError

    from autograder._manifest_schema import ManifestModel

    try:
        return ManifestModel.model_validate(raw)
    except ValidationError as error:
        problems = [(_line_of(text, e["loc"]), _words(e, raw)) for e in error.errors()]
        first, *rest = sorted(set(problems))
        message = first[1] + "".join(f"\n{path}:{line}: {words}" for line, words in rest)
        raise AuthoringError(message, path, first[0]) from None


def _words(error: Any, raw: dict[str, Any]) -> str:
    where = _where(error["loc"], raw)
    what = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key; assignments/README.md lists the known ones"
    if error["type"] == "missing":
        return f"{where}: missing; add it"
    got = repr(error.get("input"))
    return f"{where}: {what}" + (f" (got {got})" if len(got) < 80 else "")


def _where(loc: tuple[int | str, ...], raw: dict[str, Any]) -> str:
    """Name the place of an error as the author knows it: a question by its id, not by its index."""
    if len(loc) > 1 and loc[0] == "questions" and isinstance(loc[1], int):
        table = raw["questions"][loc[1]]
        name = table.get("id", "") if isinstance(table, dict) else ""
        question = f"question {name}" if name else f"question number {loc[1] + 1}"
        return ": ".join([question, *(str(part) for part in loc[2:])])
    return ".".join(str(part) for part in loc) or "manifest"


def _line_of(text: str, loc: tuple[int | str, ...]) -> int:
    """Find the line that a validation error speaks of: its table's header, then the key within it."""
    lines = text.splitlines()
    start = 0
    if loc:
        array = len(loc) > 1 and isinstance(loc[1], int)
        opening = r"\[\[" if array else r"\[\[?"
        header = re.compile(rf"\s*{opening}\s*{re.escape(str(loc[0]))}\s*\]")
        heads = [i for i, line in enumerate(lines) if header.match(line)]
        nth = int(loc[1]) if array else 0
        start = heads[nth] if nth < len(heads) else 0
    for key in reversed([str(part) for part in loc]):
        assign = re.compile(rf"\s*{re.escape(key)}\s*=")
        for i in range(start, len(lines)):
            if i > start and lines[i].lstrip().startswith("[["):
                break
            if assign.match(lines[i]):
                return i + 1
    return start + 1


def _build(model: Any, folder: Path) -> Assignment:
    defaults = Limits(**model.limits.model_dump(exclude_none=True))

    def limits(own: Any) -> Limits:
        given = own.model_dump(exclude_none=True) if own is not None else {}
        return Limits(**{**defaults.__dict__, **given})

    questions = tuple(
        Question(
            id=q.id,
            name=q.name,
            title=q.title,
            points=q.points,
            kind=Kind(q.kind),
            bonus=q.bonus,
            stand_ins=tuple(q.stand_ins),
            artifact=q.artifact,
            limits=limits(q.limits),
        )
        for q in model.questions
    )
    return Assignment(
        slug=model.slug,
        title=model.title,
        version=model.version,
        path=folder,
        questions=questions,
        files=tuple(model.files),
        data=tuple(model.data),
        preload=tuple(model.preload),
        load_limits=limits(model.load_limits),
    )
