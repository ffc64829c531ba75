"""Read a student's notebook or script into cells, whatever tool saved it and however damaged it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from autograder.errors import IntakeError
from autograder.intake.statements import statements

MB = 1 << 20
MAX_BYTES = 256 * MB  # of the file, outputs included
MAX_TEXT = 48 * MB  # characters that remain once large outputs are left out
MAX_CONTAINERS = 400_000  # lists and objects in what remains
MAX_ITEMS = 4_000_000
MAX_CELLS = 3000
MAX_SOURCE = 1 * MB  # characters of one cell
MAX_SOURCES = 8 * MB  # characters of all cells
KEPT_OUTPUT = 600_000  # characters of one cell's outputs that are kept for people to look at
KEPT_OUTPUTS = 12 * MB

_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]]', re.S)
_OUTPUTS = re.compile(r'"outputs"\s*:\s*\[')


@dataclass(frozen=True)
class NotebookCell:
    """One cell as the student handed it in."""

    number: int  # its place in the student's notebook, from 1
    type: str  # code, markdown, raw
    source: str
    ids: tuple[str, ...] = ()  # every id it was seen with: nbformat's, nbgrader's, Colab's
    kind: str = ""  # robolearn's, if its metadata survived
    questions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    raw: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def label(self) -> str:
        """How people call it."""
        return f"cell {self.number}"


@dataclass(frozen=True)
class StudentNotebook:
    """A notebook's cells, and what was noticed while reading it."""

    cells: tuple[NotebookCell, ...]
    remarks: tuple[str, ...] = ()
    assignment: str = ""  # the assignment that its metadata names


def read_notebook(data: bytes, name: str) -> StudentNotebook:
    """Read an ``.ipynb`` of nbformat 3 or 4, with or without ids and metadata; large outputs are left out.

    Raises:
        IntakeError: it is no notebook; the message says what it is instead.
    """
    if len(data) > MAX_BYTES:
        raise IntakeError(
            f"{name}: {len(data) // MB} MB, expected at most {MAX_BYTES // MB} MB.\n"
            "  Next: clear the notebook's outputs, save it, and hand it in again."
        )
    text = _decode(data, name)
    text, dropped = _without_large_outputs(text)
    _refuse_giants(text, name)
    raw = _parse(text, name)
    remarks = []
    if dropped:
        remarks.append(f"The outputs of {dropped} cells were too large to keep; grading does not need them.")
    cells = []
    room = MAX_SOURCES
    listed = list(_raw_cells(raw, name))
    if len(listed) > MAX_CELLS:
        remarks.append(f"The notebook has {len(listed)} cells; the first {MAX_CELLS} were read.")
    for number, item in enumerate(listed[:MAX_CELLS], start=1):
        cell = _cell(number, item)
        if len(cell.source) > min(MAX_SOURCE, room):
            remarks.append(f"{cell.label} has {len(cell.source)} characters and was left out.")
            cell = replace(cell, source="")
        room -= len(cell.source)
        cells.append(cell)
    metadata = raw.get("metadata")
    own = metadata.get("robolearn") if isinstance(metadata, dict) else None
    slug = own.get("assignment") if isinstance(own, dict) else None
    return StudentNotebook(tuple(cells), tuple(remarks), slug if isinstance(slug, str) else "")


def _decode(data: bytes, name: str) -> str:
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    looks = (
        (not head, "the file is empty"),
        (head.startswith(b"%PDF"), "it is a PDF"),
        (head[:1] == b"<", "it is a web page, not the notebook itself"),
        (head[:2] == b"PK", "it is a zip archive with another name"),
    )
    why = next((words for true, words in looks if true), "")
    if why:
        raise _not_a_notebook(name, why)
    try:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").removeprefix("\ufeff")


def _not_a_notebook(name: str, why: str) -> IntakeError:
    return IntakeError(
        f"{name}: not a notebook: {why}.\n"
        "  Next: open it in Jupyter, save it, and hand in what `autograder submit` writes."
    )


def _without_large_outputs(text: str) -> tuple[str, int]:
    """Cut the lists of outputs that are too large to keep, by looking only at strings and brackets."""
    pieces: list[str] = []
    position = kept = dropped = 0
    room = KEPT_OUTPUTS
    while (match := _OUTPUTS.search(text, position)) is not None:
        end = _end_of_list(text, match.end())
        size = end - match.end()
        if size > min(KEPT_OUTPUT, room):
            pieces.append(text[kept : match.end()])
            kept = end - 1  # the closing bracket stays
            dropped += 1
        else:
            room -= size
        position = end
    pieces.append(text[kept:])
    return "".join(pieces), dropped


def _end_of_list(text: str, position: int) -> int:
    """Return the position after the bracket that closes the list whose first item begins here."""
    depth = 1
    for token in _TOKEN.finditer(text, position):
        if token[0] == "[":
            depth += 1
        elif token[0] == "]":
            depth -= 1
            if depth == 0:
                return token.end()
    return len(text)


def _refuse_giants(text: str, name: str) -> None:
    """Refuse text that would take gigabytes once parsed."""
    containers = text.count("{") + text.count("[")
    if len(text) > MAX_TEXT or containers > MAX_CONTAINERS or text.count(",") > MAX_ITEMS:
        raise IntakeError(
            f"{name}: {len(text) // MB} MB and {containers} lists and objects besides its outputs, expected"
            f" at most {MAX_TEXT // MB} MB and {MAX_CONTAINERS}.\n"
            "  Next: clear the outputs, remove data pasted into cells, and hand it in again."
        )


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        raw = json.loads(text)
    except RecursionError:
        raise _not_a_notebook(name, "its JSON is nested too deeply") from None
    except ValueError as error:
        line = getattr(error, "lineno", 0)
        shown = text.splitlines()[line - 1] if 0 < line <= len(text.splitlines()) else ""
        if re.match(r"\s*(<<<<<<<|=======|>>>>>>>)", shown):
            raise _not_a_notebook(
                name, f"line {line} is left from a git merge ({shown.strip()[:7]})"
            ) from None
        where = f" at line {line}" if line else ""
        raise _not_a_notebook(name, f"its JSON breaks off or is damaged{where}") from None
    if not isinstance(raw, dict):
        raise _not_a_notebook(name, f"its JSON is a {type(raw).__name__}, not an object with cells")
    return raw


def _raw_cells(raw: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Yield the cells of nbformat 4, or of nbformat 3's worksheets."""
    lists = [raw.get("cells")]
    worksheets = raw.get("worksheets")
    if lists[0] is None and isinstance(worksheets, list):
        lists = [w.get("cells") for w in worksheets if isinstance(w, dict)]
    if not any(isinstance(cells, list) for cells in lists):
        raise _not_a_notebook(name, "it has no list of cells")
    for cells in lists:
        if isinstance(cells, list):
            yield from (c for c in cells if isinstance(c, dict))


def _cell(number: int, raw: dict[str, Any]) -> NotebookCell:
    metadata = raw.get("metadata") if isinstance(raw.get("metadata"), dict) else {}
    assert isinstance(metadata, dict)
    own = metadata.get("robolearn") if isinstance(metadata.get("robolearn"), dict) else {}
    nbgrader = metadata.get("nbgrader") if isinstance(metadata.get("nbgrader"), dict) else {}
    assert isinstance(own, dict) and isinstance(nbgrader, dict)
    kind = raw.get("cell_type")
    type_ = kind if kind in ("code", "raw") else "markdown"
    source = raw.get("source", raw.get("input"))
    ids = (raw.get("id"), nbgrader.get("grade_id"), metadata.get("id"))
    known = tuple(dict.fromkeys(i for i in ids if isinstance(i, str) and i))
    return NotebookCell(
        number, type_, clean_text(_joined(source)), known,
        own["kind"] if isinstance(own.get("kind"), str) else "", _words(own.get("questions")),
        _words(metadata.get("tags")), raw,
    )  # fmt: skip


def _joined(source: Any) -> str:
    if isinstance(source, list):
        return "".join(s for s in source if isinstance(s, str))
    return source if isinstance(source, str) else ""


def _words(value: Any) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def clean_text(text: str) -> str:
    """Return text with plain line ends and nothing that cannot be written as UTF-8."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


# Scripts

_PERCENT = re.compile(r"^#\s*(?:%%(?P<percent>.*)|In\s*\[[\d* ]*\]:?\s*)$", re.M)
_OPTION = re.compile(r"(\w+)=(\{[^{}]*\}|\[[^\[\]]*\]|\"[^\"]*\")")
_HEADER = re.compile(r"\A(?:#[^\n]*\n)*# ---\n(?:#[^\n]*\n)*?# ---\n")


def read_script(data: bytes, name: str) -> StudentNotebook:
    """Read a ``.py``: percent cells, nbconvert's ``# In[3]:``, or plain code cut between its statements.

    Raises:
        IntakeError: it is far too large for a script.
    """
    if len(data) > MAX_SOURCES:
        raise IntakeError(
            f"{name}: {len(data) // MB} MB, expected at most {MAX_SOURCES // MB} MB.\n"
            "  Next: hand in what `autograder submit` writes."
        )
    text = clean_text(data.decode("utf-8-sig", "replace"))
    text = _HEADER.sub("", text, count=1)
    if not _PERCENT.search(text):
        return StudentNotebook(tuple(_plain_cells(text)))
    heads = list(_PERCENT.finditer(text))
    ends = [h.start() for h in heads[1:]] + [len(text)]
    code, notes = _without_notes(text[: heads[0].start()])
    parts = [("", code)] if code.strip() else []
    parts += [("[markdown]", note) for note in notes]
    for head, end in zip(heads, ends):
        body, notes = text[head.end() : end], []
        if head["percent"] is None:  # nbconvert writes the next text cells below the code
            body, notes = _without_notes(body)
        parts += [(head["percent"] or "", body), *(("[markdown]", note) for note in notes)]
    cells = (_percent_cell(n, head, body) for n, (head, body) in enumerate(parts[:MAX_CELLS], start=1))
    return StudentNotebook(tuple(cells))


def _without_notes(body: str) -> tuple[str, list[str]]:
    """Split the comments at the end from the code; a blank line parts one text cell from the next."""
    lines = body.split("\n")
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    notes = re.split(r"\n{2,}", "\n".join(line.rstrip() for line in lines[end:]).strip("\n"))
    return "\n".join(lines[:end]), [note for note in notes if note]


def _percent_cell(number: int, head: str, body: str) -> NotebookCell:
    options: dict[str, Any] = {}
    for key, value in _OPTION.findall(head[:2000]):
        try:
            options[key] = json.loads(value)
        except (ValueError, RecursionError):
            continue
    source = body.strip("\n")
    markdown = re.match(r"\s*(?:\w+\s+)?\[(?:markdown|md)\]", head) is not None
    if markdown:
        source = "\n".join(re.sub(r"^#? ?", "", line) for line in source.split("\n"))
    elif re.match(r"\s*\[raw\]", head):
        source = ""
    raw = {"cell_type": "markdown" if markdown else "code", "metadata": options, "source": source}
    return _cell(number, {**raw, "id": options.get("id")})


def _plain_cells(text: str) -> Iterator[NotebookCell]:
    """Give each function and class a cell of its own, so that a mistake in one costs that one."""
    lines = text.split("\n")
    found = statements(text)
    cuts = {0}
    for one, after in zip(found, [*found[1:], None]):
        if one.defines:
            cuts.update((one.line - 1, after.line - 1 if after else len(lines)))
    edges = sorted({*cuts, len(lines)})
    number = 0
    for begin, end in pairwise(edges):
        source = "\n".join(lines[begin:end]).strip("\n")
        if source.strip():
            number += 1
            yield NotebookCell(number, "code", source, raw={"cell_type": "code", "source": source})
