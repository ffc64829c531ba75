"""Finds questions that a submission never touched, so that no worker is started for them.

Cautious by design: whenever another cell might define what the hole's cell was meant to, the tests run.
"""

from __future__ import annotations

import re

from autograder.course import Kind, Question
from autograder.intake import Submission
from autograder.intake.statements import without_magics
from autograder.intake.template import Template, normal

_ANYTHING = re.compile(r"import\s+\*|\bexec\b|\bglobals\b|\bsetattr\b|\bvars\b|%run\b")  # may define any name


def not_attempted(question: Question, submission: Submission, template: Template) -> str:
    """Say why a question was certainly not attempted; empty if its tests must decide."""
    if question.kind is Kind.ARTIFACT:
        there = question.artifact in submission.code.files
        return "" if there else f"The file {question.artifact} was not handed in."
    hole = next((cell for cell in template.cells if question.id in cell.holes), None)
    if hole is None:
        return ""  # its hole is in a further file
    mine = [cell for cell in submission.code.cells if question.id in cell.questions]
    as_given = (hole.norm, normal(without_magics(hole.source)))
    if any(normal(cell.source) not in as_given for cell in mine):
        return ""
    names = {question.name, hole.holes[question.id], *hole.defines} - {""}
    known = {text for cell in template.cells for text in (cell.norm, normal(without_magics(cell.source)))}
    texts = [cell.source for cell in submission.code.cells if normal(cell.source) not in known]
    texts += [
        data.decode("utf-8", "replace")
        for name, data in submission.code.files.items()
        if name.endswith(".py")
    ]
    if any(_may_define(text, names) for text in texts):
        return ""
    if all(cell.kind == "restored" for cell in mine):
        return f"The cell of {question.label} is missing from the notebook."
    return f"{question.label} is still as it was handed out."


def _may_define(source: str, names: set[str]) -> bool:
    return bool(_ANYTHING.search(source)) or any(re.search(rf"\b{re.escape(n)}\b", source) for n in names)
