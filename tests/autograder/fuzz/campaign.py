"""Thousands of mutated hand-ins through intake, and a sample of them through grading.

Mutant ``n`` is the same in every run. What must hold of each: intake reads it or refuses it in words, soon,
and writes nowhere but in its folder; no question earns full marks for code that was not handed in.
"""

from __future__ import annotations

import difflib
import random
import re
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

from autograder.course import Assignment, Course, Kind
from autograder.errors import AutograderError
from autograder.grading.attempt import grade
from autograder.grading.grader import Grader
from autograder.intake import Submission, find_submissions
from autograder.results import Outcome
from autograder.source import edits
from autograder.source.document import read_source
from autograder.source.variants import solved, starter
from tests.autograder.fuzz import archives, effective, notebooks
from tests.autograder.fuzz.effective import Why

OUTER_CRASH = "this is not the student's mistake"  # intake's words for its own failure
DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class Mutant:
    """One mutated hand-in."""

    number: int
    name: str
    data: bytes
    base: str  # solved, half
    history: tuple[str, ...]


@dataclass(frozen=True)
class Read:
    """What intake made of a mutant."""

    number: int
    kind: str  # notebook, archive
    base: str
    history: tuple[str, ...]
    refused: str = ""  # the reason, names and numbers taken out
    crash: str = ""
    stray: str = ""  # a file where none may be
    cpu_s: float = 0.0
    code: str = ""  # names the code that would be graded
    touched: tuple[str, ...] = ()  # questions whose code is not the base's


@dataclass(frozen=True)
class Mark:
    """One graded question of a mutant."""

    number: int
    question: str
    outcome: Outcome
    full: bool
    why: Why
    told: bool  # a finding speaks of the question
    whole: bool  # nothing that the notebook defines was changed
    diff: str = ""


@dataclass
class Lab:
    """The course, the base submissions, and what each question asks for."""

    course: Course
    slug: str
    bases: dict[str, edits.Notebook] = field(default_factory=dict)

    def __post_init__(self) -> None:
        source = read_source(self.course, self.slug)
        self.assignment: Assignment = self.course.assignment(self.slug)
        self.solved = edits.load(solved(source).notebook)
        self.starter = edits.load(starter(source).notebook)
        self.given = starter(source).notebook
        self.grader = Grader(self.course, self.slug)
        self.functions = self._functions()

    def _functions(self) -> dict[str, tuple[str, str, str]]:
        """Return, by question, its function's name, and its definition in the reference and in the starter."""
        found = {}
        for question in self.assignment.questions:
            if question.kind is not Kind.CODE:
                continue
            cell = next(c for c in self.grader.template.cells if question.id in c.holes)
            name = cell.holes[question.id]
            right, given = (
                dict(effective.functions(edits.of_question(book, question.id)["source"]))[name]
                for book in (self.solved, self.starter)
            )
            found[question.id] = name, right, given
        return found

    def mutant(self, number: int) -> Mutant:
        """Make mutant ``number``."""
        chance = random.Random(f"{self.slug} {number}")
        base = chance.choice(("solved", "solved", "half"))
        notebook = edits.load(edits.dump(self.solved))
        if base == "half":
            holes = list(self.functions)
            edits.reset(notebook, self.starter, *chance.sample(holes, len(holes) // 2))
        archived = chance.random() < 0.5
        history = notebooks.mutate(notebook, chance) if not archived or chance.random() < 0.4 else []
        data = notebooks.written(notebook, chance)
        if chance.random() < (0.1 if archived else 0.3):
            data, how = notebooks.damaged(data, chance)
            history.append(how)
        name = f"ada-{number}.ipynb"
        if archived:
            data, suffix, done = archives.packed([(self.assignment.notebook, data)], chance, self.given)
            history, name = [*history, *done], f"ada-{number}{suffix}"
        return Mutant(number, name, data, base, tuple(history))

    def read(self, mutant: Mutant, folder: Path) -> Submission:
        """Read a mutant from a class's folder, as `grade` does."""
        place = folder / "in"
        place.mkdir()
        path = place / mutant.name
        path.write_bytes(mutant.data)
        [source] = find_submissions(place, self.assignment)
        return self.grader.read(source)

    def touched(self, mutant: Mutant, submission: Submission) -> tuple[str, ...]:
        """Return the questions whose function is not the reference's in the code that would be graded."""
        texts = [cell.source for cell in submission.code.cells]
        return tuple(
            question
            for question, (name, right, given) in self.functions.items()
            if effective.judge(name, texts, right, given) is not Why.SAME
        )


_labs: dict[str, Lab] = {}  # of this process; forked ones inherit it


def lab(course: Course, slug: str) -> Lab:
    """Return the lab of an assignment, made once."""
    key = f"{course.root} {slug}"
    if key not in _labs:
        _labs[key] = Lab(course, slug)
    return _labs[key]


def read_one(root: Path, slug: str, number: int) -> Read:
    """Make a mutant and have intake read it."""
    here = lab(Course(root), slug)
    mutant = here.mutant(number)
    kind = "notebook" if mutant.name.endswith(".ipynb") else "archive"
    about = (number, kind, mutant.base, mutant.history)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        began = time.process_time()
        try:
            submission = here.read(mutant, Path(folder))
        except AutograderError as error:
            return Read(*about, refused=_reason(str(error)), cpu_s=time.process_time() - began)
        except Exception as error:
            return Read(*about, crash=f"{type(error).__name__}: {error}")
        cpu_s = time.process_time() - began
        stray = ", ".join(str(p) for p in Path(folder).rglob("*") if p != Path(folder, "in") and p.name != mutant.name)
    if submission.error:
        crash = submission.error if OUTER_CRASH in submission.error else ""
        return Read(*about, refused=_reason(submission.error), crash=crash, stray=stray, cpu_s=cpu_s)
    code = repr(submission.code)
    return Read(*about, stray=stray, cpu_s=cpu_s, code=code_name(code), touched=here.touched(mutant, submission))


def code_name(code: str) -> str:
    """Return a short name for code."""
    from autograder.grading.digests import of_bytes

    return of_bytes(code.encode("utf-8", "replace"))


def grade_one(root: Path, slug: str, read: Read) -> list[Mark]:
    """Grade the questions of a mutant that its mutations touched, and one that they did not."""
    here = lab(Course(root), slug)
    mutant = here.mutant(read.number)
    chance = random.Random(read.number)
    untouched = [q for q in here.functions if q not in read.touched]
    wanted = [*read.touched, *chance.sample(untouched, min(1, len(untouched)))]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        submission = here.read(mutant, Path(folder))
        result = grade(submission, here.grader, wanted)
    texts = effective.texts_of(mutant.name, mutant.data) or [c.source for c in submission.code.cells]
    told = {q for finding in result.findings for q in finding.questions}
    whole = effective.legible(texts) and all(
        effective.judge(n, texts, right, given) is Why.SAME for n, right, given in here.functions.values()
    )
    marks = []
    for question in result.questions:
        name, right, given = here.functions[question.id]
        why = effective.judge(name, texts, right, given)
        full = question.points >= question.possible
        diff = _diff(here, question.id, texts) if full and why is Why.CHANGED else ""
        marks.append(Mark(read.number, question.id, question.outcome, full, why, question.id in told, whole, diff))
    return marks


def _reason(error: str) -> str:
    """Return an error's first line without names and numbers, so that alike ones count as one."""
    line = error.split("\n", 1)[0]
    line = re.sub(r"^[^:]*: ", "", line) if ": " in line else line
    line = re.sub(r"found .*, expected", "found …, expected", line)
    return DIGITS.sub("#", line)[:110]


def _diff(here: Lab, question: str, texts: list[str]) -> str:
    """Return how a function differs from the reference's, as a few lines."""
    name = here.functions[question][0]
    mine = next((t for t in reversed(texts) if re.search(rf"^(async )?def {name}\b", t, re.M)), "")
    right = edits.of_question(here.solved, question)["source"]
    lines = difflib.unified_diff(right.split("\n"), mine.split("\n"), "reference", "mutant", n=0, lineterm="")
    return "\n".join(list(lines)[2:12])


# Counting


@dataclass
class Tally:
    """What came of a campaign."""

    reads: list[Read] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    graded: int = 0
    wall_s: dict[str, float] = field(default_factory=dict)
    max_rss_mb: float = 0.0

    @property
    def accepted(self) -> list[Read]:
        """The mutants that intake could read."""
        return [r for r in self.reads if not r.refused and not r.crash]

    @property
    def refused(self) -> Counter[str]:
        """How many were refused, by reason."""
        return Counter(r.refused for r in self.reads if r.refused and not r.crash)

    @property
    def full(self) -> Counter[Why]:
        """How many full marks there were, by how the code stands in what was handed in."""
        return Counter(mark.why for mark in self.marks if mark.full)

    @property
    def problems(self) -> list[str]:
        """What must not be."""
        found = [f"mutant {r.number} {r.history}: {r.crash}" for r in self.reads if r.crash]
        found += [f"mutant {r.number} {r.history}: wrote {r.stray}" for r in self.reads if r.stray]
        for mark in self.marks:
            about = f"mutant {mark.number}, question {mark.question}"
            if mark.outcome is Outcome.GRADER_ERROR:
                found.append(f"{about}: the grader failed")
            if mark.full and mark.why in effective.WRONG:
                found.append(f"{about}: full marks, and {mark.why}")
            if mark.whole and not mark.full:
                found.append(f"{about}: nothing was changed, and it is {mark.outcome}")
        return found


def run(
    root: Path, slug: str, numbers: Iterable[int], graded: int, executor: Executor, jobs: int,
    tell: Callable[[str], None] = lambda text: None,
) -> Tally:  # fmt: skip
    """Read many mutants, then grade up to ``graded`` of those whose code differs from all before."""
    tally = Tally()
    began = time.perf_counter()
    for done, read in enumerate(_mapped(executor, jobs, _Reader(root, slug), numbers), start=1):
        tally.reads.append(read)
        if done % 500 == 0:
            tell(f"{done} read, {done / (time.perf_counter() - began):.0f} a second")
    tally.wall_s["intake"] = time.perf_counter() - began
    different = {read.code: read for read in reversed(tally.accepted)}
    chosen = sorted(different.values(), key=lambda r: r.number)[:graded]
    began = time.perf_counter()
    for marks in _mapped(executor, jobs, _Marker(root, slug), chosen):
        tally.marks += marks
        tally.graded += 1
        if tally.graded % 50 == 0:
            tell(f"{tally.graded} of {len(chosen)} graded, {len(tally.marks)} questions")
    tally.wall_s["grading"] = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    tally.max_rss_mb = max(usage.ru_maxrss, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024
    return tally


@dataclass(frozen=True)
class _Reader:
    root: Path
    slug: str

    def __call__(self, number: int) -> Read:
        return read_one(self.root, self.slug, number)


@dataclass(frozen=True)
class _Marker:
    root: Path
    slug: str

    def __call__(self, read: Read) -> list[Mark]:
        return grade_one(self.root, self.slug, read)


def _mapped(executor: Executor, jobs: int, function: Callable, items: Iterable) -> Iterator:  # type: ignore[type-arg]
    """Map with a bounded number of jobs under way."""
    from concurrent.futures import FIRST_COMPLETED, Future, wait

    waiting: set[Future] = set()  # type: ignore[type-arg]
    for item in items:
        waiting.add(executor.submit(function, item))
        if len(waiting) >= 4 * jobs:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    yield from (future.result() for future in waiting)
