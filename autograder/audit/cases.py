"""The submissions that an audit grades, and what each must come to."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from autograder.audit.automatic.mutants import AutomaticMutant, automatic_mutants
from autograder.course import Course, Kind
from autograder.source.document import Source
from autograder.source.variants import Alternative, Mutant, alternatives, mutants


class Part(StrEnum):
    """What an audit looks at."""

    TRACED = "traced"  # which holes run in which question; always looked at first

    REFERENCE = "reference"  # earns everything, whatever the grading seed
    STARTER = "starter"  # earns nothing
    MUTANTS = "mutants"  # each loses points in its own question alone
    ALTERNATIVES = "alternatives"  # each loses nothing
    AUTOMATIC = "automatic"  # nearly all small changes of the reference lose points
    THRESHOLDS = "thresholds"  # bounds on what is random fail hardly any right answer
    LEAKS = "leaks"  # nothing of solutions/ is in what students get
    TIME = "time"  # the reference stays well below its limits
    COVERAGE = "coverage"  # every line of a hole runs in some test of its question


PARTS = tuple(part for part in Part if part is not Part.TRACED)


@dataclass(frozen=True)
class Case:
    """One submission to grade, and the question that it is about."""

    part: Part
    name: str  # for people: "mutant 3.2 sum_norm"
    seed: int
    questions: tuple[str, ...]  # those to grade
    change: Mutant | Alternative | AutomaticMutant | None = field(default=None, repr=False)
    cpu_s: float = 0.0  # of an automatic mutant: CPU time for each question

    @property
    def question(self) -> str:
        """The question that a change is about."""
        return self.change.question if self.change else ""


def seeds(grading_seed: int, count: int) -> list[int]:
    """Return the grading seed and ``count - 1`` others drawn from it."""
    drawn = (hashlib.sha256(f"audit {grading_seed} {i}".encode()).digest()[:4] for i in range(1, count))
    return [grading_seed, *(int.from_bytes(data, "big") >> 1 for data in drawn)][:count]


def reference_cases(questions: tuple[str, ...], grading_seeds: Iterable[int]) -> list[Case]:
    """Return the reference under each seed."""
    return [Case(Part.REFERENCE, f"reference, seed {i}", s, questions) for i, s in enumerate(grading_seeds)]


def starter_case(questions: tuple[str, ...], seed: int) -> Case:
    """Return the untouched starter."""
    return Case(Part.STARTER, "starter", seed, questions)


def traced_case(questions: tuple[str, ...], seed: int) -> Case:
    """Return the reference that tells which lines of its holes run."""
    return Case(Part.TRACED, "traced reference", seed, questions)


def mutant_cases(
    course: Course, source: Source, seed: int, reached: Mapping[str, frozenset[str]]
) -> list[Case]:
    """Return each planted mistake; it is graded where its hole runs, for elsewhere it can change nothing.

    Args:
        course: the course's folders.
        source: the assignment's source.
        seed: the grading seed.
        reached: for each question, the questions whose holes run while it is graded.
    """
    found = []
    for mutant in mutants(course, source.assignment.slug, source):
        questions = where_it_runs(mutant.question, source, reached)
        found.append(Case(Part.MUTANTS, f"mutant {mutant.question} {mutant.name}", seed, questions, mutant))
    return found


def alternative_cases(
    course: Course, source: Source, seed: int, reached: Mapping[str, frozenset[str]]
) -> list[Case]:
    """Return each other right answer; arguments as for :func:`mutant_cases`."""
    found = []
    for other in alternatives(course, source.assignment.slug, source):
        alone = _touches_nothing_else(other, source)
        questions = where_it_runs(other.question, source, reached) if alone else scored(source)
        found.append(
            Case(Part.ALTERNATIVES, f"alternative {other.question} {other.name}", seed, questions, other)
        )
    return found


def automatic_cases(source: Source, seed: int, cpu_s: Mapping[str, float]) -> list[Case]:
    """Return each automatic mistake; it is graded in its own question alone, up to the first lost point.

    Args:
        source: the assignment's source.
        seed: the grading seed.
        cpu_s: CPU time for each question; mistakes of other questions are left out.
    """
    return [
        Case(Part.AUTOMATIC, f"automatic {m.name}", seed, (m.question,), m, cpu_s[m.question])
        for m in automatic_mutants(source) if m.question in cpu_s
    ]  # fmt: skip


def scored(source: Source) -> tuple[str, ...]:
    """Return the ids of the questions that tests score."""
    return tuple(q.id for q in source.assignment.questions if q.kind is not Kind.WRITTEN)


def where_it_runs(question: str, source: Source, reached: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Return the questions whose result one question's hole can change."""
    everywhere = frozenset({question})
    return tuple(q for q in scored(source) if q == question or question in reached.get(q, everywhere))


def _touches_nothing_else(other: Alternative, source: Source) -> bool:
    """Tell whether an alternative defines its own function and names that the reference does not know."""
    _, _, hole = source.place(other.question)
    texts = [source.notebook.text, *(file.text for file in source.files.values())]
    for node in ast.parse(other.source).body:
        line = ast.get_source_segment(other.source, node) or ""
        given = isinstance(node, ast.Import | ast.ImportFrom) and any(line in text for text in texts)
        names = _bound(node) - {hole.function}
        if not given and any(re.search(rf"\b{re.escape(n)}\b", text) for n in names for text in texts):
            return False
    return True


def _bound(node: ast.stmt) -> set[str]:
    """Return the names that a top-level statement binds."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    aliases = (
        alias for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom) for alias in n.names
    )
    return names | {(alias.asname or alias.name).split(".")[0] for alias in aliases}
