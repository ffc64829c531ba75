"""How Gradescope, Canvas and Moodle write down who handed something in and when."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from autograder.intake.entries import printable
from autograder.results import Person

GRADESCOPE_TABLE = "submission_metadata.yml"
MAX_TABLE = 64 << 20  # bytes; the table repeats every test's output

_CANVAS = re.compile(
    r"^(?P<name>[^\W\d_][^/]*?)_(?:(?P<late>late)_)?(?P<user>\d+)_(?:(?P<late2>late)_)?(?P<upload>\d+)_(?P<file>.+)$",
    re.IGNORECASE,
)
_MOODLE = re.compile(
    r"^(?P<name>[^/]+?)_(?P<id>\d+)_assignsubmission_(?P<kind>file|onlinetext|comments)_?(?P<file>.*)$",
    re.IGNORECASE,
)
_VERSION = re.compile(r"^(?P<stem>.+?)-(?P<version>\d{1,3})(?P<suffix>\.(?:tar\.gz|\w+))$")


@dataclass(frozen=True)
class Who:
    """What a file's name in an export tells."""

    person: Person
    file: str = ""  # the student's own file name
    late: bool = False
    ignored: bool = False  # a text typed into the LMS, not an upload
    original: str = ""  # the file's name without the LMS's version number
    version: int = 0


def canvas(name: str) -> Who | None:
    """Read ``lastname_first_LATE_12345_67890_file.zip``; None if it is not named so."""
    match = _CANVAS.match(name)
    if match is None:
        return None
    file = match["file"]
    versioned = _VERSION.match(file)
    return Who(
        Person(match["user"], _spoken(match["name"])), file, bool(match["late"] or match["late2"]),
        ignored=file.casefold() == "text.html",
        original=versioned["stem"] + versioned["suffix"] if versioned else file,
        version=int(versioned["version"]) if versioned else 0,
    )  # fmt: skip


def moodle(name: str) -> Who | None:
    """Read ``First Last_1234567_assignsubmission_file_`` and what follows; None if it is not named so."""
    match = _MOODLE.match(name)
    if match is None:
        return None
    file = match["file"]
    # The number is the participant's; two uploads of one person share it.
    return Who(
        Person(match["id"], _spoken(match["name"])), file, ignored=match["kind"].casefold() != "file",
        original=file,
    )  # fmt: skip


def _spoken(name: str) -> str:
    return printable(" ".join(name.replace("_", " ").split()))


# Gradescope


@dataclass
class Record:
    """One submission of Gradescope's table."""

    people: tuple[Person, ...] = ()
    created_at: str = ""


@dataclass
class _Draft:
    created_at: str = ""
    submitters: list[dict[str, str]] = field(default_factory=list)


def gradescope_root(files: Iterable[str]) -> str | None:
    """Return the folder that holds Gradescope's table (``""`` or ending in ``/``); None without one."""
    roots = [f[: -len(GRADESCOPE_TABLE)] for f in files if f.rsplit("/", 1)[-1] == GRADESCOPE_TABLE]
    return min((r for r in roots if r.count("/") <= 1), key=len, default=None)


_TOP = re.compile(r"^(?P<quote>[\"']?)(?P<id>submission_\w+)(?P=quote):\s*$")
_PAIR = re.compile(r"^(?P<indent> *)(?P<dash>- +)?[\"']?:?(?P<key>\w+)[\"']?:(?:\s+(?P<value>.*))?$")


def gradescope_records(text: str) -> dict[str, Record]:
    """Read who and when from ``submission_metadata.yml``.

    The table is YAML with Ruby's symbols and tags, and holds every test's output besides; only the lines that
    tell submitters and times are read, by their indentation.
    """
    records: dict[str, Record] = {}
    current, draft, base, section = "", _Draft(), -1, ""
    for line in text.splitlines():
        top = _TOP.match(line)
        if top:
            _close(records, current, draft)
            current, draft, base, section = top["id"], _Draft(), -1, ""
            continue
        pair = _PAIR.match(line) if current else None
        if pair is None:
            continue
        indent, value = len(pair["indent"]), _scalar(pair["value"] or "")
        base = indent if base < 0 else base
        if indent == base and not pair["dash"]:
            section = pair["key"]
            if section == "created_at":
                draft.created_at = _time(value)
        elif section == "submitters":
            if pair["dash"]:
                draft.submitters.append({})
            if draft.submitters:
                draft.submitters[-1].setdefault(pair["key"], value)
        elif section == "created_at" and pair["key"] == "utc":
            draft.created_at = _time(value)
    _close(records, current, draft)
    return records


def _close(records: dict[str, Record], current: str, draft: _Draft) -> None:
    if not current:
        return
    people = []
    for known in draft.submitters:
        email, sid, name = known.get("email", ""), known.get("sid", ""), known.get("name", "")
        key = sid or email or known.get("id", "") or name
        if key:
            people.append(Person(printable(key), printable(name), printable(email)))
    records[current] = Record(tuple(people), draft.created_at)


def _scalar(value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] == "'":
        return value[1:-1].replace("''", "'")
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return re.sub(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|.)", _unescape, value[1:-1])
    return "" if value in ("~", "null") else value


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else {"n": "\n", "t": "\t"}.get(code, code)


def _time(value: str) -> str:
    """Return ISO 8601 of ``2023-09-20 12:34:56.789012 Z`` or with an offset; empty for anything else."""
    match = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?\s*(Z|UTC|[+-]\d\d:?\d\d)?$", value)
    if match is None:
        return ""
    zone = match[3] or "Z"
    zone = "+00:00" if zone in ("Z", "UTC") else zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
    return f"{match[1]}T{match[2]}{zone}"
