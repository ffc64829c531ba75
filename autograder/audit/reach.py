"""Which lines of which holes run while a question is graded.

The complete submission is graded once with a line before every statement of every hole, which tells of its
first run. Grading is deterministic, so that a hole which never runs in a question cannot change that
question's result: a mistake is graded only where it can matter. And a statement that runs in no test of its
own question may be wrong at no cost.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from autograder.course import Assignment, Kind
from autograder.results import QuestionResult, SubmissionResult
from autograder.source.document import Source
from autograder.source.variants import Variant, hole_body, with_hole_bodies

_TOLD = re.compile(r"^ran hole (\d+(?:\.\d+)?) line (\d+)$", re.M)


@dataclass(frozen=True)
class Coverage:
    """What ran of each question's own hole."""

    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # statements run, of how many
    problems: tuple[tuple[str, str], ...] = ()  # question, what is wrong


def traced(source: Source) -> Variant:
    """Return the complete submission, in which each statement of a hole tells when it first runs."""
    told = {}
    for question in _holes(source):
        block = _Telling(question).visit(_parsed(source, question))
        lines = ast.unparse(ast.Module(block.body, []))
        told[question] = textwrap.indent(lines, source.place(question)[2].indent)
    return with_hole_bodies(source, told)


def reached(result: SubmissionResult, assignment: Assignment) -> dict[str, frozenset[str]]:
    """Read the traced submission's result: for each question, the holes that ran.

    A question is left out, and then counts as reached by every hole, where its output does not tell of its
    own hole, if it has one, or is so long that it may have been cut.
    """
    found: dict[str, frozenset[str]] = {}
    for question in result.questions:
        holes = frozenset(hole for hole, _ in _TOLD.findall(question.stdout))
        handed_in = assignment.question(question.id).kind is Kind.ARTIFACT
        if (question.id in holes or handed_in) and _whole(question, assignment):
            found[question.id] = holes
    return found


def covered(result: SubmissionResult, source: Source, questions: Collection[str]) -> Coverage:
    """Hold the statements that ran in each question against those of its hole.

    Args:
        result: what the traced submission came to.
        source: the assignment's source.
        questions: ids of the questions to look at.
    """
    counts, problems = {}, []
    for question in result.questions:
        if question.id not in questions or question.id not in _holes(source):
            continue
        ran = {int(line) for hole, line in _TOLD.findall(question.stdout) if hole == question.id}
        nodes = ast.walk(_parsed(source, question.id))
        lines = {s.lineno - 1 for node in nodes for block in _blocks(node) for s in block}
        counts[question.id] = (len(ran), len(lines))
        if not _whole(question, source.assignment):
            what = "its code prints so much that what ran cannot be told; print less"
        elif not ran:
            what = "its hole runs in no test of its own; write one that calls it"
        else:
            problems += [(question.id, _untried(source, question.id, line)) for line in sorted(lines - ran)]
            continue
        problems.append((question.id, f"{question.id}: {what}"))
    return Coverage(counts, tuple(problems))


class _Telling(ast.NodeTransformer):
    """Puts before every statement one that tells, once a process, that it ran."""

    def __init__(self, question: str) -> None:
        self._question = question

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for block in _blocks(node):
            block[:] = [new for statement in block for new in (self._tell(statement), statement)]
        return node

    def _tell(self, statement: ast.stmt) -> ast.stmt:
        line = statement.lineno - 1
        name = f"_ran_{self._question.replace('.', '_')}_{line}"
        told = f"print('ran hole {self._question} line {line}', flush=True)"
        return ast.parse(f"if {name!r} not in globals():\n    globals()[{name!r}] = {told}").body[0]


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Yield the lists of statements that a statement, or a part of one, holds."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block


def _parsed(source: Source, question: str) -> ast.stmt:
    """Parse a hole's lines, indented as they are, as a block; its first line is line 2."""
    return ast.parse("if True:\n" + hole_body(source, question)).body[0]


def _holes(source: Source) -> tuple[str, ...]:
    return tuple(q.id for q in source.assignment.questions if q.kind is Kind.CODE)


def _whole(question: QuestionResult, assignment: Assignment) -> bool:
    """Tell whether a question's output was surely not cut: it is at most half of what is kept."""
    return len(question.stdout) < 512 * assignment.question(question.id).limits.output_kb


def _untried(source: Source, question: str, line: int) -> str:
    _, file, hole = source.place(question)
    place = f"{file.path.name}:{hole.first + line - 1}"
    text = hole_body(source, question).split("\n")[line - 1].strip()
    return f"{question}: {place}: `{text}` runs in no test of {question}; write one that needs it, or cut it"
