"""Find the submissions in what a person points at: one file, a folder of them, or an LMS export."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.course import MANIFEST, Assignment
from autograder.errors import IntakeError, UsageError
from autograder.intake import archive, lms
from autograder.intake.entries import is_junk, printable
from autograder.results import Finding, Person

MAX_FILES = 200_000  # paths listed of one class folder
SUBMISSION_NOTE = "submission.json"
_CODE = (".ipynb", ".py")


@dataclass(frozen=True)
class Part:
    """A file or folder of one submission, on disk or inside a class's archive.

    ``member`` is empty on disk; in an archive it is a file, or ends in ``/`` and is a folder.
    """

    path: Path
    name: str  # the file's own name, the LMS's prefix removed; empty for a folder
    member: str = ""


@dataclass(frozen=True)
class SubmissionSource:
    """One person's submission, found and not yet read."""

    person: Person
    path: Path  # what to show to people
    parts: tuple[Part, ...]
    submitted_at: str = ""  # ISO 8601, where the export tells it
    late: bool = False
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class _Tree:
    """The files below a folder, or in an archive, as relative posix paths."""

    root: Path
    files: tuple[str, ...]
    archive: bool

    def below(self, prefix: str) -> _Tree:
        """Return the tree's files in one folder; the paths stay relative to the root."""
        return replace(self, files=tuple(f for f in self.files if f.startswith(prefix)))

    def part(self, name: str, shown: str = "") -> Part:
        """Return the part that is one file, or (ending in ``/``) one folder."""
        own = "" if name.endswith("/") else shown or name.rsplit("/", 1)[-1]
        return Part(self.root, own, name) if self.archive else Part(self.root / name, own)

    def shown(self, name: str) -> Path:
        """Return the path that names a submission to people."""
        return self.root / name.rstrip("/")


def find_submissions(path: Path, assignment: Assignment) -> list[SubmissionSource]:
    """Find every submission at a path, in a stable order.

    Takes one zip, tar.gz, notebook or ``.py``; one student's folder; a folder, or an archive, of those; a
    Gradescope, Canvas or Moodle export as it was downloaded, or unpacked.

    Raises:
        UsageError: there is nothing at the path, or nothing in it that could be a submission.
        IntakeError: the path is an archive of a class and cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        sources = _of_tree(_walk(path), assignment)
    elif path.is_file() and archive.is_archive(path):
        sources = _of_archive(path, assignment)
    elif path.is_file() and path.suffix.casefold() in _CODE:
        sources = [_single(path, Part(path, path.name), assignment)]
    elif path.exists():
        raise UsageError(
            f"{path}: not a submission; expected a .zip, .tar.gz, .ipynb or .py, or a folder of those.\n"
            "  Next: name the file or folder that the LMS gave you."
        )
    else:
        raise UsageError(f"{path}: no such file or folder.\n  Next: check the path to the submissions.")
    if not sources:
        raise UsageError(
            f"{path}: no submission in it; expected .zip, .tar.gz, .ipynb or .py, or folders with them.\n"
            "  Next: name the folder that holds the submissions."
        )
    return _distinct(sources)


def _of_archive(path: Path, assignment: Assignment) -> list[SubmissionSource]:
    try:
        listed = archive.names(path)
    except IntakeError:  # the reader of the submission says so, and the class goes on
        return [_single(path, Part(path, path.name), assignment)]
    tree = _Tree(path, tuple(sorted(listed)), archive=True)
    if _is_class(tree, assignment):
        return _of_tree(tree, assignment)
    return [_single(path, Part(path, path.name), assignment)]


def _is_class(tree: _Tree, assignment: Assignment) -> bool:
    """Tell a class's archive from one student's, who may have several notebooks and folders in it too."""
    if lms.gradescope_root(tree.files) is not None or _lms_names(tree):
        return True
    prefix = _only_folder(tree.files)
    tops = _children(tree.files, prefix)
    if _is_one([f.removeprefix(prefix) for f in tree.files], assignment):
        return False
    bundles = sum(archive.is_archive(Path(t)) for t in tops)
    folders = [
        t for t in tops if t + assignment.notebook in tree.files and t != f"{prefix}{assignment.slug}/"
    ]
    loose = sum(_is_candidate(t) for t in tops)
    return bundles > 1 or (bundles > 0 and loose + len(folders) > 1) or len(folders) > 1


def _of_tree(tree: _Tree, assignment: Assignment) -> list[SubmissionSource]:
    root = lms.gradescope_root(tree.files)
    if root is not None:
        return _gradescope(tree, root)
    prefix = _only_folder(tree.files) if _lms_names(tree) or tree.archive else ""
    if _lms_names(tree):
        return _moodle_or_canvas(tree, prefix, _named(assignment))
    if not tree.archive and _is_one(tree.files, assignment):
        name = tree.root.resolve().name
        return [SubmissionSource(Person(name, name), tree.root, (Part(tree.root, ""),))]
    return _plain(tree, prefix, assignment)


def _walk(root: Path) -> _Tree:
    """List a folder; links are not followed, junk is left out, and the number of files has a limit."""
    files: list[str] = []
    for folder, subfolders, names in os.walk(root, followlinks=False):
        below = Path(folder).relative_to(root).as_posix()
        prefix = "" if below == "." else f"{below}/"
        subfolders[:] = sorted(d for d in subfolders if not is_junk(d) and not Path(folder, d).is_symlink())
        files += [f"{prefix}{n}" for n in names if not is_junk(n) and not Path(folder, n).is_symlink()]
        if len(files) > MAX_FILES:
            raise UsageError(
                f"{root}: more than {MAX_FILES} files.\n  Next: name the folder that holds only submissions."
            )
    return _Tree(root, tuple(sorted(files)), archive=False)


# One of many


def _single(path: Path, part: Part, assignment: Assignment) -> SubmissionSource:
    who = lms.canvas(path.name) or lms.moodle(path.name)
    if who is not None:
        return SubmissionSource(who.person, path, (replace(part, name=who.file),), late=who.late)
    name = _person_name(path.name, assignment)
    return SubmissionSource(Person(name, name), path, (part,))


def _person_name(file: str, assignment: Assignment) -> str:
    """Return what a file name says of its author: its stem without the assignment's name."""
    stem = file[-250:]
    for suffix in (*archive.SUFFIXES, *_CODE):
        if stem.casefold().endswith(suffix):
            stem = stem[: -len(suffix)]
            break
    words = rf"[-_. ]*(?:{re.escape(assignment.slug)}|submission)[-_. ]*"
    return printable(re.sub(words, " ", stem, flags=re.IGNORECASE).strip() or stem)


def _is_one(files: Collection[str], assignment: Assignment) -> bool:
    """Tell one student's folder from a class's: it has the notebook's name, or what travels with it."""
    top = {f for f in files if "/" not in f}
    if top & {assignment.notebook, f"{assignment.slug}.py", MANIFEST, SUBMISSION_NOTE}:
        return True
    return sum(f.endswith(".ipynb") for f in top) == 1 and not _named(assignment).isdisjoint(files)


def _named(assignment: Assignment) -> frozenset[str]:
    """Return the files that the manifest names."""
    artifacts = (q.artifact for q in assignment.questions if q.artifact)
    return frozenset((*assignment.files, *assignment.data, *artifacts))


def _plain(tree: _Tree, prefix: str, assignment: Assignment) -> list[SubmissionSource]:
    """Take each file and each folder with a candidate in it as one submission."""
    sources = []
    for name in _children(tree.files, prefix):
        if name.endswith("/"):
            inside = tree.below(name).files
            if any(_is_candidate(f) for f in inside):
                person = printable(name[len(prefix) :].rstrip("/"))
                sources.append(SubmissionSource(Person(person, person), tree.shown(name), (tree.part(name),)))
        elif _is_candidate(name):
            sources.append(_single(tree.shown(name), tree.part(name), assignment))
    return sources


def _is_candidate(name: str) -> bool:
    return archive.is_archive(Path(name)) or name.casefold().endswith(_CODE)


def _children(files: Iterable[str], prefix: str) -> list[str]:
    """Return what lies directly in a folder: files, and folders ending in ``/``; sorted."""
    children = set()
    for file in files:
        head, slash, _ = file[len(prefix) :].partition("/")
        if file.startswith(prefix) and head:
            children.add(prefix + head + slash)
    return sorted(children)


def _only_folder(files: Iterable[str]) -> str:
    """Return the one folder that holds everything, ending in ``/``; empty if there is none."""
    tops = _children(files, "")
    return tops[0] if len(tops) == 1 and tops[0].endswith("/") else ""


# LMS exports


def _gradescope(tree: _Tree, root: str) -> list[SubmissionSource]:
    """Read ``submission_<id>/`` folders beside a table of who made them; a group becomes one each."""
    records = lms.gradescope_records(_text(tree, root + lms.GRADESCOPE_TABLE))
    sources = []
    for name in _children(tree.files, root):
        folder = name[len(root) :].rstrip("/")
        if not name.endswith("/") or not folder.startswith("submission_"):
            continue
        record = records.get(folder)
        people = record.people if record and record.people else (Person(folder, folder),)
        findings = []
        if not record or not record.people:
            findings.append(Finding(f"{folder}: the export's table does not say whose it is."))
        if len(people) > 1:
            findings.append(
                Finding("Handed in by a group: " + ", ".join(p.name or p.id for p in people) + ".")
            )
        sources += [
            SubmissionSource(
                person, tree.shown(name), (tree.part(name),), record.created_at if record else "",
                findings=tuple(findings),
            )
            for person in people
        ]  # fmt: skip
    return sources


def _text(tree: _Tree, name: str) -> str:
    if not tree.archive:
        return (tree.root / name).read_bytes()[: lms.MAX_TABLE].decode("utf-8", "replace")
    import tempfile

    with tempfile.TemporaryDirectory(prefix="robolearn-") as folder:
        extracted = archive.extract(tree.root, Path(folder), under=name)
        if not extracted.files:
            raise IntakeError(f"{tree.root.name}: {name} cannot be read.\n  Next: download the export again.")
        return (Path(folder) / extracted.files[0]).read_bytes()[: lms.MAX_TABLE].decode("utf-8", "replace")


def _lms_names(tree: _Tree) -> bool:
    """Tell whether most of what lies at the top is named as Canvas or Moodle name it."""
    tops = (
        _children(tree.files, "")
        if not _only_folder(tree.files)
        else _children(tree.files, _only_folder(tree.files))
    )
    named = sum(1 for t in tops if _who(t.rstrip("/").rsplit("/", 1)[-1]) is not None)
    return named > 0 and 2 * named >= len(tops)


def _who(name: str) -> lms.Who | None:
    return lms.moodle(name) or lms.canvas(name)


def _moodle_or_canvas(tree: _Tree, prefix: str, named: frozenset[str]) -> list[SubmissionSource]:
    """Gather each person's files and folders, by the id that the LMS put in front of their names."""
    owners: dict[str, lms.Who] = {}
    parts: dict[str, list[tuple[str, lms.Who]]] = {}
    for name in _children(tree.files, prefix):
        who = _who(name.rstrip("/").rsplit("/", 1)[-1])
        if who is None or who.ignored:
            continue
        if who.file in named:  # `policy-2.npz` may be the manifest's own name, not a second upload
            who = replace(who, original=who.file, version=0)
        known = owners.setdefault(who.person.id, who)
        owners[who.person.id] = replace(known, late=known.late or who.late)
        parts.setdefault(who.person.id, []).append((name, who))
    sources = []
    for key, mine in parts.items():
        chosen, findings = _newest(mine)
        taken = tuple(tree.part(name, who.original) for name, who in chosen)
        who = owners[key]
        shown = tree.shown(chosen[0][0])
        sources.append(SubmissionSource(who.person, shown, taken, late=who.late, findings=findings))
    return sources


def _newest(mine: list[tuple[str, lms.Who]]) -> tuple[list[tuple[str, lms.Who]], tuple[Finding, ...]]:
    """Of files that are versions of one another (``hw1-1.zip``, ``hw1-2.zip``) keep the last."""
    last: dict[str, tuple[str, lms.Who]] = {}
    dropped = []
    for name, who in sorted(mine, key=lambda m: (m[1].original, m[1].version, m[0])):
        if who.original in last:
            dropped.append(last[who.original][1].file)
        last[who.original] = (name, who)
    findings = tuple(Finding(f"An older upload was left out: {printable(d)}.") for d in dropped)
    return list(last.values()), findings


# All of them


def _distinct(sources: list[SubmissionSource]) -> list[SubmissionSource]:
    """Give every submission an id of its own; two with one id keep apart by their file's whole name."""
    seen: dict[str, int] = {}
    for source in sources:
        key = _safe(source.person.id)
        seen[key] = seen.get(key, 0) + 1
    taken: set[str] = set()
    result = []
    for source in sorted(sources, key=lambda s: (s.person.id.casefold(), s.person.id, str(s.path))):
        person, findings = replace(source.person, id=_safe(source.person.id)), source.findings
        if seen[person.id] > 1:
            findings += (
                Finding(
                    f"{seen[person.id]} submissions are named {person.id!r}; this is {source.path.name}."
                ),
            )
            unique = candidate = _safe(printable(f"{person.id} ({source.path.name})"))
            count = 2
            while unique in taken:
                unique, count = f"{candidate} {count}", count + 1
            person = replace(person, id=unique)
        taken.add(person.id)
        result.append(replace(source, person=person, findings=findings))
    return result


def _safe(person: str) -> str:
    """Return an id that can stand in a file's name."""
    return re.sub(r"[/\\]|^\.+", "_", person) or "_"
