"""The leak scan: nothing of solutions/ may stand in the student's zip, however deep inside it.

What excuses a find is derived from what is public anyway, never from a list made by hand:

* what the scaffold's templates say is nobody's secret;
* a line or a text that the author's own source gives to students outside the holes, or that stands in
  *another* public file (assignments/, environments/, autograder/) than the one it was found in;
* in environments/, autograder/, manifests and public tests: a line shorter than ``LONG_LINE``, and texts,
  which secret files quote from there rather than the other way round;
* a name of a file that is a public file's name, too, or that public code speaks of.

Never excused: three consecutive lines of a hole or the whole of a short one, a hidden test's name, a long
sentence of a model answer, the grading seed, a number with ``LONG_NUMBER`` digits, a whole file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path, PurePosixPath

from autograder.course import Course
from autograder.release.secrets import Secret, SecretKind, secrets_of
from autograder.release.texts import Entry, Text, entries, tight
from autograder.source.document import Source
from autograder.source.holes import cut_holes
from autograder.source.markers import lines_of
from autograder.source.starter import files_under

LONG_LINE = 40
LONG_SENTENCE = 50
LONG_NUMBER = 8
EXACT_LINE = 20  # shorter lines of code count where they are a whole line, longer ones anywhere
TEMPLATES = Path(__file__).parent / "templates"
_LINES = (SecretKind.HOLE_LINE, SecretKind.LINE)


@dataclass(frozen=True, order=True)
class Leak:
    """Something secret, and where in the student's zip it was found."""

    where: str
    what: str
    secret: str  # path:line of the secret; its text is not repeated

    def __str__(self) -> str:
        return f"{self.where} holds {self.what} ({self.secret})"


@dataclass(frozen=True)
class PublicFile:
    """A file that anybody may read."""

    path: Path
    entry: Entry
    quoted: bool  # code, tests and manifests: secret files quote it


class Public:
    """Everything that is public: what it says excuses a find."""

    def __init__(self, files: Sequence[PublicFile], given: str, templates: str) -> None:
        self.files = files
        self.given = Text(given)
        self.templates = Text(templates)
        self.names = {f.path.name.removesuffix(".j2") for f in files}
        self._origins: dict[str, set[Path]] = {}
        for f in files:
            self._origins.setdefault(f.entry.digest, set()).add(f.path)
        self._holders: dict[Secret, tuple[PublicFile, ...]] = {}

    @cached_property
    def code(self) -> str:
        """The text of all public code and manifests."""
        return "\n".join(f.entry.text.raw for f in self.files if f.quoted)

    @cached_property
    def tests(self) -> frozenset[str]:
        """The names of public tests."""
        return frozenset(
            re.findall(r"^def (test_\w+)", "\n".join(f.entry.text.raw for f in self.files), re.MULTILINE)
        )

    def origins(self, entry: Entry) -> set[Path]:
        """Return the public files whose copy an entry is."""
        return self._origins.get(entry.digest, set())

    def holders(self, secret: Secret) -> tuple[PublicFile, ...]:
        """Return the public files that hold a secret."""
        if secret not in self._holders:
            self._holders[secret] = tuple(f for f in self.files if stands_in(secret, f.entry.text))
        return self._holders[secret]


def public_of(course: Course, source: Source, packages: Iterable[Path]) -> Public:
    """Read what is public: all assignments, and the packages that the wheel is made of."""
    files = []
    for folder in (course.root / "assignments", *packages):
        for path in files_under(folder):
            quoted = path.suffix in (".py", ".toml", ".xml", ".j2")
            files.append(PublicFile(path, Entry(str(path), path.read_bytes()), quoted))
    given = [cut_holes(_without_answers(source), source.notebook.holes)]
    given += [cut_holes(f.text, f.holes) for f in source.files.values()]
    templates = [p.read_text(encoding="utf-8") for p in files_under(TEMPLATES)]
    return Public(files, "\n".join(_uncommented(g) for g in given), "\n".join(templates))


def _uncommented(text: str) -> str:
    """Return a text and, again, its comments without their mark: in the source, markdown is comments."""
    remarks = [line.removeprefix("# ") for line in text.split("\n") if line.startswith("#")]
    return "\n".join([text, *remarks])


def _without_answers(source: Source) -> str:
    """Return the notebook's text with the model answers' lines blank."""
    lines = lines_of(source.notebook.text)
    for cell in source.cells:
        if cell.written:
            lines[cell.line : cell.last] = [""] * (cell.last - cell.line)
    return "\n".join(lines)


def stands_in(secret: Secret, text: Text) -> bool:
    """Say whether a secret stands in a text, in the form that its kind is compared in."""
    if secret.kind is SecretKind.HOLE_BLOCK:
        return f"\n{secret.text}\n" in text.runs
    if secret.kind in _LINES:
        return secret.text in (text.line_set if len(secret.text) < EXACT_LINE else text.tight)
    if secret.kind in (SecretKind.SEED, SecretKind.NUMBER):
        return any(n == secret.text or (len(n) > 5 and secret.text.startswith(n)) for n in text.numbers)
    if secret.kind in (SecretKind.TEST_NAME, SecretKind.FILE_NAME):
        return (
            secret.text in text.raw
            and re.search(rf"(?<!\w){re.escape(secret.text)}(?!\w)", text.raw) is not None
        )
    return secret.kind is not SecretKind.FILE and secret.text in text.tight


def excused(secret: Secret, entry: Entry, public: Public) -> bool:
    """Say whether what is public anyway excuses a find; see the rules at the top of this module."""
    kind, text = secret.kind, secret.text
    if kind in (SecretKind.FILE, SecretKind.SEED):
        return False
    if stands_in(secret, public.templates) or (kind is SecretKind.HOLE_BLOCK and _in_templates(text, public)):
        return True
    if kind is SecretKind.TEST_NAME:
        return text in public.tests
    if kind is SecretKind.FILE_NAME:
        return text in public.names or len(text) < 8 or text in public.code
    long_answer = kind is SecretKind.ANSWER and len(text) >= LONG_SENTENCE
    long_number = kind is SecretKind.NUMBER and len(text) >= LONG_NUMBER
    if kind is SecretKind.HOLE_BLOCK or long_answer or long_number:
        return False
    holders = public.holders(secret)
    origins = public.origins(entry)
    if stands_in(secret, public.given) or any(h.path not in origins for h in holders):
        return True
    own = any(h.quoted for h in holders)
    return own and (len(text) < LONG_LINE if kind is SecretKind.HOLE_LINE else kind is not SecretKind.ANSWER)


def _in_templates(block: str, public: Public) -> bool:
    return all(line in public.templates.line_set for line in block.split("\n"))


def scan(
    archive: bytes, name: str, secrets: Sequence[Secret], public: Public, given_names: Iterable[str]
) -> list[Leak]:
    """Search a zip for secrets.

    Args:
        archive: the zip's bytes.
        name: its name, for messages.
        secrets: what to look for.
        public: what excuses a find.
        given_names: names of the files that the student is meant to get.

    Returns:
        The leaks, sorted; each kind of secret at most once per file of solutions/ and entry.
    """
    found: dict[tuple[str, SecretKind, str], Leak] = {}
    inside = list(entries(name, archive))
    names = public.names | set(given_names)
    everything = [(e, e.text) for e in inside if not e.name.endswith(".zip")]
    files = {s.text: s for s in secrets if s.kind is SecretKind.FILE}
    for entry in inside:
        if "solutions" in PurePosixPath(entry.name.removeprefix(name)).parts[:-1]:
            found[entry.name, SecretKind.FILE_NAME, ""] = Leak(
                entry.name, "a folder named solutions", "solutions/"
            )
        for secret in _named(entry, name, secrets, names):
            found[entry.name, secret.kind, str(secret.path)] = _leak(entry, secret)
        whole = files.get(sha256(entry.data).hexdigest())
        if whole is not None and not public.origins(entry):
            found[entry.name, whole.kind, str(whole.path)] = _leak(entry, whole)
    for secret in secrets:
        if secret.kind is SecretKind.FILE_NAME and secret.text in names:
            continue
        for entry, text in everything:
            if (entry.name, secret.kind, secret.label or str(secret.path)) in found:
                continue
            if stands_in(secret, text) and not excused(secret, entry, public):
                found[entry.name, secret.kind, secret.label or str(secret.path)] = _leak(entry, secret)
    return sorted(set(found.values()))


def _named(entry: Entry, archive: str, secrets: Sequence[Secret], public_names: set[str]) -> Iterable[Secret]:
    """Yield the secret files whose name an entry, or a folder above it, has."""
    parts = PurePosixPath(entry.name.removeprefix(archive)).parts
    for secret in secrets:
        if secret.kind is SecretKind.FILE_NAME and secret.text in parts and secret.text not in public_names:
            yield secret


def _leak(entry: Entry, secret: Secret) -> Leak:
    line = entry.text.line_of(tight(secret.text.split("\n")[0])) if secret.kind is not SecretKind.FILE else 0
    where = f"{entry.name}:{line}" if line else entry.name
    return Leak(where, secret.words, f"{secret.path}:{secret.line}")


__all__ = ["Leak", "Public", "excused", "public_of", "scan", "secrets_of", "stands_in"]
