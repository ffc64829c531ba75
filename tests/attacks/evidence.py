"""What an attack came to, as the grader, a student and a TA see it, and the two questions asked of it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

from autograder.results import SubmissionResult
from tests.attacks.attack import PASSED, Attack
from tests.attacks.course import CANARY, HIDDEN_NAMES

LEAK = "LEAK"  # student code puts it before what it learned from hidden inputs
STUDENT_PAGES = ("feedback.html", "feedback.txt", "gradescope.json", "moodle.csv")
NOTEBOOK = "<h2>The notebook as handed in</h2>"
HTML_PAGES = ("feedback.html", "ta.html", "class.html")
TABLES = ("moodle.csv", "canvas.csv", "grades.csv")


@dataclass(frozen=True)
class Evidence:
    """What happened when one submission was graded.

    Attributes:
        outcomes: question -> outcome.
        points: question -> points.
        result: everything; None where a grader without a boundary graded.
        pages: page or table -> its text.
        unpacked: what intake wrote: relative path -> bytes, or the kind of what is no file.
        escaped: what lies outside the folder in which intake may write.
        kept: bytes of the notebook that is kept for people to look at.
        heard: what reached the machine's own listener from student code.
        seconds: how long intake and grading took.
        output: what a grader without a boundary printed.
    """

    outcomes: Mapping[str, str]
    points: Mapping[str, float] = field(default_factory=dict)
    result: SubmissionResult | None = None
    pages: Mapping[str, str] = field(default_factory=dict)
    unpacked: Mapping[str, int | str] = field(default_factory=dict)
    escaped: tuple[str, ...] = ()
    kept: int = 0
    heard: bytes = b""
    seconds: float = 0.0
    output: str = ""

    @property
    def told_students(self) -> str:
        """All that a student can read, but for the notebook, which the student wrote."""
        return "\n".join(self.pages.get(name, "").split(NOTEBOOK)[0] for name in STUDENT_PAGES)

    @property
    def findings(self) -> str:
        """What was noticed about the submission, and why nothing could be graded."""
        return "\n".join([*(f.what for f in self.result.findings), self.result.error]) if self.result else ""

    @property
    def unpacked_mb(self) -> float:
        """Megabytes that intake wrote."""
        return sum(size for size in self.unpacked.values() if isinstance(size, int)) / 2**20

    @property
    def scripts(self) -> list[str]:
        """What would run when somebody opens a page."""
        return [f"{name}: {found}" for name in HTML_PAGES for found in active_content(self.pages.get(name, ""))]

    @property
    def formulas(self) -> list[str]:
        """What would run when somebody opens a table."""
        return [f"{n}: {cell}" for n in TABLES for cell in formula_cells(self.pages.get(n, ""))]


def faults(attack: Attack, seen: Evidence) -> list[str]:
    """Say why an attack was not held; nothing where it was."""
    found = []
    expected = {question: attack.expected.get(question, PASSED) for question in seen.outcomes}
    for question, wanted in expected.items():
        got, points = seen.outcomes[question], seen.points[question]
        if got not in wanted.split("|"):
            found.append(f"{question} is {got}, expected {wanted}: {_messages(seen, question)}")
        elif points != (4.0 if got == PASSED else attack.points.get(question, 0.0)):
            found.append(f"{question} is {got} with {points:g} points")
    if attack.says and attack.says not in seen.findings + _messages(seen, next(iter(attack.expected), "")):
        found.append(f"nobody says {attack.says!r}: {seen.findings} {_messages(seen, next(iter(attack.expected), ''))}")
    if attack.won is not None and attack.won(seen):
        found.append("what it is after, it got")
    if "error" in seen.pages:
        found.append(f"its pages cannot be written: {seen.pages['error']}")
    if seen.result is not None:
        found += [f"{q.id} printed {q.stdout[:300]!r}" for q in seen.result.questions if "LOOTED" in q.stdout]
    found += [f"students read {word}" for word in (CANARY, LEAK, *HIDDEN_NAMES) if word in seen.told_students]
    found += [f"a page would run {what}" for what in seen.scripts]
    found += [f"a table would compute {what}" for what in seen.formulas]
    found += [f"outside its folder intake wrote {path}" for path in seen.escaped]
    return found


def succeeded(attack: Attack, seen: Evidence) -> list[str]:
    """Say why an attack did not succeed; nothing where it did."""
    missed = [
        f"{question} is {seen.outcomes.get(question)}, expected {wanted}: {_messages(seen, question)}"
        for question, wanted in attack.prize.items()
        if seen.outcomes.get(question) not in wanted.split("|")
    ]
    if attack.won is not None and not attack.won(seen):
        missed.append(f"what it is after, it did not get: {seen.findings}")
    if not attack.prize and attack.won is None:
        missed.append("nothing says how its success would be known")
    return missed


def _messages(seen: Evidence, question: str) -> str:
    if seen.result is None:
        return seen.output[-600:]
    mine = [q for q in seen.result.questions if q.id == question]
    words = [f"{t.message} {t.detail[-400:]}" for q in mine for t in q.tests if t.outcome != PASSED]
    printed = [f"printed {q.stdout[-300:]!r}" for q in mine if q.stdout]
    return " / ".join([*words[:1], *printed])


class _Active(HTMLParser):
    """Collects tags and attributes that act."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "form", "svg", "link", "base", "input", "button"):
            self.found.append(f"<{tag}>")
        for name, value in attributes:
            address = re.sub(r"[\s\x00-\x1f]", "", value or "").lower()
            if name.startswith("on") or name in ("srcdoc", "formaction"):
                self.found.append(f"{tag} {name}")
            if name == "href" and re.match(r"(?!https?:|mailto:)[a-z][a-z0-9+.-]*:", address):
                self.found.append(f"{tag} {name}={address[:60]}")
            if name == "src" and not address.startswith("data:image/"):
                self.found.append(f"{tag} {name}={address[:60]}")


def active_content(page: str) -> list[str]:
    """Return what in a page would act on whoever opens it."""
    parser = _Active()
    parser.feed(page)
    parser.close()
    return parser.found


def formula_cells(table: str) -> Iterator[str]:
    """Yield a table's cells that a spreadsheet would compute."""
    for row in csv.reader(io.StringIO(table)):
        for cell in row:
            if cell[:1] in ("=", "@", "+", "\t", "\r") or (cell[:1] == "-" and not re.fullmatch(r"-[\d.]+", cell)):
                yield cell[:60]
