"""Which holes run while a question is graded, so that a mistake is graded only where it can matter.

The complete submission is graded once with a line in every hole that tells of its first call. Grading is
deterministic, so that a hole which never runs in a question cannot change that question's result.
"""

from __future__ import annotations

import re

from autograder.course import Assignment, Kind
from autograder.results import SubmissionResult
from autograder.source.document import Source
from autograder.source.variants import Variant, hole_body, with_hole_bodies

_TOLD = re.compile(r"^reached hole (\d+(?:\.\d+)?)$", re.M)


def traced(source: Source) -> Variant:
    """Return the complete submission, in which each hole tells when it first runs."""
    ids = [q.id for q in source.assignment.questions if q.kind is Kind.CODE]
    indents = {i: source.place(i)[2].indent for i in ids}
    return with_hole_bodies(source, {i: _told(hole_body(source, i), i, indents[i]) for i in ids})


def reached(result: SubmissionResult, assignment: Assignment) -> dict[str, frozenset[str]]:
    """Read the traced submission's result: for each question, the holes that ran.

    A question is left out, and then counts as reached by every hole, where its output does not tell of its
    own hole, or is so long that it may have been cut.
    """
    found: dict[str, frozenset[str]] = {}
    for question in result.questions:
        asked = assignment.question(question.id)
        holes = frozenset(_TOLD.findall(question.stdout))
        whole = len(question.stdout) < 512 * asked.limits.output_kb  # half of what is kept
        if question.id in holes and whole:
            found[question.id] = holes
    return found


def _told(body: str, question: str, indent: str) -> str:
    name = f"_reached_{question.replace('.', '_')}"
    tell = f"print('reached hole {question}', flush=True)"
    return f"{indent}if {name!r} not in globals():\n{indent}    globals()[{name!r}] = {tell}\n{body}"
